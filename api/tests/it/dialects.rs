//! Errors that no handler saw, in the words of the path they happened at.

mod calls;

use std::fmt::Write;

use axum::body::Body;
use axum::http::StatusCode;
use forebay_shared::config::Size;
use forebay_shared::store::Scope;
use serde_json::json;

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
const POSTED: [&str; 21] = [
    "/v1/jobs",
    "/v1/bulk",
    "/v1/schedules",
    "/v1/webhooks",
    "/v1/embeddings",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/uploads",
    "/predict",
    "/predict/batch",
    "/api/v1/predict",
    "/api/v1/predict/batch",
    "/tasks",
    "/process",
    "/api/embed",
    "/api/generate",
    "/api/pull",
    "/v2/models/minilm/infer",
    "/v2/repository/models/minilm/load",
    "/tei/embed",
    "/tei/rerank",
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

/// What `ask` is refused with at each path.
async fn each(
    status: StatusCode,
    building: Builder,
    ask: impl AsyncFn(&TestApp, &'static str) -> Answer,
) -> String {
    let (app, mut told) = (building.start().await, String::new());
    for path in POSTED {
        let answer = ask(&app, path).await;
        check(path, status, &answer);
        writeln!(told, "{path} {}", answer.text()).unwrap();
    }
    told
}

#[tokio::test]
async fn nobody_is_answered_without_a_key() {
    let told = each(StatusCode::UNAUTHORIZED, TestApp::build().keys(), async |app, path| {
        app.post(path).json(json!({})).await
    });
    insta::assert_snapshot!(told.await, @r#"
    /v1/jobs {"type":"/problems/unauthorized","title":"No valid API key was given","status":401,"detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","code":"unauthorized","request_id":"a-request"}
    /v1/bulk {"type":"/problems/unauthorized","title":"No valid API key was given","status":401,"detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","code":"unauthorized","request_id":"a-request"}
    /v1/schedules {"type":"/problems/unauthorized","title":"No valid API key was given","status":401,"detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","code":"unauthorized","request_id":"a-request"}
    /v1/webhooks {"type":"/problems/unauthorized","title":"No valid API key was given","status":401,"detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","code":"unauthorized","request_id":"a-request"}
    /v1/embeddings {"error":{"message":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}
    /v1/moderations {"error":{"message":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}
    /v1/images/generations {"error":{"message":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}
    /v1/uploads {"error":{"message":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}
    /predict {"error":"No valid API key was given","detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":401}
    /predict/batch {"error":"No valid API key was given","detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":401}
    /api/v1/predict {"error":"No valid API key was given","detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":401}
    /api/v1/predict/batch {"error":"No valid API key was given","detail":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":401}
    /tasks {"detail":"Invalid API Key"}
    /process {"detail":"Invalid API Key"}
    /api/embed {"error":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`"}
    /api/generate {"error":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`"}
    /api/pull {"error":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`"}
    /v2/models/minilm/infer {"error":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`"}
    /v2/repository/models/minilm/load {"error":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`"}
    /tei/embed {"error":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","error_type":"Validation"}
    /tei/rerank {"error":"no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`","error_type":"Validation"}
    "#);
}

#[tokio::test]
async fn what_a_path_does_not_do() {
    let told = each(StatusCode::METHOD_NOT_ALLOWED, TestApp::build(), async |app, path| {
        let answer = app.call("TRACE", path).send().await;
        assert!(answer.header("allow").unwrap().contains("POST"), "{path}: {answer}");
        answer
    });
    insta::assert_snapshot!(told.await, @r#"
    /v1/jobs {"type":"/problems/method_not_allowed","title":"The method is not allowed here","status":405,"detail":"TRACE is not allowed here; see the header `Allow`","code":"method_not_allowed","request_id":"a-request"}
    /v1/bulk {"type":"/problems/method_not_allowed","title":"The method is not allowed here","status":405,"detail":"TRACE is not allowed here; see the header `Allow`","code":"method_not_allowed","request_id":"a-request"}
    /v1/schedules {"type":"/problems/method_not_allowed","title":"The method is not allowed here","status":405,"detail":"TRACE is not allowed here; see the header `Allow`","code":"method_not_allowed","request_id":"a-request"}
    /v1/webhooks {"type":"/problems/method_not_allowed","title":"The method is not allowed here","status":405,"detail":"TRACE is not allowed here; see the header `Allow`","code":"method_not_allowed","request_id":"a-request"}
    /v1/embeddings {"error":{"message":"TRACE is not allowed here; see the header `Allow`","type":"invalid_request_error","param":null,"code":null}}
    /v1/moderations {"error":{"message":"TRACE is not allowed here; see the header `Allow`","type":"invalid_request_error","param":null,"code":null}}
    /v1/images/generations {"error":{"message":"TRACE is not allowed here; see the header `Allow`","type":"invalid_request_error","param":null,"code":null}}
    /v1/uploads {"error":{"message":"TRACE is not allowed here; see the header `Allow`","type":"invalid_request_error","param":null,"code":null}}
    /predict {"error":"The method is not allowed here","detail":"TRACE is not allowed here; see the header `Allow`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":405}
    /predict/batch {"error":"The method is not allowed here","detail":"TRACE is not allowed here; see the header `Allow`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":405}
    /api/v1/predict {"error":"The method is not allowed here","detail":"TRACE is not allowed here; see the header `Allow`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":405}
    /api/v1/predict/batch {"error":"The method is not allowed here","detail":"TRACE is not allowed here; see the header `Allow`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":405}
    /tasks {"error":"TRACE is not allowed here; see the header `Allow`"}
    /process {"error":"TRACE is not allowed here; see the header `Allow`"}
    /api/embed {"error":"TRACE is not allowed here; see the header `Allow`"}
    /api/generate {"error":"TRACE is not allowed here; see the header `Allow`"}
    /api/pull {"error":"TRACE is not allowed here; see the header `Allow`"}
    /v2/models/minilm/infer {"error":"TRACE is not allowed here; see the header `Allow`"}
    /v2/repository/models/minilm/load {"error":"TRACE is not allowed here; see the header `Allow`"}
    /tei/embed {"error":"TRACE is not allowed here; see the header `Allow`","error_type":"Validation"}
    /tei/rerank {"error":"TRACE is not allowed here; see the header `Allow`","error_type":"Validation"}
    "#);
}

#[tokio::test]
async fn what_is_not_there() {
    let told = each(StatusCode::NOT_FOUND, TestApp::build(), async |app, path| {
        app.get(&format!("{path}/no/such/thing")).send().await
    });
    insta::assert_snapshot!(told.await, @r#"
    /v1/jobs {"type":"/problems/not_found","title":"There is nothing here","status":404,"detail":"there is nothing at GET /v1/jobs/no/such/thing","code":"not_found","request_id":"a-request"}
    /v1/bulk {"type":"/problems/not_found","title":"There is nothing here","status":404,"detail":"there is nothing at GET /v1/bulk/no/such/thing","code":"not_found","request_id":"a-request"}
    /v1/schedules {"type":"/problems/not_found","title":"There is nothing here","status":404,"detail":"there is nothing at GET /v1/schedules/no/such/thing","code":"not_found","request_id":"a-request"}
    /v1/webhooks {"type":"/problems/not_found","title":"There is nothing here","status":404,"detail":"there is nothing at GET /v1/webhooks/no/such/thing","code":"not_found","request_id":"a-request"}
    /v1/embeddings {"error":{"message":"there is nothing at GET /v1/embeddings/no/such/thing","type":"invalid_request_error","param":null,"code":null}}
    /v1/moderations {"error":{"message":"there is nothing at GET /v1/moderations/no/such/thing","type":"invalid_request_error","param":null,"code":null}}
    /v1/images/generations {"error":{"message":"there is nothing at GET /v1/images/generations/no/such/thing","type":"invalid_request_error","param":null,"code":null}}
    /v1/uploads {"error":{"message":"there is nothing at GET /v1/uploads/no/such/thing","type":"invalid_request_error","param":null,"code":null}}
    /predict {"error":"There is nothing here","detail":"there is nothing at GET /predict/no/such/thing","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
    /predict/batch {"error":"There is nothing here","detail":"there is nothing at GET /predict/batch/no/such/thing","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
    /api/v1/predict {"error":"There is nothing here","detail":"there is nothing at GET /api/v1/predict/no/such/thing","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
    /api/v1/predict/batch {"error":"There is nothing here","detail":"there is nothing at GET /api/v1/predict/batch/no/such/thing","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
    /tasks {"error":"Task not found"}
    /process {"error":"Task not found"}
    /api/embed {"error":"there is nothing at GET /api/embed/no/such/thing"}
    /api/generate {"error":"there is nothing at GET /api/generate/no/such/thing"}
    /api/pull {"error":"there is nothing at GET /api/pull/no/such/thing"}
    /v2/models/minilm/infer {"error":"there is no model `minilm/infer/no/such/thing`"}
    /v2/repository/models/minilm/load {"error":"there is nothing at GET /v2/repository/models/minilm/load/no/such/thing"}
    /tei/embed {"error":"there is nothing at GET /tei/embed/no/such/thing","error_type":"Validation"}
    /tei/rerank {"error":"there is nothing at GET /tei/rerank/no/such/thing","error_type":"Validation"}
    "#);
}

#[tokio::test]
async fn what_is_too_large() {
    let small = TestApp::build()
        .limits(|limits| (limits.max_body, limits.max_upload) = (Size::new(64), Size::new(64)));
    let told = each(StatusCode::PAYLOAD_TOO_LARGE, small, async |app, path| {
        let body = Body::from(json!({"input": "word ".repeat(300_000)}).to_string());
        app.post(path).header("content-type", "application/json").body(body).send().await
    });
    insta::assert_snapshot!(told.await, @r#"
    /v1/jobs {"type":"/problems/body_too_large","title":"The body is too large","status":413,"detail":"the body is larger than 64 B","code":"body_too_large","limit":64,"request_id":"a-request"}
    /v1/bulk {"type":"/problems/body_too_large","title":"The body is too large","status":413,"detail":"the body is larger than 64 B","code":"body_too_large","limit":64,"request_id":"a-request"}
    /v1/schedules {"type":"/problems/body_too_large","title":"The body is too large","status":413,"detail":"the body is larger than 1.0 MiB","code":"body_too_large","limit":1048576,"request_id":"a-request"}
    /v1/webhooks {"type":"/problems/body_too_large","title":"The body is too large","status":413,"detail":"the body is larger than 64.0 KiB","code":"body_too_large","limit":65536,"request_id":"a-request"}
    /v1/embeddings {"error":{"message":"the body is larger than 64 B","type":"invalid_request_error","param":null,"code":"body_too_large"}}
    /v1/moderations {"error":{"message":"the body is larger than 64 B","type":"invalid_request_error","param":null,"code":"body_too_large"}}
    /v1/images/generations {"error":{"message":"the body is larger than 64 B","type":"invalid_request_error","param":null,"code":"body_too_large"}}
    /v1/uploads {"error":{"message":"the body is larger than 64 B","type":"invalid_request_error","param":null,"code":"body_too_large"}}
    /predict {"error":"The body is too large","detail":"the body is larger than 64 B","timestamp":"2026-06-01T12:00:00.000000Z","status_code":413}
    /predict/batch {"error":"The body is too large","detail":"the body is larger than 64 B","timestamp":"2026-06-01T12:00:00.000000Z","status_code":413}
    /api/v1/predict {"error":"The body is too large","detail":"the body is larger than 64 B","timestamp":"2026-06-01T12:00:00.000000Z","status_code":413}
    /api/v1/predict/batch {"error":"The body is too large","detail":"the body is larger than 64 B","timestamp":"2026-06-01T12:00:00.000000Z","status_code":413}
    /tasks {"error":"the body is larger than 64 B"}
    /process {"error":"the body is larger than 64 B"}
    /api/embed {"error":"the body is larger than 64 B"}
    /api/generate {"error":"the body is larger than 64 B"}
    /api/pull {"error":"the body is larger than 64 B"}
    /v2/models/minilm/infer {"error":"the body is larger than 64 B"}
    /v2/repository/models/minilm/load {"error":"the body is larger than 64 B"}
    /tei/embed {"error":"the body is larger than 64 B","error_type":"Validation"}
    /tei/rerank {"error":"the body is larger than 64 B","error_type":"Validation"}
    "#);
}

#[tokio::test]
async fn what_comes_too_often() {
    let slow = TestApp::build().rates(|rates| {
        rates.address_requests = Some("1/h".parse().unwrap());
        rates.image_task_requests = rates.address_requests;
    });
    let told = each(StatusCode::TOO_MANY_REQUESTS, slow, async |app, path| {
        // The first of an address is let in, whatever becomes of it.
        app.get(path).send().await;
        let answer = app.post(path).json(json!({})).await;
        assert!(answer.header("retry-after").is_some(), "{path}: {answer}");
        answer
    });
    insta::assert_snapshot!(told.await, @r#"
    /v1/jobs {"type":"/problems/too_many_requests","title":"There are too many requests","status":429,"detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","code":"too_many_requests","limit":1,"request_id":"a-request"}
    /v1/bulk {"type":"/problems/too_many_requests","title":"There are too many requests","status":429,"detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","code":"too_many_requests","limit":1,"request_id":"a-request"}
    /v1/schedules {"type":"/problems/too_many_requests","title":"There are too many requests","status":429,"detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","code":"too_many_requests","limit":1,"request_id":"a-request"}
    /v1/webhooks {"type":"/problems/too_many_requests","title":"There are too many requests","status":429,"detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","code":"too_many_requests","limit":1,"request_id":"a-request"}
    /v1/embeddings {"error":{"message":"your address has made the requests that it may, 1/h; ask again in 3600 s","type":"requests","param":null,"code":"rate_limit_exceeded"}}
    /v1/moderations {"error":{"message":"your address has made the requests that it may, 1/h; ask again in 3600 s","type":"requests","param":null,"code":"rate_limit_exceeded"}}
    /v1/images/generations {"error":{"message":"your address has made the requests that it may, 1/h; ask again in 3600 s","type":"requests","param":null,"code":"rate_limit_exceeded"}}
    /v1/uploads {"error":{"message":"your address has made the requests that it may, 1/h; ask again in 3600 s","type":"requests","param":null,"code":"rate_limit_exceeded"}}
    /predict {"error":"There are too many requests","detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","timestamp":"2026-06-01T12:00:00.000000Z","status_code":429}
    /predict/batch {"error":"There are too many requests","detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","timestamp":"2026-06-01T12:00:00.000000Z","status_code":429}
    /api/v1/predict {"error":"There are too many requests","detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","timestamp":"2026-06-01T12:00:00.000000Z","status_code":429}
    /api/v1/predict/batch {"error":"There are too many requests","detail":"your address has made the requests that it may, 1/h; ask again in 3600 s","timestamp":"2026-06-01T12:00:00.000000Z","status_code":429}
    /tasks {"error":"Too many requests"}
    /process {"error":"Too many requests"}
    /api/embed {"error":"your address has made the requests that it may, 1/h; ask again in 3600 s"}
    /api/generate {"error":"your address has made the requests that it may, 1/h; ask again in 3600 s"}
    /api/pull {"error":"your address has made the requests that it may, 1/h; ask again in 3600 s"}
    /v2/models/minilm/infer {"error":"your address has made the requests that it may, 1/h; ask again in 3600 s"}
    /v2/repository/models/minilm/load {"error":"your address has made the requests that it may, 1/h; ask again in 3600 s"}
    /tei/embed {"error":"your address has made the requests that it may, 1/h; ask again in 3600 s","error_type":"Overloaded"}
    /tei/rerank {"error":"your address has made the requests that it may, 1/h; ask again in 3600 s","error_type":"Overloaded"}
    "#);
}
