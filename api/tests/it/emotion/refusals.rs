//! What is refused, in the emotion API's words.

use axum::body::Body;
use serde_json::{Value, json};

use super::one;
use crate::app::{Answer, TestApp};
use crate::openai::{consumer, next};
use crate::worker::too_long;

/// The refusal of a body, which stores nothing.
async fn refused(path: &str, body: Value) -> Answer {
    let app = TestApp::build()
        .emotion(|emotion| {
            emotion.models.insert("A002".to_owned(), "nobody".to_owned());
            emotion.models.insert("A003".to_owned(), "minilm".to_owned());
        })
        .start()
        .await;
    let answer = app.post(path).json(body).await;
    assert_eq!(app.store.calls("submit"), 0);
    assert_eq!(answer.header("x-forebay-job"), None, "there is no job");
    answer
}

#[tokio::test]
async fn an_unknown_model() {
    insta::assert_snapshot!(refused("/predict", json!({"model_id": "A999", "input_data": "a"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "Model not found",
      "detail": "Model with ID A999 does not exist",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 404
    }
    "#);
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.get("/models/A999").send().await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "Model not found",
      "detail": "Model with ID A999 does not exist",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 404
    }
    "#);
}

#[tokio::test]
async fn a_configured_model_that_nobody_has_announced() {
    insta::assert_snapshot!(refused("/predict", json!({"model_id": "A002", "input_data": "a"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "Model not found",
      "detail": "there is no model `nobody`, which `emotion.models` of the configuration names",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 404
    }
    "#);
}

#[tokio::test]
async fn a_model_that_does_something_else() {
    let body = json!({"model_id": "A003", "inputs": ["a"]});
    insta::assert_snapshot!(refused("/predict/batch", body).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "The model does not take such an input",
      "detail": "the model `minilm` does text_embedding, and this asks for text_classification",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
}

#[tokio::test]
async fn an_id_that_is_none() {
    let body = json!({"model_id": "INVALID", "input_data": "Test text"});
    insta::assert_snapshot!(refused("/predict", body).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "A field is not valid",
      "detail": "`model_id` must be an A and three digits, such as A001",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
}

#[tokio::test]
async fn texts_beyond_their_limits() {
    let body = json!({"model_id": "A001", "input_data": "a".repeat(1001)});
    insta::assert_snapshot!(refused("/predict", body).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "A field is not valid",
      "detail": "`input_data` has 1001 characters, the limit is 1000",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
    let body = json!({"model_id": "A001", "inputs": vec!["a"; 101]});
    insta::assert_snapshot!(refused("/predict/batch", body).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "There are too many items",
      "detail": "`inputs` has 101 texts, the limit is 100",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
    let body = json!({"model_id": "A001", "inputs": ["a", ""]});
    insta::assert_snapshot!(refused("/api/v1/predict/batch", body).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "There is no input",
      "detail": "`inputs[1]` must have from 1 to 1000 characters",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    insta::assert_snapshot!(refused("/predict", json!({"model_id": "A001"})).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "A field is missing",
      "detail": "missing field `input_data`",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
    insta::assert_snapshot!(refused("/predict", json!({"model_id": "A001", "input_data": 7})).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "A field is not valid",
      "detail": "`input_data`: invalid type: integer `7`, expected a string",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.post("/predict").text("{").await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "The body is not valid JSON",
      "detail": "EOF while parsing an object at line 1 column 1",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
    let form = app.post("/predict").header("content-type", "application/x-www-form-urlencoded");
    insta::assert_snapshot!(form.body(Body::from("model_id=A001")).send().await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "The content type is not supported",
      "detail": "`Content-Type`: send `application/json`",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
}

#[tokio::test]
async fn no_bad_input_is_answered_with_422() {
    for (path, body) in [
        ("/predict", json!([])),
        ("/predict", json!({})),
        ("/predict", json!({"model_id": 1, "input_data": "a"})),
        ("/predict", json!({"model_id": "A001", "input_data": null})),
        ("/predict/batch", json!({"model_id": "A001", "inputs": [[]]})),
        ("/predict/batch", json!({"model_id": "a001", "inputs": ["a"]})),
        ("/predict/batch", json!({"model_id": "A404", "inputs": ["a"]})),
    ] {
        let answer = refused(path, body).await;
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
        assert_eq!(answer.json()["status_code"], answer.status.as_u16());
    }
}

#[tokio::test]
async fn a_text_that_the_model_cannot_take() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "emotion").await);
    let (answer, id) = tokio::join!(app.post("/predict").json(one()), async {
        let id = next(&mut *queue).await;
        worker.finish(id, vec![too_long()]).await;
        id.to_string()
    });
    assert_eq!(answer.header("x-forebay-job"), Some(id.as_str()));
    insta::assert_snapshot!(answer, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "The model could not take an input",
      "detail": "`input_data`: input 0: the text has 150 tokens, the limit is 128",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 400
    }
    "#);
}

#[tokio::test]
async fn too_much_is_waiting() {
    let app = TestApp::build()
        .limits(|limits| {
            limits.max_queued_jobs = 1;
            limits.max_queued_jobs_per_owner = 1;
        })
        .start()
        .await;
    app.submit(json!({"model": "emotion", "input": "a"})).await;
    insta::assert_snapshot!(app.post("/predict").json(one()).await, @r#"
    429 Too Many Requests
    content-type: application/json
    retry-after: 1
    {
      "error": "Too much is waiting already",
      "detail": "the queue of the model `emotion` has the 1 jobs that it may have",
      "timestamp": "2026-06-01T12:00:00.001000Z",
      "status_code": 429
    }
    "#);
}

#[tokio::test]
async fn no_key_and_another_method() {
    let app = TestApp::build().keys().start().await;
    insta::assert_snapshot!(app.post("/predict").json(one()).await, @r#"
    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    {
      "error": "No valid API key was given",
      "detail": "no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 401
    }
    "#);
    insta::assert_snapshot!(app.get("/api/v1/predict").send().await, @r#"
    405 Method Not Allowed
    content-type: application/json
    allow: POST
    {
      "error": "The method is not allowed here",
      "detail": "GET is not allowed here; see the header `Allow`",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 405
    }
    "#);
    insta::assert_snapshot!(app.get("/api/v1/nothing").send().await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "There is nothing here",
      "detail": "there is nothing at GET /api/v1/nothing",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 404
    }
    "#);
}

#[tokio::test]
async fn a_database_that_is_away() {
    let app = TestApp::start().await.restarted();
    app.store.set_away(true);
    insta::assert_snapshot!(app.get("/health").send().await, @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": "The service is not available",
      "detail": "the database cannot be reached; ask again in a moment",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 503
    }
    "#);
}
