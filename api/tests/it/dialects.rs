//! Errors that no handler saw, in the words of the path they happened at.

use std::fmt::Write;

use axum::http::StatusCode;
use forebay_shared::store::Scope;

use crate::app::TestApp;

#[tokio::test]
async fn unknown_paths_answer_in_their_dialects() {
    let app = TestApp::start().await;
    let mut told = String::new();
    for path in [
        "/v1/jobs/1/2/3",
        "/v1/chat/completions",
        "/predictions",
        "/tasks/1",
        "/api/push",
        "/v2/else",
        "/tei/tokenize",
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

    GET /api/push
    404 Not Found
    content-type: application/json
    {
      "error": "there is nothing at GET /api/push"
    }

    GET /v2/else
    404 Not Found
    content-type: application/json
    {
      "error": "there is nothing at GET /v2/else"
    }

    GET /tei/tokenize
    404 Not Found
    content-type: application/json
    {
      "error": "there is nothing at GET /tei/tokenize",
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
    allow: GET,HEAD
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
