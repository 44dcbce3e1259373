//! Word of answers that were kept, and orders about them.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::cache::CacheKey;
use forebay_shared::job::Class;
use forebay_shared::queue::{Consumer, Queue};
use forebay_shared::store::{Cache, KeptAt, NewKept, Route, Scope};
use serde_json::json;

use crate::app::{Answer, OWNER, TestApp};
use crate::worker::{echo, vector};

async fn consumer(app: &TestApp, model: &str) -> Box<dyn Consumer> {
    let route = Route { model: model.into(), class: Class::Interactive };
    app.queue.consume(&route, 10).await.unwrap()
}

/// What a call hears whose worker has this many of its two items from the cache.
async fn told(app: &TestApp, queue: &mut dyn Consumer, cached: u32) -> Answer {
    let worker = app.worker().await;
    worker.cached.set(cached);
    let body = json!({"model": "echo", "inputs": ["a", "b"]});
    let (answer, ()) = tokio::join!(app.post("/v1/jobs").header("prefer", "wait=30").json(body), async {
        let job = queue.receive(1).await.unwrap().messages[0].job_id;
        worker.finish(job, vec![echo("a"), echo("b")]).await;
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer
}

#[tokio::test]
async fn a_caller_is_told_how_much_was_kept_from_earlier() {
    let app = TestApp::build().cached().start().await;
    let mut queue = consumer(&app, "echo").await;
    for (cached, word) in [(0, "miss"), (1, "partial"), (2, "hit")] {
        let answer = told(&app, &mut *queue, cached).await;
        assert_eq!(answer.header("x-forebay-cache"), Some(word));
        let again = app.get(&format!("/v1/jobs/{}", answer.id())).send().await;
        assert_eq!(again.header("x-forebay-cache"), Some(word));
        let cached = if cached == 0 { json!(null) } else { json!(cached) };
        assert_eq!(again.json()["timings"]["cached"], cached);
    }
    let off = TestApp::start().await;
    let mut queue = consumer(&off, "echo").await;
    assert_eq!(told(&off, &mut *queue, 0).await.header("x-forebay-cache"), None);
}

#[tokio::test]
async fn openais_callers_are_told_too() {
    let app = TestApp::build().cached().start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    worker.cached.set(1);
    let body = json!({"model": "minilm", "input": "a"});
    let (answer, ()) =
        tokio::join!(app.post("/v1/embeddings").header("cache-control", "no-cache").json(body), async {
            let job = queue.receive(1).await.unwrap().messages[0].job_id;
            assert_eq!(app.row(job).await.params["cache"], false, "the worker hears what was wished");
            worker.finish(job, vec![vector(&[1.0], 3)]).await;
        });
    assert_eq!((answer.status, answer.header("x-forebay-cache")), (StatusCode::OK, Some("hit")), "{answer}");
}

#[tokio::test]
async fn a_fresh_answer_is_wished_for_by_header_or_by_parameter() {
    let app = TestApp::start().await;
    let body = json!({"model": "minilm", "input": "a", "params": {"dimensions": 8}});
    let answer = app.post("/v1/jobs").header("cache-control", "no-cache").json(body).await;
    assert_eq!(
        app.row(answer.id()).await.params,
        *json!({"dimensions": 8, "cache": false}).as_object().unwrap()
    );
    let id = app.submit(json!({"model": "minilm", "input": "a", "params": {"cache": false}})).await;
    assert_eq!(app.row(id).await.params["cache"], false);

    let wrong = json!({"model": "minilm", "inputs": [{"text": "a", "params": {"cache": "never"}}]});
    let answer = app.post("/v1/jobs").json(wrong).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["field"], &problem["detail"]),
        (
            &json!("invalid_params"),
            &json!("inputs[0].params.cache"),
            &json!("`cache` must be `true` or `false`")
        )
    );
}

#[tokio::test]
async fn an_owner_forgets_its_own_kept_answers() {
    let app = TestApp::build().keys().start().await;
    let kept = |owner: &str, number: u8| NewKept {
        owner: owner.to_owned(),
        key: CacheKey([number; 32]),
        at: KeptAt::Row("{}".to_owned()),
    };
    let answers = [kept(OWNER, 1), kept(OWNER, 2), kept("bob", 3)];
    app.store.keep_cached(&answers, Duration::from_hours(1)).await.unwrap();
    let forget = async |secret: &str| {
        app.delete("/v1/cache").header("authorization", &format!("Bearer {secret}")).send().await
    };
    let (_, reads) = app.key(OWNER, &[Scope::Read]).await;
    assert_eq!(forget(&reads).await.status, StatusCode::FORBIDDEN);
    let (_, writes) = app.key(OWNER, &[Scope::Write]).await;
    assert_eq!(forget(&writes).await.json(), json!({"forgotten": 2, "more": false}));
    assert_eq!(forget(&writes).await.json(), json!({"forgotten": 0, "more": false}));
    assert_eq!(app.store.cached(&[("bob".to_owned(), CacheKey([3; 32]))]).await.unwrap().len(), 1);
}
