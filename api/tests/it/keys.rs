//! Who may do what, and who sees whose jobs.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::store::{Keys, Scope};
use serde_json::{Value, json};

use crate::app::{Call, TestApp};

const BODY: &str = r#"{"model": "echo", "input": "a"}"#;

async fn keyed() -> TestApp {
    TestApp::build().keys().start().await
}

/// Every operation that the documentation knows, on this job.
fn operations(app: &TestApp, id: &str) -> Vec<(bool, String, Call)> {
    let document: Value = serde_json::from_str(&forebay_api::openapi_json()).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let public = operation["security"] == json!([{}]);
            let path = path.replace("{id}", id).replace("{n}", "0").replace("{name}", "echo");
            let method = method.to_uppercase();
            calls.push((public, format!("{method} {path}"), app.call(&method, &path)));
        }
    }
    assert!(calls.len() >= 13, "the documentation is whole");
    calls
}

#[tokio::test]
async fn every_operation_but_the_public_ones_asks_for_a_key() {
    let app = keyed().await;
    for (public, name, call) in operations(&app, "019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3") {
        let answer = call.text(BODY).await;
        assert_eq!(answer.status != StatusCode::UNAUTHORIZED, public, "{name}: {answer}");
        if !public {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    for path in ["/openapi.json", "/openapi.yaml", "/docs/", "/redoc"] {
        assert_eq!(app.get(path).send().await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_missing_an_unknown_and_a_dead_key_are_refused() {
    let app = keyed().await;
    insta::assert_snapshot!(app.get("/v1/jobs").send().await, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer
    {
      "type": "/problems/unauthorized",
      "title": "No valid API key was given",
      "status": 401,
      "detail": "no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`",
      "code": "unauthorized",
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(app.get("/v1/jobs").bearer("fb_unknown").send().await, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer
    {
      "type": "/problems/unauthorized",
      "title": "No valid API key was given",
      "status": 401,
      "detail": "the API key is not known",
      "code": "unauthorized",
      "request_id": "a-request"
    }
    "#);
    let (_, secret) = app.key("alice", &Scope::ALL).await;
    assert_eq!(app.get("/v1/jobs").bearer(&secret).send().await.status, StatusCode::OK);
    app.clock.advance(Duration::from_secs(3601));
    insta::assert_snapshot!(app.get("/v1/jobs").bearer(&secret).send().await, @r#"
    401 Unauthorized
    content-type: application/problem+json
    www-authenticate: Bearer
    {
      "type": "/problems/unauthorized",
      "title": "No valid API key was given",
      "status": 401,
      "detail": "the API key has expired or was revoked",
      "code": "unauthorized",
      "request_id": "a-request"
    }
    "#);
    for other in ["Basic Zm9vOmJhcg==", "Bearer", "Bearer ", "fb_x"] {
        let answer = app.get("/v1/jobs").header("authorization", other).send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{other}");
    }
}

#[tokio::test]
async fn a_key_may_stand_in_either_header() {
    let app = keyed().await;
    let (_, secret) = app.key("alice", &[Scope::Read]).await;
    for (name, value) in [
        ("authorization", format!("Bearer {secret}")),
        ("authorization", format!("bearer  {secret}")),
        ("x-api-key", secret.clone()),
    ] {
        assert_eq!(app.get("/v1/jobs").header(name, &value).send().await.status, StatusCode::OK, "{value}");
    }
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    let app = keyed().await;
    let (_, reader) = app.key("alice", &[Scope::Read]).await;
    let (_, writer) = app.key("alice", &[Scope::Write]).await;
    insta::assert_snapshot!(app.post("/v1/jobs").bearer(&reader).text(BODY).await, @r#"
    403 Forbidden
    content-type: application/problem+json
    {
      "type": "/problems/forbidden",
      "title": "The API key does not permit this",
      "status": 403,
      "detail": "the API key lacks the scope `write`",
      "code": "forbidden",
      "request_id": "a-request"
    }
    "#);
    let submitted = app.post("/v1/jobs").bearer(&writer).text(BODY).await;
    assert_eq!(submitted.status, StatusCode::ACCEPTED);
    let path = format!("/v1/jobs/{}", submitted.id());
    assert_eq!(app.get(&path).bearer(&reader).send().await.status, StatusCode::OK);
    assert_eq!(app.get(&path).bearer(&writer).send().await.status, StatusCode::FORBIDDEN);
    for call in [app.delete(&path), app.post(&format!("{path}/cancel"))] {
        assert_eq!(call.bearer(&reader).send().await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(app.get("/metrics").bearer(&reader).send().await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn another_owners_job_is_not_found_anywhere() {
    let app = keyed().await;
    let (_, alice) = app.key("alice", &Scope::ALL).await;
    let (_, bob) = app.key("bob", &Scope::ALL).await;
    let id = app.post("/v1/jobs").bearer(&alice).text(BODY).await.id();
    let unknown = app.get("/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3").bearer(&bob).send().await;
    let mut seen = 0;
    for (_, name, call) in operations(&app, &id.to_string()) {
        // Under an id of ours nothing can be put, whoever has the job.
        if !name.contains(&format!("/v1/jobs/{id}")) || name.starts_with("PUT") {
            continue;
        }
        seen += 1;
        let answer = call.bearer(&bob).send().await;
        assert_eq!((answer.status, answer.json()), (StatusCode::NOT_FOUND, unknown.json()), "{name}");
    }
    assert_eq!(seen, 9);
    let waiting = app.get(&format!("/v1/jobs/{id}")).header("prefer", "wait=5").bearer(&bob).send().await;
    assert_eq!(waiting.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/v1/jobs").bearer(&bob).send().await.json()["data"], json!([]));
    assert_eq!(app.get(&format!("/v1/jobs/{id}")).bearer(&alice).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn owners_do_not_share_idempotency_keys() {
    let app = keyed().await;
    let (_, alice) = app.key("alice", &Scope::ALL).await;
    let (_, bob) = app.key("bob", &Scope::ALL).await;
    let submit = |key: &str| app.post("/v1/jobs").bearer(key).header("idempotency-key", "k").text(BODY);
    assert_ne!(submit(&alice).await.id(), submit(&bob).await.id());
}

#[tokio::test]
async fn a_key_is_looked_up_once_in_a_while() {
    let app = keyed().await;
    let (key, secret) = app.key("alice", &[Scope::Read]).await;
    for _ in 0..5 {
        app.get("/v1/jobs").bearer(&secret).send().await;
    }
    assert_eq!(app.store.calls("key_by_hash"), 1);
    app.store.revoke_key(key.id).await.unwrap();
    app.clock.advance(Duration::from_secs(5));
    assert_eq!(app.get("/v1/jobs").bearer(&secret).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(app.store.calls("key_by_hash"), 2);
}

#[tokio::test]
async fn an_unknown_key_is_remembered_for_a_second() {
    let app = keyed().await;
    for _ in 0..5 {
        app.get("/v1/jobs").bearer("fb_unknown").send().await;
    }
    assert_eq!(app.store.calls("key_by_hash"), 1);
    app.clock.advance(Duration::from_secs(1));
    app.get("/v1/jobs").bearer("fb_unknown").send().await;
    assert_eq!(app.store.calls("key_by_hash"), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_looked_up_are_no_reason_to_send_anybody_away() {
    let app = keyed().await;
    app.store.set_away(true);
    let answer = app.get("/v1/jobs").bearer("fb_unknown").send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_open_service_ignores_keys() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/jobs").bearer("fb_unknown").text(BODY).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(app.store.calls("key_by_hash"), 0);
}

#[tokio::test]
async fn a_key_is_asked_for_before_a_body_is_read() {
    let app = keyed().await;
    let body =
        axum::body::Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let call = app.post("/v1/jobs").header("content-type", "application/json").body(body);
    assert_eq!(call.send().await.status, StatusCode::UNAUTHORIZED);
}
