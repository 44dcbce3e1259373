//! Errors that no handler saw, in the words of the path they happened at.

use std::fmt::Write;

use axum::body::Body;
use axum::http::StatusCode;
use forebay_shared::config::Size;
use forebay_shared::store::Scope;
use serde_json::{Value, json};

use crate::app::{Answer, Builder, TestApp};

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
