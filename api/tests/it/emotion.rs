//! The emotion API's calls onto jobs.

mod refusals;
mod stats;

use axum::http::StatusCode;
use forebay_shared::job::{Class, Kind, Status};
use forebay_shared::queue::Consumer;
use forebay_shared::store::Scope;
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::openai::{consumer, next};
use crate::worker::labels;

/// Asks for the emotion of a text.
pub fn one() -> Value {
    json!({"model_id": "A001", "input_data": "I am so happy today!"})
}

/// Answers a call as a worker that finds this; and the job's id.
async fn answered(
    (app, queue): (&TestApp, &mut dyn Consumer),
    path: &str,
    body: Value,
    found: &[(&str, f32)],
) -> (Answer, String) {
    let worker = app.worker().await;
    let (answer, id) = tokio::join!(app.post(path).json(body), async {
        let claimed = worker.claim(next(queue).await).await;
        let (id, outcomes) = (claimed.id, (0..claimed.item_count).map(|_| labels(found)).collect());
        worker.settle(&claimed, outcomes, Vec::new()).await;
        id.to_string()
    });
    (answer, id)
}

#[tokio::test]
async fn a_prediction_is_a_job_that_is_waited_for() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app, "emotion").await;
    let (answer, id) =
        answered((&app, &mut *queue), "/predict", one(), &[("happy", 0.96), ("sad", 0.04)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(answer.header("x-forebay-job"), Some(id.as_str()));
    assert_eq!(answer.header("x-request-id"), Some("a-request"));
    insta::assert_snapshot!(answer.text(), @r#"{"model_id":"A001","emotion":"happy","confidence":0.96,"timestamp":"2026-06-01T12:00:00.000000Z","metadata":{"model_version":0,"model_size_mb":0.0}}"#);
    let job = app.get(&format!("/v1/jobs/{id}")).send().await.json();
    assert_eq!((&job["status"], &job["model"]), (&json!("succeeded"), &json!("emotion")));
    assert_eq!(job["result"]["items"][0]["output"]["labels"][0]["label"], "happy");
    let row = app.row(id.parse().unwrap()).await;
    assert_eq!((row.status, row.class), (Status::Succeeded, Class::Interactive));
}

#[tokio::test]
async fn a_batch_is_one_job_of_as_many_items() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app, "emotion").await;
    let texts = ["I am happy!", "我好开心"];
    let body = json!({"model_id": "A001", "inputs": texts});
    let (answer, id) = answered((&app, &mut *queue), "/predict/batch", body, &[("happy", 0.96)]).await;
    assert_eq!(answer.header("x-forebay-job"), Some(id.as_str()));
    insta::assert_snapshot!(answer.text(), @r#"{"model_id":"A001","predictions":[{"input":"I am happy!","emotion":"happy","confidence":"0.960"},{"input":"我好开心","emotion":"happy","confidence":"0.960"}]}"#);
    assert_eq!(app.row(id.parse().unwrap()).await.item_count, 2);
}

#[tokio::test]
async fn a_batch_has_up_to_a_hundred_texts() {
    // The native limit of this test is eight.
    let app = TestApp::start().await;
    let mut queue = consumer(&app, "emotion").await;
    let body = json!({"model_id": "A001", "inputs": vec!["a"; 100]});
    let (answer, _) = answered((&app, &mut *queue), "/predict/batch", body, &[("sad", 1.0)]).await;
    assert_eq!(answer.json()["predictions"].as_array().unwrap().len(), 100, "{answer}");
}

#[tokio::test]
async fn every_path_has_a_version_too() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app, "emotion").await;
    for path in ["/health", "/models", "/models/A001", "/stats"] {
        let (plain, versioned) =
            (app.get(path).send().await, app.get(&format!("/api/v1{path}")).send().await);
        assert_eq!((plain.status, plain.text()), (StatusCode::OK, versioned.text()));
    }
    let no_socket = app.get("/api/v1/predict/ws").send().await;
    assert_eq!(no_socket.status, StatusCode::BAD_REQUEST, "{no_socket}");
    let (answer, _) = answered((&app, &mut *queue), "/api/v1/predict", one(), &[("happy", 0.5)]).await;
    assert_eq!(answer.json()["emotion"], "happy", "{answer}");
    let body = json!({"model_id": "A001", "inputs": ["a"]});
    let (answer, _) = answered((&app, &mut *queue), "/api/v1/predict/batch", body, &[("sad", 0.5)]).await;
    assert_eq!(answer.json()["predictions"][0]["confidence"], "0.500", "{answer}");
}

#[tokio::test]
async fn health_and_models_read_as_the_document_says() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.get("/health").send().await, @r#"
    200 OK
    content-type: application/json
    {
      "status": "healthy",
      "service": "m2lorder-api",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "task": "emotion-recognition"
    }
    "#);
    insta::assert_snapshot!(app.get("/models").send().await, @r#"
    200 OK
    content-type: application/json
    [
      {
        "model_id": "A001",
        "filename": "model.onnx",
        "size_mb": 0.0,
        "version": 0,
        "timestamp": "20260601120000"
      }
    ]
    "#);
    insta::assert_snapshot!(app.get("/models/A001").send().await, @r#"
    200 OK
    content-type: application/json
    {
      "model_id": "A001",
      "filename": "model.onnx",
      "size_mb": 0.0,
      "version": 0,
      "timestamp": "20260601120000",
      "file_path": "emotion/onnx/model.onnx",
      "last_loaded": null,
      "is_loaded": false
    }
    "#);
}

#[tokio::test]
async fn models_are_those_that_find_emotions() {
    let mut mood = card("acme/mood", Kind::TextClassification);
    (mood.aliases, mood.labels) = (vec!["A201".to_owned()], vec!["neutral".to_owned()]);
    let mut spam = card("spam", Kind::TextClassification);
    (spam.aliases, spam.labels) = (vec!["A202".to_owned()], vec!["spam".to_owned()]);
    let app = TestApp::build()
        .serving(mood)
        .serving(spam)
        .emotion(|emotion| drop(emotion.models.insert("A003".to_owned(), "minilm".to_owned())))
        .start()
        .await;
    let list = app.get("/models").send().await.json();
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|model| &model["model_id"]).collect();
    assert_eq!(ids, ["A001", "A201"]);
    let detail = app.get("/models/A201").send().await.json();
    assert_eq!(detail["file_path"], "acme/mood/onnx/model.onnx");
    for id in ["A003", "A202", "A999", "emotion", "%FF"] {
        assert_eq!(app.get(&format!("/models/{id}")).send().await.status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn only_health_needs_no_key() {
    let app = TestApp::build().keys().start().await;
    assert_eq!(app.get("/health").send().await.status, StatusCode::OK);
    assert_eq!(app.get("/models").send().await.status, StatusCode::UNAUTHORIZED);
    let (_, key) = app.key("alice", &[Scope::Read]).await;
    assert_eq!(app.get("/models").header("x-api-key", &key).send().await.status, StatusCode::OK);
    let answer = app.post("/predict").header("x-api-key", &key).json(one()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "reading is not writing");
}
