//! The catalogue as clients see it.

use axum::http::StatusCode;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn models_are_listed_in_openais_shape() {
    let app = TestApp::start().await;
    let list = app.get("/v1/models").send().await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!(ids, ["acme/words:v1.5", "echo", "emotion", "finder", "minilm", "net"]);
    insta::assert_snapshot!(format!("{:#}", list["data"][0]), @r#"
    {
      "id": "acme/words:v1.5",
      "object": "model",
      "created": 1780315200,
      "owned_by": "forebay",
      "kind": "text_embedding",
      "aliases": [
        "words"
      ],
      "state": "unavailable",
      "loaded": null,
      "limits": {
        "max_items": 8,
        "max_tokens": 128,
        "max_image_bytes": null,
        "max_image_pixels": null
      }
    }
    "#);
    insta::assert_snapshot!(format!("{:#}", list["data"][5]["limits"]), @r#"
    {
      "max_items": 8,
      "max_tokens": null,
      "max_image_bytes": 26214400,
      "max_image_pixels": 10000
    }
    "#);
}

#[tokio::test]
async fn a_model_is_ready_while_a_worker_lives() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/v1/models/echo").send().await.json()["state"], "unavailable");
    let _worker = app.worker().await;
    let app = app.restarted();
    assert_eq!(app.get("/v1/models/echo").send().await.json()["state"], "ready");
}

#[tokio::test]
async fn a_model_answers_to_the_configurations_names_too() {
    let app = TestApp::build().alias("text-embedding-ada-002", "words").start().await;
    let model = app.get("/v1/models/text-embedding-ada-002").send().await.json();
    assert_eq!(
        (&model["id"], &model["aliases"]),
        (&json!("acme/words:v1.5"), &json!(["words", "text-embedding-ada-002"]),)
    );
}

#[tokio::test]
async fn names_may_contain_slashes_and_colons() {
    let app = TestApp::start().await;
    for name in ["acme/words:v1.5", "acme%2Fwords%3Av1.5", "words"] {
        let answer = app.get(&format!("/v1/models/{name}")).send().await;
        assert_eq!(
            (answer.status, &answer.json()["id"]),
            (StatusCode::OK, &json!("acme/words:v1.5")),
            "{name}"
        );
    }
    let detail = app.get("/v1/models/minilm").send().await.json();
    assert_eq!((&detail["prompts"], &detail["dimensions"]), (&json!(["query", "passage"]), &json!(384)));
    assert_eq!(app.get("/v1/models/emotion").send().await.json()["labels"], json!(["happy", "sad"]));
}

#[tokio::test]
async fn an_unknown_model_is_refused_in_openais_words() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.get("/v1/models/acme/nope").send().await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": {
        "message": "there is no model `acme/nope`",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found"
      }
    }
    "#);
    let answer = app.get("/v1/models/%FF").send().await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer}");
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_refused_in_openais_words() {
    let app = TestApp::start().await;
    app.store.set_away(true);
    let app = app.restarted();
    insta::assert_snapshot!(app.get("/v1/models").send().await, @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": {
        "message": "the database cannot be reached; ask again in a moment",
        "type": "server_error",
        "param": null,
        "code": "unavailable"
      }
    }
    "#);
}

#[tokio::test]
async fn a_model_is_loaded_by_a_worker_that_serves_it_and_unloaded_by_all() {
    let app = TestApp::start().await;
    for (body, status) in [
        (json!({"model": "nope"}), StatusCode::NOT_FOUND),
        (json!({"model": "echo", "keep_alive": "soon"}), StatusCode::BAD_REQUEST),
        (json!({"model": "echo", "keep": "5m"}), StatusCode::BAD_REQUEST),
        (json!({}), StatusCode::BAD_REQUEST),
        (json!({"model": "echo", "keep_alive": "5m"}), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let answer = app.post("/v1/models/load").json(body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {answer}");
    }
    for (body, status) in
        [(json!({"model": "nope"}), StatusCode::NOT_FOUND), (json!({"model": "words"}), StatusCode::OK)]
    {
        let answer = app.post("/v1/models/unload").json(body).await;
        assert_eq!(answer.status, status, "{answer}");
        let named = &answer.json()["id"];
        assert!(status != StatusCode::OK || named == "acme/words:v1.5", "{named}");
    }
}
