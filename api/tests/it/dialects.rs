//! What is the same in every dialect, each in its own words: errors that no handler saw, and calls that somebody ends.

use std::fmt::Write;

use axum::body::Body;
use axum::http::StatusCode;
use forebay_shared::config::Size;
use forebay_shared::job::{Kind, Status};
use forebay_shared::store::Scope;
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::{Answer, Builder, TestApp};
use crate::bodies::{base64, png};
use crate::openai::{consumer, taken};

#[tokio::test]
async fn unknown_paths_answer_in_their_dialects() {
    let app = TestApp::start().await;
    let mut told = String::new();
    for path in [
        "/v1/jobs/1/2/3",
        "/v1/chat/completions",
        "/predictions",
        "/tasks/1",
        "/api/else",
        "/v2/else",
        "/tei/embed_sparse",
    ] {
        let answer = app.get(path).send().await;
        writeln!(told, "GET {path}\n{answer}").unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    GET /v1/jobs/1/2/3
    404 Not Found
    content-type: application/problem+json
    {
      "type": "/problems/not_found",
      "title": "There is nothing here",
      "status": 404,
      "detail": "there is nothing at GET /v1/jobs/1/2/3",
      "code": "not_found",
      "request_id": "a-request"
    }

    GET /v1/chat/completions
    404 Not Found
    content-type: application/json
    {
      "error": {
        "message": "there is nothing at GET /v1/chat/completions",
        "type": "invalid_request_error",
        "param": null,
        "code": null
      }
    }

    GET /predictions
    404 Not Found
    content-type: application/json
    {
      "error": "There is nothing here",
      "detail": "there is nothing at GET /predictions",
      "timestamp": "2026-06-01T12:00:00.000000Z",
      "status_code": 404
    }

    GET /tasks/1
    404 Not Found
    content-type: application/json
    {
      "error": "Task not found"
    }

    GET /api/else
    404 Not Found
    content-type: application/json
    {
      "error": "there is nothing at GET /api/else"
    }

    GET /v2/else
    404 Not Found
    content-type: application/json
    {
      "error": "there is nothing at GET /v2/else"
    }

    GET /tei/embed_sparse
    404 Not Found
    content-type: application/json
    {
      "error": "there is nothing at GET /tei/embed_sparse",
      "error_type": "Validation"
    }
    "#);
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.call("PUT", "/v1/jobs").send().await, @r#"
    405 Method Not Allowed
    content-type: application/problem+json
    allow: POST,GET,HEAD
    {
      "type": "/problems/method_not_allowed",
      "title": "The method is not allowed here",
      "status": 405,
      "detail": "PUT is not allowed here; see the header `Allow`",
      "code": "method_not_allowed",
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(app.call("DELETE", "/v1/models").send().await, @r#"
    405 Method Not Allowed
    content-type: application/json
    allow: GET,HEAD,POST
    {
      "error": {
        "message": "DELETE is not allowed here; see the header `Allow`",
        "type": "invalid_request_error",
        "param": null,
        "code": null
      }
    }
    "#);
    insta::assert_snapshot!(app.call("POST", "/").send().await, @r#"
    405 Method Not Allowed
    content-type: application/json
    allow: GET,HEAD
    {
      "error": "POST is not allowed here; see the header `Allow`"
    }
    "#);
}

#[tokio::test]
async fn a_missing_key_is_refused_in_the_paths_dialect() {
    let app = TestApp::build().keys().start().await;
    insta::assert_snapshot!(app.get("/v1/models").send().await, @r#"
    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    {
      "error": {
        "message": "no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`",
        "type": "invalid_request_error",
        "param": null,
        "code": "invalid_api_key"
      }
    }
    "#);
    let (_, writer) = app.key("alice", &[Scope::Write]).await;
    let answer = app.get("/v1/models").bearer(&writer).send().await;
    assert_eq!(
        (answer.status, &answer.json()["error"]["type"]),
        (StatusCode::FORBIDDEN, &"permission_error".into())
    );
}

/// A path of each prefix under which something can be posted.
const POSTED: [&str; 14] = [
    "/v1/jobs",
    "/v1/bulk",
    "/v1/schedules",
    "/v1/webhooks",
    "/v1/embeddings",
    "/v1/uploads",
    "/predict",
    "/predict/batch",
    "/api/v1/predict",
    "/tasks",
    "/process",
    "/api/embed",
    "/v2/models/minilm/infer",
    "/tei/embed",
];

/// The words that a refusal at the path is made of; of errors within an error the inner ones.
fn words(path: &str) -> &'static [&'static str] {
    match path.split('/').skip(1).collect::<Vec<_>>()[..] {
        ["v1", "jobs" | "bulk" | "schedules" | "webhooks", ..] => {
            &["type", "title", "status", "detail", "code", "request_id"]
        }
        ["v1", ..] => &["message", "type", "param", "code"],
        ["predict" | "models" | "health" | "stats", ..] | ["api", "v1", ..] => {
            &["error", "detail", "timestamp", "status_code"]
        }
        ["tei", ..] => &["error", "error_type"],
        _ => &["error"],
    }
}

/// Holds a refusal that no handler made against the table of dialects.
fn check(path: &str, status: StatusCode, answer: &Answer) {
    assert_eq!(answer.status, status, "{path}: {answer}");
    let body = answer.json();
    if status == StatusCode::UNAUTHORIZED && ["/tasks", "/process"].contains(&path) {
        assert_eq!(body, json!({"detail": "Invalid API Key"}), "{path}");
        return;
    }
    let told = body.get("error").filter(|error| error.is_object()).unwrap_or(&body);
    // The limit that was exceeded is told by those that have a word for it.
    let names: Vec<_> = told.as_object().unwrap().keys().filter(|name| *name != "limit").collect();
    assert_eq!(names, words(path), "{path}: {answer}");
    let own = [&told["status"], &told["status_code"]];
    assert!(own.into_iter().all(|own| own.is_null() || *own == status.as_u16()), "{path}: {answer}");
    let kind =
        if words(path).contains(&"request_id") { "application/problem+json" } else { "application/json" };
    assert_eq!(answer.header("content-type"), Some(kind), "{path}");
}

async fn each(status: StatusCode, building: Builder, ask: impl AsyncFn(&TestApp, &'static str) -> Answer) {
    let app = building.start().await;
    for path in POSTED {
        check(path, status, &ask(&app, path).await);
    }
}

#[tokio::test]
async fn what_is_refused_before_a_handler_is_refused_in_the_paths_words_everywhere() {
    let nothing: fn() -> Value = || json!({});
    each(StatusCode::UNAUTHORIZED, TestApp::build().keys(), async |app, path| {
        app.post(path).json(nothing()).await
    })
    .await;
    each(StatusCode::METHOD_NOT_ALLOWED, TestApp::build(), async |app, path| {
        let answer = app.call("TRACE", path).send().await;
        assert!(answer.header("allow").unwrap().contains("POST"), "{path}: {answer}");
        answer
    })
    .await;
    each(StatusCode::NOT_FOUND, TestApp::build(), async |app, path| {
        app.get(&format!("{path}/no/such/thing")).send().await
    })
    .await;
    let small = TestApp::build()
        .limits(|limits| (limits.max_body, limits.max_upload) = (Size::new(64), Size::new(64)));
    each(StatusCode::PAYLOAD_TOO_LARGE, small, async |app, path| {
        let body = Body::from(json!({"input": "word ".repeat(300_000)}).to_string());
        app.post(path).header("content-type", "application/json").body(body).send().await
    })
    .await;
    let slow = TestApp::build().rates(|rates| {
        rates.address_requests = Some("1/h".parse().unwrap());
        rates.image_task_requests = rates.address_requests;
    });
    each(StatusCode::TOO_MANY_REQUESTS, slow, async |app, path| {
        // The first of an address is let in, whatever becomes of it.
        app.get(path).send().await;
        app.post(path).json(nothing()).await
    })
    .await;
}

/// A call of each kind that waits for a job: its path, its body, and the model that is to do it.
fn calls() -> Vec<(&'static str, Value, &'static str)> {
    let picture = base64(&png(3, 2));
    let tensor = json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]});
    let message = json!({"role": "user", "content": "what is it?", "images": [picture]});
    vec![
        ("/v1/embeddings", json!({"model": "minilm", "input": "a"}), "minilm"),
        ("/v1/moderations", json!({"input": "a"}), "emotion"),
        ("/api/embed", json!({"model": "minilm", "input": "a"}), "minilm"),
        ("/api/embeddings", json!({"model": "minilm", "prompt": "a"}), "minilm"),
        ("/api/generate", json!({"model": "net", "images": [picture]}), "net"),
        ("/api/generate", json!({"model": "net", "images": [picture], "stream": false}), "net"),
        ("/api/chat", json!({"model": "net", "messages": [message]}), "net"),
        ("/v2/models/minilm/infer", json!({"inputs": [tensor]}), "minilm"),
        ("/v2/models/minilm/versions/1/infer", json!({"inputs": [tensor]}), "minilm"),
        ("/tei/embed", json!({"inputs": "a"}), "minilm"),
        ("/tei/embed_all", json!({"inputs": "a"}), "minilm"),
        ("/tei/predict", json!({"inputs": "a"}), "emotion"),
        ("/tei/rerank", json!({"query": "a", "texts": ["b"]}), "ranker"),
        ("/tei/similarity", json!({"inputs": {"source_sentence": "a", "sentences": ["b"]}}), "twin"),
        ("/tei/tokenize", json!({"inputs": "a"}), "minilm"),
        ("/tei/decode", json!({"ids": [1]}), "minilm"),
        ("/predict", json!({"model_id": "A001", "input_data": "a"}), "emotion"),
        ("/predict/batch", json!({"model_id": "A001", "inputs": ["a"]}), "emotion"),
        ("/api/v1/predict", json!({"model_id": "A001", "input_data": "a"}), "emotion"),
        ("/process", json!({"data": picture}), "net"),
    ]
}

async fn with_all_models() -> TestApp {
    let builder = TestApp::build().serving(card("ranker", Kind::Rerank));
    builder.serving(card("twin", Kind::TextSimilarity)).start().await
}

#[tokio::test]
async fn a_call_whose_job_somebody_cancels_ends_in_its_dialects_words() {
    let mut told = String::new();
    for (path, body, model) in calls() {
        let app = with_all_models().await;
        let mut queue = consumer(&app, model).await;
        let (answer, id) = tokio::join!(app.post(path).json(body), async {
            let id = taken(&mut *queue).await;
            let cancelled = app.post(&format!("/v1/jobs/{id}/cancel")).send().await;
            assert_eq!(cancelled.status, StatusCode::OK, "{path}: {cancelled}");
            id
        });
        assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        writeln!(told, "{path} {} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    /v1/embeddings 409 {"error":{"message":"the job was cancelled","type":"invalid_request_error","param":null,"code":"job_cancelled"}}
    /v1/moderations 409 {"error":{"message":"the job was cancelled","type":"invalid_request_error","param":null,"code":"job_cancelled"}}
    /api/embed 409 {"error":"the job was cancelled"}
    /api/embeddings 409 {"error":"the job was cancelled"}
    /api/generate 409 {"error":"the job was cancelled"}
    /api/generate 409 {"error":"the job was cancelled"}
    /api/chat 409 {"error":"the job was cancelled"}
    /v2/models/minilm/infer 409 {"error":"the job was cancelled"}
    /v2/models/minilm/versions/1/infer 409 {"error":"the job was cancelled"}
    /tei/embed 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/embed_all 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/predict 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/rerank 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/similarity 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/tokenize 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/decode 409 {"error":"the job was cancelled","error_type":"Validation"}
    /predict 409 {"error":"The job was cancelled","detail":"the job was cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":409}
    /predict/batch 409 {"error":"The job was cancelled","detail":"the job was cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":409}
    /api/v1/predict 409 {"error":"The job was cancelled","detail":"the job was cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":409}
    /process 409 {"error":"the job was cancelled"}
    "#);
}

#[tokio::test]
async fn who_hangs_up_cancels_the_job_in_every_dialect_unless_it_is_detached() {
    for (path, body, model) in calls() {
        let app = with_all_models().await;
        let mut queue = consumer(&app, model).await;
        for (detach, then) in [("false", Status::Cancelled), ("true", Status::Queued)] {
            let call = app.post(path).header("x-forebay-detach", detach).json(body.clone());
            let mut call = Box::pin(call);
            let id = tokio::select! {
                answer = &mut call => panic!("nobody works: {path}: {answer}"),
                id = taken(&mut *queue) => id,
            };
            drop(call);
            app.eventually(async || app.row(id).await.status == then).await;
        }
        assert_eq!(app.store.calls("cancel"), 1, "{path}");
    }
}
