//! The OpenAPI document: committed, whole, and kept by the answers.

use serde_json::{Value, json};

use crate::app::TestApp;

const COMMAND: &str = "cargo run -p forebay-api --example openapi > api/openapi.json";

fn document() -> Value {
    serde_json::from_str(&forebay_api::openapi_json()).unwrap()
}

#[test]
fn openapi_matches_committed() {
    let committed = include_str!("../../openapi.json");
    assert!(committed == forebay_api::openapi_json(), "api/openapi.json is out of date: {COMMAND}");
}

#[test]
fn postmans_files_match_committed() {
    const COMMAND: &str = "cargo run -p forebay-api --example postman";
    let committed =
        [include_str!("../../postman/collection.json"), include_str!("../../postman/environment.json")];
    for ((name, text), committed) in forebay_api::postman().into_iter().zip(committed) {
        assert!(committed == text, "api/postman/{name} is out of date: {COMMAND}");
    }
}

#[tokio::test]
async fn postmans_files_are_served_for_their_import() {
    let app = TestApp::start().await;
    for (name, text) in forebay_api::postman() {
        let served = app.get(&format!("/postman/{name}")).send().await;
        assert_eq!((served.header("content-type"), served.text()), (Some("application/json"), text.as_str()));
        let page = app.get("/").header("accept", "text/html").send().await;
        assert!(page.text().contains(&format!("/postman/{name}")), "the first page leads there");
    }
}

#[tokio::test]
async fn the_document_is_served_as_json_and_yaml() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/openapi-3.0.json").send().await.json()["openapi"], "3.0.3");
    assert_eq!(app.get("/openapi.json").send().await.json(), document());
    let yaml = app.get("/openapi.yaml").send().await;
    assert!(yaml.text().starts_with("openapi: 3.1.0"), "{}", &yaml.text()[..100]);
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, document: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    let place = reference.strip_prefix('#').expect("references stay within the document");
                    assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
                }
                object.values().for_each(|value| check(value, document));
            }
            Value::Array(values) => values.iter().for_each(|value| check(value, document)),
            _ => {}
        }
    }
    check(&document(), &document());
}

#[test]
fn every_operation_has_an_id_a_summary_and_a_tag() {
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for member in ["operationId", "summary", "tags"] {
                assert!(!operation[member].is_null(), "{method} {path} has no {member}");
            }
            let public = operation["security"] == json!([{}]);
            assert_eq!(operation["responses"]["401"].is_object(), !public, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_job_has_the_fields_that_are_documented() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/jobs").json(json!({"model": "echo", "input": "a"})).await.json();
    let documented = document()["components"]["schemas"]["Job"]["properties"].clone();
    let names = |value: &Value| {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(&answer), names(&documented));
}

#[tokio::test]
async fn the_documented_submission_is_accepted() {
    let app = TestApp::start().await;
    let example = document()["components"]["schemas"]["Submission"]["example"].clone();
    app.submit(example).await;
}
