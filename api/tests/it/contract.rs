//! The OpenAPI document: committed, whole, and kept by the answers.

use std::path::Path;

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

/// The names under which the document knows the types of a source, by their derivations.
fn schemas(source: &str) -> Vec<String> {
    let word = |text: &str| text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
    let (mut names, mut lines) = (Vec::new(), source.lines());
    while let Some(derived) = lines.next() {
        if !(derived.starts_with("#[derive(") && derived.contains("ToSchema")) {
            continue;
        }
        let mut given = None;
        for line in lines.by_ref() {
            let said = line.strip_prefix("#[schema(").and_then(|words| words.split("as = ").nth(1));
            given = said.map(word).or(given);
            let declared = line.strip_prefix("pub ").unwrap_or(line);
            if let Some(rest) = declared.strip_prefix("struct ").or(declared.strip_prefix("enum ")) {
                names.push(given.unwrap_or_else(|| word(rest)));
                break;
            }
        }
    }
    names
}

/// The document would have one of them in both places, and nothing else would tell.
#[test]
fn no_two_types_have_one_name_in_the_document() {
    fn walk(folder: &Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, names);
            } else {
                names.extend(schemas(&std::fs::read_to_string(&path).unwrap_or_default()));
            }
        }
    }
    let mut names = Vec::new();
    for part in ["api", "dialects", "shared"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(part).join("src"), &mut names);
    }
    assert!(["Job", "JobFile", "File"].iter().all(|name| names.iter().any(|one| one == name)), "{names:?}");
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|two| two[0] == two[1]).map(|two| &two[0]).collect();
    assert!(twice.is_empty(), "give one of each another name with `#[schema(as = …)]`: {twice:?}");
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
