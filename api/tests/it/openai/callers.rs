//! Callers who leave, and jobs that end otherwise than hoped.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::job::{Ending, Failure, FailureCode, Job, Status};
use forebay_shared::store::{Filter, Page};
use futures::FutureExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use super::{consumer, is_dropped, next, told, two};
use crate::app::{Answer, OWNER, TestApp};
use crate::worker::{failed, vector};

/// The owner's only job, looked at behind the counter.
async fn only_job(app: &TestApp) -> Option<Job> {
    let page = Page { limit: 10, after: None };
    app.store.behind().jobs(OWNER, &Filter::default(), page).await.unwrap().pop()
}

#[tokio::test]
async fn who_hangs_up_takes_the_job_along_before_a_device_sees_it() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    let app = TestApp::start().await;
    let mut queue = consumer(&app, "minilm").await;
    let mut call = Box::pin(app.post("/v1/embeddings").json(two()));
    let id = tokio::select! {
        answer = &mut call => panic!("nobody works: {answer}"),
        id = next(&mut *queue) => id,
    };
    drop(call);
    app.eventually(async || app.row(id).await.status == Status::Cancelled).await;
    assert!(is_dropped(&app, id).await);
    let told = metrics.render();
    assert!(told.contains(r#"forebay_items_dropped_total{reason="caller_gone"} 2"#), "{told}");
}

#[tokio::test]
async fn who_hangs_up_before_the_job_is_stored_takes_it_along_too() {
    let app = TestApp::start().await;
    let gate = app.store.close().await;
    let mut call = Box::pin(app.post("/v1/embeddings").json(two()));
    while app.store.calls("submit") == 0 {
        assert!((&mut call).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop(call);
    drop(gate);
    app.eventually(async || only_job(&app).await.is_some_and(|job| job.status == Status::Cancelled)).await;
}

#[tokio::test]
async fn who_hangs_up_while_it_runs_asks_it_to_stop() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    let mut call = Box::pin(app.post("/v1/embeddings").json(two()));
    let id = tokio::select! {
        answer = &mut call => panic!("nobody works: {answer}"),
        id = next(&mut *queue) => id,
    };
    let claimed = worker.claim(id).await;
    drop(call);
    app.eventually(async || app.row(id).await.cancel_requested).await;
    worker.end(&claimed, Ending::Cancelled).await;
}

#[tokio::test]
async fn a_detached_job_goes_on_and_is_read_under_its_id() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    let mut call = Box::pin(app.post("/v1/embeddings").header("x-forebay-detach", "true").json(two()));
    let id = tokio::select! {
        answer = &mut call => panic!("nobody works: {answer}"),
        id = next(&mut *queue) => id,
    };
    drop(call);
    tokio::task::yield_now().await;
    let row = app.row(id).await;
    assert_eq!((row.status, row.finish_by, row.cancel_requested), (Status::Queued, None, false));
    worker.finish(id, vec![vector(&[1.0], 3), vector(&[1.0], 3)]).await;
    let job = app.get(&format!("/v1/jobs/{id}")).send().await.json();
    assert_eq!(job["result"]["items"][1]["output"], json!({"embedding": [1.0], "tokens": 3}));
    assert_eq!(app.store.calls("cancel"), 0);
}

#[tokio::test]
async fn who_has_waited_long_enough_is_told_so_and_the_job_is_cancelled() {
    let app = TestApp::build()
        .limits(|limits| limits.max_wait = forebay_shared::config::Span::new(Duration::from_secs(1)))
        .start()
        .await;
    let answer = app.post("/v1/embeddings").json(two()).await;
    insta::assert_snapshot!(answer, @r#"
    504 Gateway Timeout
    content-type: application/json
    {
      "error": {
        "message": "the job did not end within 1 s, and it is cancelled",
        "type": "server_error",
        "param": null,
        "code": "timeout"
      }
    }
    "#);
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let id = answer.header("x-forebay-job").unwrap().parse().unwrap();
    app.eventually(async || app.row(id).await.status == Status::Cancelled).await;

    let detached = app.post("/v1/embeddings").header("x-forebay-detach", "true").json(two()).await;
    assert_eq!(detached.status, StatusCode::GATEWAY_TIMEOUT);
    let message = detached.json()["error"]["message"].clone();
    assert_eq!(message, "the job did not end within 1 s, and it goes on under its id");
    let id = detached.header("x-forebay-job").unwrap().parse().unwrap();
    assert_eq!(app.row(id).await.status, Status::Queued);
}

#[tokio::test]
async fn one_input_that_the_model_cannot_take_is_the_clients_fault() {
    let app = TestApp::start().await;
    let answer = told(&app, two(), async |worker, claimed| {
        let message = "there is no token 99999: the model's ids are below 30522";
        let unknown = Err(Failure::permanent(FailureCode::UnknownToken, message));
        worker.settle(&claimed, vec![vector(&[1.0], 3), unknown], Vec::new()).await;
    })
    .await;
    insta::assert_snapshot!(answer, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "input 1: there is no token 99999: the model's ids are below 30522",
        "type": "invalid_request_error",
        "param": "input",
        "code": "input_failed"
      }
    }
    "#);
    final_words(&answer);
}

#[tokio::test]
async fn a_failed_job_is_ours() {
    let app = TestApp::start().await;
    let answer = told(&app, two(), async |worker, claimed| {
        worker.end(&claimed, failed()).await;
        worker.tell(vec!["here".into()], claimed.id, None).await;
    })
    .await;
    insta::assert_snapshot!(answer, @r#"
    500 Internal Server Error
    content-type: application/json
    {
      "error": {
        "message": "none of the items succeeded",
        "type": "server_error",
        "param": null,
        "code": "job_failed"
      }
    }
    "#);
    final_words(&answer);
}

#[tokio::test]
async fn a_job_that_somebody_cancels_ends_its_call() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app, "minilm").await;
    let (answer, ()) = tokio::join!(app.post("/v1/embeddings").json(two()), async {
        let path = format!("/v1/jobs/{}/cancel", next(&mut *queue).await);
        assert_eq!(app.post(&path).send().await.status, StatusCode::OK);
    });
    insta::assert_snapshot!(answer, @r#"
    409 Conflict
    content-type: application/json
    {
      "error": {
        "message": "the job was cancelled",
        "type": "invalid_request_error",
        "param": null,
        "code": "job_cancelled"
      }
    }
    "#);
    final_words(&answer);
}

/// Sending the same again would end the same, and says so.
fn final_words(answer: &Answer) {
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert!(answer.header("x-forebay-job").is_some());
}

#[tokio::test]
async fn a_store_that_is_away_is_answered_honestly() {
    let app = TestApp::start().await;
    app.post("/v1/embeddings").json(json!({"model": "nope", "input": "a"})).await;
    app.store.set_away(true);
    let answer = app.post("/v1/embeddings").json(two()).await;
    insta::assert_snapshot!(answer, @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": {
        "message": "the database cannot be reached; ask again in a moment",
        "type": "server_error",
        "param": null,
        "code": "unavailable"
      }
    }
    "#);
    assert_eq!(answer.header("x-should-retry"), None, "it may work in a moment");
}
