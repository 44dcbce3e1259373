//! Jobs that are to run later, and jobs that must not run too late.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::clock::Clock;
use forebay_shared::queue::Producer;
use forebay_shared::store::{Expiry, Handover, Route};
use serde_json::{Value, json};

use crate::app::TestApp;

fn echo(extra: Value) -> Value {
    let Value::Object(mut body) = extra else { panic!("the extra fields are an object") };
    body.extend([("model".to_owned(), json!("echo")), ("input".to_owned(), json!("a"))]);
    Value::Object(body)
}

/// Status, code and field of a refusal.
async fn refused(extra: Value, header: Option<&str>) -> (StatusCode, String, String) {
    let app = TestApp::start().await;
    let mut request = app.post("/v1/jobs");
    if let Some(value) = header {
        request = request.header("cancel-after", value);
    }
    let answer = request.json(echo(extra)).await;
    assert_eq!(app.store.calls("submit"), 0);
    let word = |name: &str| answer.json()[name].as_str().unwrap_or_default().to_owned();
    (answer.status, word("code"), word("field"))
}

#[tokio::test]
async fn deadlines_are_shown_as_instants() {
    let app = TestApp::start().await;
    let body = echo(json!({"start_by": "30s", "finish_by": "2026-06-01T14:00:00+01:00"}));
    let job = app.post("/v1/jobs").json(body).await.json();
    assert_eq!(job["start_by"], "2026-06-01T12:00:30.000000Z");
    assert_eq!(job["finish_by"], "2026-06-01T13:00:00.000000Z");
}

#[tokio::test]
async fn cancel_after_is_a_finish_by() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/jobs").header("cancel-after", "1m").json(echo(json!({}))).await;
    assert_eq!(answer.json()["finish_by"], "2026-06-01T12:01:00.000000Z");
}

#[tokio::test]
async fn times_that_make_no_sense_are_refused_by_name() {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let table = [
        (json!({"finish_by": "soon"}), "invalid_field", "finish_by"),
        (json!({"start_by": "2026-06-01T11:00:00Z"}), "deadline_passed", "start_by"),
        (json!({"run_at": "31d"}), "too_far_ahead", "run_at"),
        (json!({"start_by": "2h", "finish_by": "1h"}), "deadlines_disagree", "start_by"),
        (json!({"run_at": "2h", "finish_by": "1h"}), "deadlines_disagree", "finish_by"),
    ];
    for (extra, code, field) in table {
        let told = refused(extra, None).await;
        assert_eq!(told, (unprocessable, code.to_owned(), field.to_owned()));
    }
}

#[tokio::test]
async fn a_cancel_after_that_makes_no_sense_is_refused_by_name() {
    let table = [
        ("soon", json!({}), StatusCode::BAD_REQUEST, "invalid_header", "Cancel-After"),
        ("40d", json!({}), StatusCode::UNPROCESSABLE_ENTITY, "too_far_ahead", "Cancel-After"),
        ("1m", json!({"finish_by": "1m"}), StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", "finish_by"),
    ];
    for (value, extra, status, code, field) in table {
        assert_eq!(refused(extra, Some(value)).await, (status, code.to_owned(), field.to_owned()), "{value}");
    }
}

#[tokio::test]
async fn the_refusal_says_how_far_ahead_is_too_far() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.post("/v1/jobs").json(echo(json!({"finish_by": "31d"}))).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/too_far_ahead",
      "title": "The instant is too far ahead",
      "status": 422,
      "detail": "`finish_by` is more than 30 days ahead",
      "code": "too_far_ahead",
      "field": "finish_by",
      "limit": 30,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_delayed_job_is_handed_over_when_it_is_due() {
    let app = TestApp::start().await;
    let route = Route { model: "echo".into(), class: forebay_shared::job::Class::Interactive };
    let answer = app.post("/v1/jobs").json(echo(json!({"run_at": "10m", "finish_by": "20m"}))).await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::ACCEPTED, &json!("queued")));
    assert_eq!(answer.json()["available_at"], "2026-06-01T12:10:00.000000Z");
    assert_eq!(answer.json()["finish_by"], "2026-06-01T12:20:00.000000Z");
    app.parts.filler.fill().await.unwrap();
    assert_eq!(app.queue.depth(&route).await.unwrap(), 0, "it is not due");
    app.clock.advance(Duration::from_mins(10));
    app.parts.filler.fill().await.unwrap();
    assert_eq!(app.queue.depth(&route).await.unwrap(), 1);
    assert!(app.store.routes(Duration::ZERO).await.unwrap().iter().all(|state| !state.waiting));
}

#[tokio::test]
async fn a_delayed_job_can_be_cancelled_and_can_expire() {
    let app = TestApp::start().await;
    let cancelled = app.submit(echo(json!({"run_at": "10m"}))).await;
    let answer = app.post(&format!("/v1/jobs/{cancelled}/cancel")).send().await;
    assert_eq!(answer.json()["status"], "cancelled");
    let late = app.submit(echo(json!({"run_at": "10m", "start_by": "11m"}))).await;
    app.clock.advance(Duration::from_mins(11));
    assert_eq!(app.store.expire(10).await.unwrap().len(), 1);
    let job = app.get(&format!("/v1/jobs/{late}")).send().await.json();
    assert_eq!((&job["status"], &job["error"]["code"]), (&json!("expired"), &json!("start_by_passed")));
    assert_eq!(job["finished_at"], json!(app.clock.now()));
}

#[tokio::test]
async fn two_submissions_that_say_the_same_duration_are_the_same() {
    let app = TestApp::start().await;
    let submit = |finish_by: &str| {
        app.post("/v1/jobs").header("idempotency-key", "k").json(echo(json!({"finish_by": finish_by})))
    };
    let first = submit("5m").await;
    app.clock.advance(Duration::from_secs(7));
    assert_eq!(submit("5m").await.id(), first.id());
    assert_eq!(submit("6m").await.status, StatusCode::CONFLICT);
}
