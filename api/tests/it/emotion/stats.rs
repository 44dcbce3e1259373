//! Statistics of models and of jobs.

use std::time::Duration;

use forebay_shared::job::{Ending, Failure, FailureCode};
use forebay_shared::store::Scope;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::worker::labels;

/// Submits a job for this model and ends it after so long.
async fn ended(app: &TestApp, model: &str, took: Duration, ending: Option<Ending>) {
    let worker = app.worker().await;
    let id = app.submit(json!({"model": model, "input": "a"})).await;
    let claimed = worker.claim(id).await;
    app.clock.advance(took);
    match ending {
        Some(ending) => worker.end(&claimed, ending).await,
        None => worker.settle(&claimed, vec![labels(&[("happy", 1.0)])], Vec::new()).await,
    }
}

async fn stats(app: &TestApp) -> Value {
    let answer = app.get("/stats").send().await;
    assert_eq!(answer.status.as_u16(), 200, "{answer}");
    answer.json()
}

#[tokio::test]
async fn statistics_begin_with_those_of_the_document() {
    let app = TestApp::start().await;
    app.clock.advance(Duration::from_millis(90_500));
    insta::assert_snapshot!(app.get("/api/v1/stats").send().await, @r#"
    200 OK
    content-type: application/json
    {
      "total_files": 1,
      "total_size_mb": 0.0,
      "unique_models": 1,
      "task": "emotion-recognition",
      "loaded_models": 0,
      "uptime_seconds": 90.5,
      "queue_depth": 0,
      "done": 0,
      "failed": 0,
      "latency_ms": {
        "p50": null,
        "p90": null,
        "p95": null,
        "p99": null
      },
      "window_seconds": 3600
    }
    "#);
}

#[tokio::test]
async fn jobs_are_counted_and_their_latencies_ranked() {
    let app = TestApp::start().await;
    for millis in [10, 40, 20, 30] {
        ended(&app, "emotion", Duration::from_millis(millis), None).await;
    }
    ended(&app, "minilm", Duration::from_secs(9), None).await;
    let failure = Failure::permanent(FailureCode::AllItemsFailed, "none of the items succeeded");
    ended(&app, "emotion", Duration::from_secs(9), Some(Ending::Failed(failure))).await;
    ended(&app, "emotion", Duration::from_secs(9), Some(Ending::Cancelled)).await;
    for _ in 0..2 {
        app.submit(json!({"model": "emotion", "input": "a"})).await;
    }
    app.submit(json!({"model": "minilm", "input": "a"})).await;
    let told = stats(&app).await;
    assert_eq!((&told["queue_depth"], &told["done"], &told["failed"]), (&json!(2), &json!(4), &json!(1)));
    assert_eq!(told["latency_ms"], json!({"p50": 20.0, "p90": 40.0, "p95": 40.0, "p99": 40.0}));

    app.clock.advance(Duration::from_hours(1));
    let later = stats(&app).await;
    assert_eq!((&later["queue_depth"], &later["done"], &later["failed"]), (&json!(2), &json!(0), &json!(0)));
    assert_eq!(later["latency_ms"]["p50"], Value::Null);
}

#[tokio::test]
async fn asking_often_costs_one_look_a_second() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        stats(&app).await;
    }
    assert_eq!((app.store.calls("recent"), app.store.calls("loads")), (1, 1));
    app.clock.advance(Duration::from_secs(1));
    stats(&app).await;
    assert_eq!(app.store.calls("recent"), 2);
}

#[tokio::test]
async fn nobody_sees_anothers_jobs() {
    let app = TestApp::build().keys().start().await;
    let (_, alice) = app.key("alice", &[Scope::Read, Scope::Write]).await;
    let (_, bob) = app.key("bob", &[Scope::Read]).await;
    let body = json!({"model": "emotion", "input": "a"});
    assert_eq!(app.post("/v1/jobs").bearer(&alice).json(body).await.status.as_u16(), 202);
    let depth = async |key: &str| app.get("/stats").bearer(key).send().await.json()["queue_depth"].clone();
    assert_eq!((depth(&alice).await, depth(&bob).await), (json!(1), json!(0)));
}
