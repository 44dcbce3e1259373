//! Models are loaded, kept and unloaded, through every dialect that has words for it.

use std::fmt::Write;

use axum::http::StatusCode;
use forebay_shared::clock::Clock;
use forebay_shared::events::Event;
use forebay_shared::residency::{KeepAlive, Loaded, Wish};
use forebay_shared::store::{Models, Residency};
use serde_json::{Value, json};

use crate::app::{Answer, Call, TestApp};
use crate::openai::{consumer, taken};
use crate::worker::{Worker, vector};

/// An api with a worker that serves all models.
async fn served() -> (TestApp, Worker) {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    (app.restarted(), worker)
}

/// What a call is answered with whose wish the worker carries out; and the wish.
async fn carried_out(app: &TestApp, worker: &Worker, call: Call, body: Value) -> (Answer, Wish) {
    let mut news = app.parts.events.subscribe();
    let before = app.store.wishes().await.unwrap();
    let work = async {
        while *news.recv().await.unwrap() != Event::Wished {}
        let mut all = app.store.wishes().await.unwrap().into_iter();
        let wished = all.rfind(|one| !before.contains(one)).expect("something is wished");
        let loaded = Loaded { since: app.clock.now(), expires_at: None };
        let loaded = if wished.wish == Wish::Unload { [].into() } else { [(wished.model, loaded)].into() };
        app.store.tell_loaded(worker.id, &loaded).await.unwrap();
        wished.wish
    };
    tokio::join!(call.json(body), work)
}

#[tokio::test]
async fn triton_clients_load_and_unload() {
    let (app, worker) = served().await;
    let post = |verb: &str| app.post(&format!("/v2/repository/models/words/{verb}"));
    let (answer, wish) = carried_out(&app, &worker, post("load"), json!({})).await;
    assert_eq!((answer.status, answer.text(), wish), (StatusCode::OK, "", Wish::Load(None)));
    assert_eq!(app.store.wishes().await.unwrap()[0].model, "acme/words:v1.5", "by its own name");
    let body = json!({"parameters": {"unload_dependents": false}});
    let (answer, wish) = carried_out(&app, &worker, post("unload"), body).await;
    assert_eq!((answer.status, answer.text(), wish), (StatusCode::OK, "", Wish::Unload));
    let ready = app.get("/v2/models/words/ready").send().await;
    assert_eq!(ready.status, StatusCode::OK, "its next job has it loaded again");
}

#[tokio::test]
async fn who_loads_a_model_is_told_how_it_is_then() {
    let (app, worker) = served().await;
    let post = |verb: &str| app.post(&format!("/v1/models/{verb}"));
    let body = json!({"model": "words", "keep_alive": "5m"});
    let (answer, wish) = carried_out(&app, &worker, post("load"), body).await;
    assert_eq!((answer.status, wish), (StatusCode::OK, Wish::load(Some("5m".parse().unwrap()))));
    assert_ne!(answer.json()["loaded"], Value::Null, "{answer}");
    let (answer, wish) = carried_out(&app, &worker, post("unload"), json!({"model": "words"})).await;
    assert_eq!((answer.status, wish), (StatusCode::OK, Wish::Unload));
    assert_eq!(answer.json()["loaded"], Value::Null, "{answer}");
}

#[tokio::test]
async fn what_cannot_be_loaded_is_told_in_the_dialects_shape() {
    let app = TestApp::start().await;
    let mut told = String::new();
    for (path, body) in [
        ("/v2/repository/models/nope/load", json!({})),
        ("/v2/repository/models/nope/unload", json!({})),
        ("/v2/repository/models/net/load", json!({})),
        ("/v2/repository/models/net/load", json!({"parameters": {"config": "{}"}})),
        ("/api/generate", json!({"model": "net"})),
        ("/api/generate", json!({"model": "nope", "keep_alive": 0})),
        ("/api/generate", json!({"model": "net", "keep_alive": "soon"})),
        ("/api/embed", json!({"model": "minilm", "input": "a", "keep_alive": {}})),
    ] {
        let answer = app.post(path).json(body).await;
        writeln!(told, "{} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    404 {"error":"there is no model `nope`"}
    404 {"error":"there is no model `nope`"}
    503 {"error":"no worker serves the model `net` now"}
    400 {"error":"the parameter `config` is not taken: a model is configured by its manifest"}
    503 {"error":"no worker serves the model `net` now"}
    404 {"error":"model 'nope' not found"}
    400 {"error":"`keep_alive`: `soon` is neither a duration like \"5m\", nor a number of seconds, nor negative for \"for ever\""}
    400 {"error":"`keep_alive` must be a duration like \"5m\", or a number of seconds"}
    "#);
    assert!(app.store.wishes().await.unwrap().is_empty());
}

#[tokio::test]
async fn ollamas_clients_load_and_unload_by_asking_for_nothing() {
    let (app, worker) = served().await;
    let mut told = String::new();
    for (path, body) in [
        ("/api/generate", json!({"model": "minilm", "stream": false})),
        ("/api/generate", json!({"model": "minilm", "prompt": "", "keep_alive": -1, "stream": false})),
        ("/api/chat", json!({"model": "net", "messages": [], "keep_alive": "10m", "stream": false})),
        ("/api/embed", json!({"model": "minilm", "input": [], "keep_alive": 60})),
        ("/api/generate", json!({"model": "net", "keep_alive": 0, "stream": false})),
    ] {
        let (answer, wish) = carried_out(&app, &worker, app.post(path), body).await;
        writeln!(told, "{wish:?}: {} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    Load(None): 200 {"model":"minilm","created_at":null,"response":"","done":true,"done_reason":"load","prompt_eval_count":0,"prompt_eval_duration":0,"eval_count":0,"eval_duration":0}
    Load(Some(Forever)): 200 {"model":"minilm","created_at":null,"response":"","done":true,"done_reason":"load","prompt_eval_count":0,"prompt_eval_duration":0,"eval_count":0,"eval_duration":0}
    Load(Some(For(600s))): 200 {"model":"net","created_at":null,"message":{"role":"assistant","content":""},"done":true,"done_reason":"load","prompt_eval_count":0,"prompt_eval_duration":0,"eval_count":0,"eval_duration":0}
    Load(Some(For(60s))): 200 {"model":"minilm","embeddings":[]}
    Unload: 200 {"model":"net","created_at":null,"response":"","done":true,"done_reason":"unload","prompt_eval_count":0,"prompt_eval_duration":0,"eval_count":0,"eval_duration":0}
    "#);
    assert_eq!(app.store.calls("submit"), 0, "nothing had to be done");
}

#[tokio::test]
async fn a_call_says_how_long_its_model_stays() {
    let (app, worker) = served().await;
    for (keep, wish) in [
        (json!("5m"), Some(Wish::Keep(KeepAlive::For(std::time::Duration::from_mins(5))))),
        (json!(0), Some(Wish::Unload)),
        (Value::Null, None),
    ] {
        let before = app.store.wishes().await.unwrap();
        let mut queue = consumer(&app, "minilm").await;
        let call = app.post("/api/embed").json(json!({"model": "minilm", "input": "a", "keep_alive": keep}));
        let (answer, ()) = tokio::join!(call, async {
            let claimed = worker.claim(taken(&mut *queue).await).await;
            assert_eq!(app.store.wishes().await.unwrap(), before, "not before it is answered");
            worker.settle(&claimed, vec![vector(&[0.6, -0.8], 5)], Vec::new()).await;
        });
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        let after = app.store.wishes().await.unwrap();
        assert_eq!(after.first().filter(|_| after != before).map(|wished| wished.wish), wish, "{keep}");
    }
}

#[tokio::test]
async fn what_is_loaded_is_listed_so() {
    let (app, worker) = served().await;
    let since = app.clock.now();
    let loaded = Loaded { since, expires_at: None };
    app.store.tell_loaded(worker.id, &[("emotion".to_owned(), loaded)].into()).await.unwrap();
    assert!(app.store.models().await.unwrap().iter().any(|model| model.loaded.is_some()));
    let app = app.restarted();
    let model = app.get("/v1/models/emotion").send().await.json();
    assert_eq!(model["loaded"], json!({"since": since, "expires_at": null}));
    let detail = app.get("/models/A001").send().await.json();
    assert_eq!((&detail["last_loaded"], &detail["is_loaded"]), (&json!(since), &json!(true)));
    let running = app.get("/api/ps").send().await.json();
    assert_eq!(running["models"][0]["name"], "emotion:latest");
}
