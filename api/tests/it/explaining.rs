//! Why a job waits, and what its attempts were like.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::id::JobId;
use forebay_shared::job::{Ending, Failure, FailureCode};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::worker::echo;

async fn explain(app: &TestApp, id: JobId) -> Value {
    let answer = app.get(&format!("/v1/jobs/{id}/explain")).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer.json()
}

fn reasons(told: &Value) -> Vec<&str> {
    told["waits"].as_array().unwrap().iter().map(|wait| wait["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_retried_job_says_why_and_when_and_shows_both_attempts() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let claimed = worker.claim(id).await;
    let failure = Failure::transient(FailureCode::StorageUnavailable, "the object store is away");
    worker.end(&claimed, Ending::Retry(failure, Duration::from_secs(9))).await;
    let told = explain(&app, id).await;
    assert_eq!(reasons(&told), ["not_due"]);
    let sentence = told["waits"][0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("attempt 1 failed (storage_unavailable)"), "{sentence}");
    assert_eq!(
        (&told["failures"], &told["attempts"][0]["error"]["code"]),
        (&json!(1), &json!("storage_unavailable"))
    );

    app.clock.advance(Duration::from_secs(9));
    worker.finish(id, vec![echo("hello")]).await;
    let told = explain(&app, id).await;
    let attempts = told["attempts"].as_array().unwrap();
    assert_eq!((reasons(&told), attempts.len()), (vec![], 2));
    assert_eq!((&attempts[1]["number"], &attempts[1]["error"]), (&json!(2), &Value::Null));
    assert_eq!(attempts[1]["worker"], json!(worker.id));
    assert!(attempts[0]["sentences"].to_string().contains("it failed: the object store is away"), "{told}");
}

#[tokio::test]
async fn a_job_that_nobody_can_run_says_so() {
    let app = TestApp::start().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    assert!(reasons(&explain(&app, id).await).contains(&"no_worker"));
    let _worker = app.worker().await;
    let told = explain(&app, id).await;
    assert_eq!(reasons(&told), ["worker_busy"], "{told}");
    let second = app.submit(json!({"model": "echo", "input": "hello", "priority": -10})).await;
    assert_eq!(
        (&told["queue"]["position"], &explain(&app, second).await["queue"]["position"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(told["attempts"], json!([]));
}

#[tokio::test]
async fn a_job_of_a_paused_queue_says_so_and_no_more() {
    let app = TestApp::start().await;
    let _worker = app.worker().await;
    assert_eq!(app.post("/v1/queues/pause/echo").send().await.status, StatusCode::NO_CONTENT);
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let told = explain(&app, id).await;
    assert_eq!(reasons(&told), ["paused"], "{told}");
    let sentence = told["waits"][0]["sentence"].as_str().unwrap();
    assert!(sentence.contains("echo is paused since 2026-06-01T12:00:00"), "{sentence}");
    app.post("/v1/queues/resume/echo").send().await;
    assert!(!reasons(&explain(&app, id).await).contains(&"paused"));
}

#[tokio::test]
async fn a_running_job_tells_what_is_known_so_far() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let claimed = worker.claim(id).await;
    let told = explain(&app, id).await;
    assert_eq!((reasons(&told), &told["attempts"][0]["ended_at"]), (vec![], &Value::Null));
    assert!(told["attempts"][0]["sentences"][0].as_str().unwrap().starts_with("it runs"), "{told}");
    worker.settle(&claimed, vec![echo("hello")], Vec::new()).await;
}
