//! The one door to the store.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::job::Class;
use forebay_shared::queue::{Producer, Queue};
use forebay_shared::store::{Attempts, Filter, Page, Route, Workers};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;

use crate::app::{Answer, OWNER, TestApp};
use crate::bodies::{base64, padded_png};

fn route() -> Route {
    Route { model: "echo".into(), class: Class::Interactive }
}

#[tokio::test]
async fn concurrent_submissions_share_statements() {
    let app = TestApp::start().await;
    let submit = |n: usize| app.post("/v1/jobs").json(json!({"model": "echo", "input": format!("text {n}")}));
    let answers = futures::future::join_all((0..64).map(submit)).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::ACCEPTED));
    let statements = app.store.calls("submit");
    assert!(statements < 16, "{statements} statements for 64 submissions");
    let mut ids: Vec<_> = answers.iter().map(Answer::id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 64);
    for id in ids {
        app.row(id).await;
    }
}

#[tokio::test]
async fn one_key_used_by_many_at_once_makes_one_job() {
    let app = TestApp::start().await;
    let body = json!({"model": "echo", "input": "hello"});
    let submit = |_| app.post("/v1/jobs").header("idempotency-key", "k").json(body.clone());
    let answers = futures::future::join_all((0..16).map(submit)).await;
    let first = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count();
    assert_eq!(first, 1);
    assert!(answers.iter().all(|answer| answer.id() == answers[0].id()));
    assert_eq!(app.queue.depth(&route()).await.unwrap(), 1, "only what was created is handed over");
}

#[tokio::test]
async fn a_store_that_is_away_is_answered_honestly_and_nothing_is_handed_over() {
    let app = TestApp::start().await;
    app.store.set_away(true);
    let answer = app.post("/v1/jobs").json(json!({"model": "echo", "input": "hello"})).await;
    insta::assert_snapshot!(answer, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {
      "type": "/problems/unavailable",
      "title": "The service is not available",
      "status": 503,
      "detail": "the database cannot be reached; ask again in a moment",
      "code": "unavailable",
      "request_id": "a-request"
    }
    "#);
    assert_eq!(app.queue.depth(&route()).await.unwrap(), 0);

    app.store.set_away(false);
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let mut consumer = app.queue.consume(&route(), 10).await.unwrap();
    assert_eq!(consumer.receive(10).await.unwrap().messages[0].job_id, id);
}

#[tokio::test]
async fn what_was_not_admitted_is_handed_over_as_soon_as_it_is_stored() {
    let app = TestApp::start().await;
    let filler = app.parts.filler.clone();
    app.parts.tasks.spawn("filler", filler.run(app.parts.events.clone()));
    let worker = app.ids.worker();
    app.store.register(worker, "here", &["echo".to_owned()], Duration::from_hours(1)).await.unwrap();
    // Claims leave no word with the filler, so after a window of them it takes the broker for full.
    for n in 1..=200 {
        let id = app.submit(json!({"model": "echo", "input": format!("text {n}")})).await;
        let handed_over = async {
            while app.queue.depth(&route()).await.unwrap() < n {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), handed_over).await;
        assert!(in_time.is_ok(), "job {n} waits although nothing is before it");
        assert_eq!(app.store.claim(worker, &[id]).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_store_that_says_nothing_keeps_nobody_at_the_door() {
    let app = TestApp::start().await;
    let closed = app.store.close().await;
    let answer = app.post("/v1/jobs").json(json!({"model": "echo", "input": "hello"})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert!(answer.to_string().contains("does not answer"), "{answer}");
    drop(closed);
    app.submit(json!({"model": "echo", "input": "hello"})).await;
}

#[tokio::test]
async fn every_read_is_honest_while_the_store_is_away() {
    let app = TestApp::start().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    app.store.set_away(true);
    let job = format!("/v1/jobs/{id}");
    let calls = [
        app.get(&job),
        app.get(&job).header("prefer", "wait=5"),
        app.get("/v1/jobs"),
        app.get(&format!("{job}/result")),
        app.get(&format!("{job}/files/0")),
        app.get(&format!("{job}/attempts")),
        app.post(&format!("{job}/cancel")),
        app.delete(&job),
    ];
    for call in calls {
        let answer = call.send().await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.json()["code"], "unavailable");
        assert!(!answer.text().contains("secret"), "{answer}");
    }
    app.store.set_away(false);
    assert_eq!(app.get(&job).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn inputs_of_a_submission_whose_fate_is_unknown_are_left_to_the_sweeper() {
    let app = TestApp::start().await;
    let body = json!({"model": "net", "input": {"image": {"base64": base64(&padded_png(40_000))}}});
    // The catalogue is a moment old and still in memory, so the failure meets the submission itself.
    app.parts.catalog.all().await.unwrap();
    app.store.set_away(true);
    let answer = app.post("/v1/jobs").json(body).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.objects().await.len(), 1, "the row may have been written all the same");
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_lose_the_job() {
    let app = TestApp::start().await;
    {
        let call = app.post("/v1/jobs").header("prefer", "wait=60");
        let call = call.json(json!({"model": "echo", "input": "hello"}));
        let mut call = std::pin::pin!(call);
        app.eventually(async || {
            assert!(futures::poll!(call.as_mut()).is_pending());
            app.store.calls("submit") == 1
        })
        .await;
    }
    app.eventually(async || {
        let page = Page { after: None, limit: 10 };
        app.store.behind().jobs(OWNER, &Filter::default(), page).await.unwrap().len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_stopped_service_takes_nothing_in() {
    let app = TestApp::start().await;
    app.parts.tasks.halt();
    // The store behind has stopped as well, but the door answers first.
    let answer = app.post("/v1/jobs").json(json!({"model": "echo", "input": "hello"})).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
}

#[tokio::test]
async fn more_than_can_be_stored_is_sent_away_politely_and_the_rest_is_kept() {
    let app = TestApp::start().await;
    let closed = app.store.close().await;
    let submit = |_| app.post("/v1/jobs").json(json!({"model": "echo", "input": "hello"}));
    let mut calls: FuturesUnordered<_> = (0..2400).map(submit).collect();
    // One group of 256 stands before the store and 2048 wait; nobody else is answered yet.
    let first = calls.next().await.unwrap();
    insta::assert_snapshot!(first, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {
      "type": "/problems/overloaded",
      "title": "There is too much to do",
      "status": 503,
      "detail": "more jobs are being submitted than can be stored",
      "code": "overloaded",
      "request_id": "a-request"
    }
    "#);
    let mut refused: Vec<_> = calls.by_ref().take(95).collect().await;
    refused.push(first);
    drop(closed);
    let (taken, more): (Vec<_>, Vec<_>) =
        calls.collect::<Vec<_>>().await.into_iter().partition(|answer| answer.status == StatusCode::ACCEPTED);
    refused.extend(more);
    assert!(refused.iter().all(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE));
    let mut ids: Vec<_> = taken.iter().map(Answer::id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len() + refused.len(), 2400, "every job that was accepted is there, once");
}

#[tokio::test]
async fn an_object_store_that_is_away_is_answered_honestly_and_nothing_is_stored() {
    let app = TestApp::build().without_blobs().start().await;
    let body = json!({"model": "net", "input": {"image": {"base64": base64(&padded_png(40_000))}}});
    insta::assert_snapshot!(app.post("/v1/jobs").json(body).await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {
      "type": "/problems/unavailable",
      "title": "The service is not available",
      "status": 503,
      "detail": "the object store cannot be reached; ask again in a moment",
      "code": "unavailable",
      "request_id": "a-request"
    }
    "#);
    assert_eq!(app.store.calls("submit"), 0);
    app.submit(json!({"model": "net", "input": {"image": {"base64": base64(&padded_png(4_000))}}})).await;
}

#[tokio::test]
async fn a_panic_is_a_problem_like_any_other() {
    let app = TestApp::start().await;
    app.store.set_panicking();
    insta::assert_snapshot!(app.get("/v1/jobs").send().await, @r#"
    500 Internal Server Error
    content-type: application/problem+json
    {
      "type": "/problems/internal",
      "title": "Something went wrong here",
      "status": 500,
      "detail": "the request failed; the service's log says why",
      "code": "internal",
      "request_id": "a-request"
    }
    "#);
}
