//! Waiting for a job to end.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Ending};
use forebay_shared::queue::{Consumer, Queue};
use forebay_shared::store::Route;
use serde_json::json;

use crate::app::{Answer, TestApp};
use crate::worker::{echo, failed};

/// Consumes the echo's queue.
async fn consumer(app: &TestApp) -> Box<dyn Consumer> {
    let route = Route { model: "echo".into(), class: Class::Interactive };
    app.queue.consume(&route, 10).await.unwrap()
}

async fn next(consumer: &mut dyn Consumer) -> JobId {
    consumer.receive(1).await.unwrap().messages[0].job_id
}

async fn submit_and_wait(app: &TestApp, wait: &str) -> Answer {
    app.post("/v1/jobs").header("prefer", wait).json(json!({"model": "echo", "input": "hello"})).await
}

#[tokio::test]
async fn a_wait_ends_with_the_event_and_reads_nothing() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app).await);
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=30"), async {
        let job = next(&mut *queue).await;
        app.store.forget_calls();
        worker.finish(job, vec![echo("hello")]).await;
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));
    assert_eq!((answer.header("location"), answer.header("retry-after")), (None, None));
    let job = answer.json();
    assert_eq!((&job["status"], &job["items"]["succeeded"]), (&json!("succeeded"), &json!(1)));
    assert_eq!(
        job["result"],
        json!({"items": [{"index": 0, "status": "succeeded", "output": {"echo": "hello"}}]})
    );
    let calls = app.store.all_calls();
    // What the worker and the filler ask is theirs.
    assert!(["job", "jobs", "watch", "ended"].iter().all(|call| !calls.contains_key(call)), "{calls:?}");
}

#[tokio::test]
async fn a_lost_event_is_found_by_the_slow_look() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app).await);
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=30"), async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        worker.settle_quietly(&claimed, vec![echo("hello")], Vec::new()).await;
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(answer.json()["result"]["items"][0]["output"]["echo"], "hello");
    assert_eq!(app.store.calls("job"), 0, "one statement finds all that have ended");
    assert!(app.store.calls("ended") >= 1);
}

#[tokio::test]
async fn a_wait_that_is_over_answers_as_if_there_had_been_none() {
    let app = TestApp::start().await;
    let answer = submit_and_wait(&app, "wait=1").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["status"], "queued");
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));
    assert!(answer.header("location").is_some());
}

#[tokio::test]
async fn no_wait_asks_for_no_event() {
    let app = TestApp::start().await;
    let answer = submit_and_wait(&app, "respond-async, wait=0").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(app.row(answer.id()).await.waiters.is_empty());
}

#[tokio::test]
async fn an_existing_job_can_be_waited_for() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let path = format!("/v1/jobs/{id}");
    let (answer, ()) = tokio::join!(app.get(&path).header("prefer", "wait=30").send(), async {
        app.eventually(async || !app.row(id).await.waiters.is_empty()).await;
        worker.finish(id, vec![echo("hello")]).await;
    });
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("succeeded")));
    assert_eq!(answer.header("preference-applied"), Some("wait=30"));

    let again = app.get(&path).header("prefer", "wait=30").send().await;
    assert_eq!(again.json(), answer.json(), "what has ended is not waited for");
}

#[tokio::test]
async fn a_failed_job_ends_a_wait_too() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app).await);
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=30"), async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        worker.end(&claimed, failed()).await;
        worker.tell(vec!["here".into()], claimed.id, None).await;
    });
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("failed")));
    assert_eq!(answer.json()["error"]["code"], "all_items_failed");
    assert_eq!((&answer.json()["result"], &answer.json()["result_url"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn a_cancelled_job_ends_a_wait_too() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app).await;
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=30"), async {
        let path = format!("/v1/jobs/{}/cancel", next(&mut *queue).await);
        assert_eq!(app.post(&path).send().await.status, StatusCode::OK);
    });
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("cancelled")));
    assert_eq!(app.store.calls("ended"), 0);
}

#[tokio::test]
async fn a_deleted_job_ends_a_wait_too() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app).await;
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=30"), async {
        let path = format!("/v1/jobs/{}", next(&mut *queue).await);
        assert_eq!(app.delete(&path).send().await.status, StatusCode::NO_CONTENT);
    });
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("cancelled")));
}

#[tokio::test]
async fn a_repeated_submission_waits_for_the_first_job() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let body = json!({"model": "echo", "input": "hello"});
    let first = app.post("/v1/jobs").header("idempotency-key", "k").json(body.clone()).await;
    let again = app.post("/v1/jobs").header("idempotency-key", "k").header("prefer", "wait=30");
    let (again, ()) = tokio::join!(again.json(body.clone()), async {
        app.eventually(async || !app.row(first.id()).await.waiters.is_empty()).await;
        worker.finish(first.id(), vec![echo("hello")]).await;
    });
    assert_eq!((again.status, again.id()), (StatusCode::OK, first.id()));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));

    let third = app.post("/v1/jobs").header("idempotency-key", "k").json(body).await;
    assert_eq!(third.status, StatusCode::ACCEPTED, "who does not wait is answered alike every time");
    assert_eq!(third.json()["status"], "succeeded");
}

#[tokio::test]
async fn several_may_wait_for_one_job() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let path = format!("/v1/jobs/{id}");
    let wait = |seconds: &str| app.get(&path).header("prefer", &format!("wait={seconds}")).send();
    let (one, other, hasty) = tokio::join!(wait("30"), wait("30"), async {
        // It gives up, and takes no other along.
        let hasty = wait("1").await;
        worker.finish(id, vec![echo("hello")]).await;
        hasty
    });
    let told = [one, other, hasty].map(|answer| answer.json()["status"].clone());
    assert_eq!(told, ["succeeded", "succeeded", "queued"]);
}

#[tokio::test]
async fn a_stop_ends_every_wait() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app).await;
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=60"), async {
        next(&mut *queue).await;
        app.parts.tasks.stop();
    });
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::ACCEPTED, &json!("queued")));
}

#[tokio::test]
async fn a_large_result_is_named_and_not_shown() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app).await);
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=30"), async {
        worker.finish(next(&mut *queue).await, vec![echo(&"x".repeat(70_000))]).await;
    });
    assert_eq!(answer.json()["result"], json!(null));
    let result = app.get(answer.json()["result_url"].as_str().unwrap()).send().await;
    assert!(result.body.len() > 70_000);
}

#[tokio::test]
async fn an_attempt_to_be_repeated_ends_no_wait() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app).await);
    let (answer, ()) = tokio::join!(submit_and_wait(&app, "wait=1"), async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        let Ending::Failed(failure) = failed() else { return };
        worker.end(&claimed, Ending::Retry(failure, Duration::from_secs(9))).await;
    });
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::ACCEPTED, &json!("queued")));
}
