//! How much may wait, and what a job that waits is told.

use axum::Router;
use axum::http::StatusCode;
use forebay_shared::job::Cost;
use forebay_shared::store::{Handover, KeyLimits, Keys, Loads, NewKey, Scope, Workers};
use forebay_shared::testing::Fault;
use serde_json::json;

use crate::app::{Answer, TestApp};

async fn submit(app: &TestApp, bearer: &str, inputs: usize) -> Answer {
    let inputs = vec!["a"; inputs];
    app.post("/v1/jobs").bearer(bearer).json(json!({"model": "echo", "inputs": inputs})).await
}

#[tokio::test]
async fn a_full_queue_refuses_with_when_to_come_back() {
    let app = TestApp::build().limits(|limits| limits.max_queued_jobs_per_owner = 2).start().await;
    let worker = app.ids.worker();
    app.store
        .register(worker, "here", &["echo".to_owned()], std::time::Duration::from_hours(1))
        .await
        .unwrap();
    app.store.report(worker, &[("echo".to_owned(), 0.4)].into()).await.unwrap();
    let app = app.restarted();
    let body = json!({"model": "echo", "input": "a"});
    for _ in 0..2 {
        assert_eq!(app.post("/v1/jobs").json(body.clone()).await.status, StatusCode::ACCEPTED);
    }
    insta::assert_snapshot!(app.post("/v1/jobs").json(body).await, @r#"
    429 Too Many Requests
    content-type: application/problem+json
    retry-after: 5
    {
      "type": "/problems/queue_full",
      "title": "Too much is waiting already",
      "status": 429,
      "detail": "you have the 2 jobs waiting for the model `echo` that you may have",
      "code": "queue_full",
      "limit": 2,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_bound_holds_however_many_come_at_once() {
    let app = TestApp::build().limits(|limits| limits.max_queued_jobs = 10).start().await;
    let body = json!({"model": "echo", "input": "a"});
    let all = (0..50).map(|_| app.post("/v1/jobs").json(body.clone()));
    let answers = futures::future::join_all(all).await;
    let accepted = answers.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).count();
    let refused = answers.iter().filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((accepted, refused), (10, 40));
}

#[tokio::test]
async fn a_list_is_bounded_like_as_many_single_inputs() {
    // A batch of echo is 64, and each of these items is estimated at two.
    let app = TestApp::build().limits(|limits| limits.max_queued_batches_per_owner = 1).start().await;
    let list = json!({"model": "echo", "inputs": vec!["a"; 8]});
    let accepted =
        async |body: serde_json::Value| app.post("/v1/jobs").json(body).await.status == StatusCode::ACCEPTED;
    for _ in 0..3 {
        assert!(accepted(list.clone()).await);
    }
    for _ in 0..8 {
        assert!(accepted(json!({"model": "echo", "input": "a"})).await);
    }
    assert!(!accepted(json!({"model": "echo", "input": "a"})).await);
    assert!(!accepted(list).await);
}

#[tokio::test]
async fn a_repeated_submission_takes_no_room() {
    let app = TestApp::build().limits(|limits| limits.max_queued_jobs = 2).start().await;
    let body = json!({"model": "echo", "input": "a"});
    let again = || app.post("/v1/jobs").header("idempotency-key", "k").json(body.clone());
    for _ in 0..3 {
        assert_eq!(again().await.status, StatusCode::ACCEPTED);
    }
    assert_eq!(app.post("/v1/jobs").json(body.clone()).await.status, StatusCode::ACCEPTED);
    assert_eq!(app.post("/v1/jobs").json(body.clone()).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_full_queue_still_knows_what_it_took() {
    let app = TestApp::build().limits(|limits| limits.max_queued_jobs_per_owner = 2).start().await;
    let body = |input: &str| json!({"model": "echo", "input": input});
    let keyed =
        |key: &str, input: &str| app.post("/v1/jobs").header("idempotency-key", key).json(body(input));
    let named = |name: &str, input: &str| app.call("PUT", &format!("/v1/jobs/{name}")).json(body(input));
    let first = [keyed("k", "a").await.id(), named("order", "a").await.id()];
    assert_eq!(app.store.calls("standing"), 0, "who comes in costs no look at who is there");
    assert_eq!(app.post("/v1/jobs").json(body("a")).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.store.calls("standing"), 0, "nor who has no name");

    let again = [keyed("k", "a").await, named("order", "a").await];
    assert_eq!(again.each_ref().map(|answer| answer.status), [StatusCode::ACCEPTED, StatusCode::OK]);
    assert_eq!(again.each_ref().map(Answer::id), first);
    assert!(again.iter().all(|answer| answer.header("idempotency-replayed") == Some("true")));
    let others = [keyed("k", "b").await, named("order", "b").await];
    assert_eq!(others.map(|answer| answer.status), [StatusCode::CONFLICT; 2]);
    let new = [keyed("new", "a").await, named("new", "a").await];
    assert_eq!(new.map(|answer| answer.status), [StatusCode::TOO_MANY_REQUESTS; 2]);
    app.store.set_faults(|method| if method == "standing" { Fault::Before } else { Fault::None });
    assert_eq!(keyed("k", "a").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn two_of_one_name_that_come_at_once_are_one_job_in_the_last_place() {
    let app = TestApp::build().limits(|limits| limits.max_queued_jobs = 1).start().await;
    let body = json!({"model": "echo", "input": "a"});
    let all = (0..20).map(|_| app.post("/v1/jobs").header("idempotency-key", "k").json(body.clone()));
    let answers = futures::future::join_all(all).await;
    for answer in &answers {
        assert_eq!((answer.status, answer.id()), (StatusCode::ACCEPTED, answers[0].id()), "{answer}");
    }
}

#[tokio::test]
async fn a_keys_limits_are_its_own() {
    let app = TestApp::build().keys().start().await;
    let (template, free) = app.key("alice", &Scope::ALL).await;
    let secret = "fb_a-key-with-limits-of-its-own-0123456789";
    let limits = KeyLimits { max_running: Some(1), max_queued: Some(Cost::new(24)), ..KeyLimits::default() };
    let hash = forebay_shared::apikey::hash(secret);
    let key = NewKey { id: app.ids.key(), hash, limits, ..template };
    app.store.create_key(&key).await.unwrap();
    let again = || {
        let body = json!({"model": "echo", "inputs": vec!["a"; 6]});
        app.post("/v1/jobs").bearer(secret).header("idempotency-key", "k").json(body)
    };
    let first = again().await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    let refused = submit(&app, secret, 7).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("queue_full"))
    );
    assert_eq!(submit(&app, secret, 6).await.status, StatusCode::ACCEPTED);
    assert_eq!(again().await.id(), first.id(), "what it has already is nothing more");
    assert_eq!(submit(&app, &free, 8).await.status, StatusCode::ACCEPTED);
    // The limited key has one job under way, whatever the window would take.
    app.parts.filler.fill().await.unwrap();
    let published = app.store.routes(std::time::Duration::ZERO).await.unwrap();
    let echo = published.iter().find(|state| state.route.model == "echo").unwrap();
    assert_eq!(echo.published, Cost::new(12 + 16));
}

#[tokio::test]
async fn another_dialect_refuses_in_its_own_words() {
    let app = TestApp::build().limits(|limits| limits.max_queued_jobs = 1).start().await;
    let body = json!({"model": "minilm", "input": "a"});
    assert_eq!(app.post("/v1/jobs").json(body.clone()).await.status, StatusCode::ACCEPTED);
    let refused = app.post("/v1/embeddings").json(body).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused}");
    assert_eq!(refused.json()["error"]["code"], "queue_full", "{refused}");
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn a_job_that_waits_tells_its_place_and_when_it_is_done() {
    let app = TestApp::start().await;
    let worker = app.ids.worker();
    app.store
        .register(worker, "here", &["echo".to_owned()], std::time::Duration::from_hours(1))
        .await
        .unwrap();
    app.store.report(worker, &[("echo".to_owned(), 2.0)].into()).await.unwrap();
    let app = app.restarted();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(app.submit(json!({"model": "echo", "inputs": vec!["a"; 8], "priority": -10})).await);
    }
    let answer = app.get(&format!("/v1/jobs/{}", ids[2])).send().await;
    let queue = json!({"position": 2, "at_least": false, "ahead_cost": 32, "eta_seconds": 24.0});
    assert_eq!(answer.json()["queue"], queue, "{answer}");
    assert_eq!(answer.header("retry-after"), Some("24"));
}

#[tokio::test]
async fn a_schedules_jobs_are_under_the_limits_of_its_key() {
    let app = TestApp::build().keys().limits(|limits| limits.max_queued_jobs_per_owner = 2).start().await;
    let (key, bearer) = app.key("alice", &Scope::ALL).await;
    let schedule = json!({"name": "n", "cron": "@hourly", "template": {"model": "echo", "input": "a"}});
    let schedule = app.post("/v1/schedules").bearer(&bearer).json(schedule).await;
    assert_eq!(schedule.status, StatusCode::CREATED, "{schedule}");
    let path = format!("{}/run", schedule.json()["urls"]["self"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(app.post(&path).bearer(&bearer).send().await.status, StatusCode::CREATED);
    }
    let loads = app.store.loads().await.unwrap();
    assert_eq!(loads.iter().map(|load| (load.key, load.jobs)).collect::<Vec<_>>(), [(key.id, 2)]);
    let refused = app.post(&path).bearer(&bearer).send().await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("queue_full"))
    );
    assert_eq!(submit(&app, &bearer, 1).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn replicas_exceed_a_bound_by_what_the_others_let_in_within_one_look() {
    let app = TestApp::build().limits(|limits| limits.max_queued_jobs = 10).start().await;
    let other = app.replica();
    let body = json!({"model": "echo", "input": "a"});
    let submit = |at: &Router| app.post("/v1/jobs").at(at).json(body.clone());
    // Neither has looked yet, so each sees all the room there is.
    let all = (0..50).map(|n| submit(if n % 2 == 0 { &app.router } else { &other }));
    futures::future::join_all(all).await;
    // With the next look both know of each other.
    app.eventually(async || {
        let answers = [submit(&app.router).await, submit(&other).await];
        answers.iter().all(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS)
    })
    .await;
    let waiting: u64 = app.store.loads().await.unwrap().iter().map(|load| load.jobs).sum();
    assert!((10..=20).contains(&waiting), "{waiting}");
}
