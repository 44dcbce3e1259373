//! How long jobs are kept, as the service and the client say.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_api::{ByOutcome, OwnerBounds};
use forebay_shared::config::Span;
use forebay_shared::store::Scope;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

const HOUR: Duration = Duration::from_hours(1);

fn kept(retention: &Value) -> Value {
    json!({"model": "echo", "input": "a", "retention": retention})
}

/// When a job that is cancelled at noon will be forgotten.
async fn forgotten(app: &TestApp, body: Value) -> Value {
    let id = app.submit(body).await;
    let job = app.post(&format!("/v1/jobs/{id}/cancel")).send().await.json();
    assert_eq!(job["status"], "cancelled", "{job}");
    job["expires_at"].clone()
}

#[tokio::test]
async fn a_job_is_kept_as_its_client_wishes() {
    let app = TestApp::start().await;
    let all = forgotten(&app, kept(&json!("2h"))).await;
    assert_eq!(all, "2026-06-01T14:00:00.001000Z");
    let each = forgotten(&app, kept(&json!({"cancelled": "3h", "succeeded": "1h"}))).await;
    assert_eq!(each, "2026-06-01T15:00:00.002000Z");
    let usual = forgotten(&app, kept(&json!({"succeeded": "1h"}))).await;
    assert_eq!(usual, "2026-06-08T12:00:00.003000Z");
}

#[tokio::test]
async fn class_and_outcome_decide_if_the_client_says_nothing() {
    let app = TestApp::build()
        .retention(|retention| {
            retention.bulk = ByOutcome { cancelled: Some(Span::new(HOUR)), ..ByOutcome::default() };
        })
        .start()
        .await;
    let bulk = forgotten(&app, json!({"model": "echo", "input": "a", "class": "bulk"})).await;
    assert_eq!(bulk, "2026-06-01T13:00:00.001000Z");
    let interactive = forgotten(&app, json!({"model": "echo", "input": "a"})).await;
    assert_eq!(interactive, "2026-06-08T12:00:00.002000Z");
}

#[tokio::test]
async fn a_wish_out_of_bounds_is_refused_with_the_bound() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/jobs").json(kept(&json!({"failed": "100d"}))).await;
    insta::assert_snapshot!(answer, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "`retention.failed` must be from 1m to 90d, not 100d",
      "code": "invalid_field",
      "field": "retention.failed",
      "limit": 7776000,
      "request_id": "a-request"
    }
    "#);
    assert_eq!(app.store.calls("submit"), 0);
    let told = |answer: Answer| (answer.status.as_u16(), answer.json()["field"].clone());
    for (retention, field) in [
        (json!("1s"), "retention"),
        (json!("soon"), "retention"),
        (json!(7), "retention"),
        (json!({"failed": "soon"}), "retention.failed"),
        (json!({"lost": "1h"}), "retention.lost"),
    ] {
        let answer = app.post("/v1/jobs").json(kept(&retention)).await;
        assert_eq!(told(answer), (422, json!(field)), "{retention}");
    }
}

#[tokio::test]
async fn an_owner_may_have_bounds_of_its_own() {
    let app = TestApp::build()
        .keys()
        .retention(|retention| {
            let own =
                OwnerBounds { min: Some(Span::new(HOUR * 24 * 10)), max: Some(Span::new(HOUR * 24 * 365)) };
            retention.owners.insert("alice".to_owned(), own);
        })
        .start()
        .await;
    let (_, alice) = app.key("alice", &Scope::ALL).await;
    let (_, bob) = app.key("bob", &Scope::ALL).await;
    let submit = async |key: &str, retention: Value| {
        app.post("/v1/jobs").bearer(key).json(kept(&retention)).await.status
    };
    assert_eq!(submit(&alice, json!("300d")).await, StatusCode::ACCEPTED);
    assert_eq!(submit(&alice, json!("1d")).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(submit(&bob, json!("300d")).await, StatusCode::UNPROCESSABLE_ENTITY);
    let usual = app.post("/v1/jobs").bearer(&alice).json(json!({"model": "echo", "input": "a"})).await.id();
    let job = app.post(&format!("/v1/jobs/{usual}/cancel")).bearer(&alice).send().await.json();
    assert_eq!(job["expires_at"], "2026-06-11T12:00:00.000000Z", "a week is less than the owner's least");
}

#[tokio::test]
async fn another_retention_is_another_submission() {
    let app = TestApp::start().await;
    let submit = async |retention: &str| {
        app.post("/v1/jobs").header("idempotency-key", "one").json(kept(&json!(retention))).await.status
    };
    assert_eq!(submit("1h").await, StatusCode::ACCEPTED);
    assert_eq!(submit("60m").await, StatusCode::ACCEPTED, "the same, written otherwise");
    assert_eq!(submit("2h").await, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_template_says_how_long_its_jobs_are_kept_and_when_they_expire() {
    let app = TestApp::start().await;
    let schedule = |template: Value| {
        json!({"name": format!("{template}").chars().take(60).collect::<String>(), "cron": "0 * * * *",
               "template": template})
    };
    let template = json!({
        "model": "echo", "input": "a", "retention": {"failed": "30d"}, "start_by": "1m", "finish_by": "5m",
    });
    let made = app.post("/v1/schedules").json(schedule(template)).await.json();
    assert_eq!(
        made["template"]["retention"],
        json!({"succeeded": 604_800, "failed": 2_592_000, "cancelled": 604_800, "expired": 604_800})
    );
    assert_eq!(
        (&made["template"]["start_within"], &made["template"]["finish_within"]),
        (&json!(60), &json!(300))
    );
    for (name, value) in [("run_at", "1h"), ("finish_by", "2026-06-02T12:00:00Z"), ("retention", "100d")] {
        let template = json!({"model": "echo", "input": "a", name: value});
        let problem = app.post("/v1/schedules").json(schedule(template)).await.json();
        assert_eq!(problem["field"], format!("template.{name}"), "{problem}");
    }
}
