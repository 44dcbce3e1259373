//! Models are loaded, kept and unloaded, through every dialect that has words for it.

use std::fmt::Write;
use std::time::Duration;

use axum::http::StatusCode;
use forebay_api::LimitConfig;
use forebay_shared::clock::Clock;
use forebay_shared::config::Span;
use forebay_shared::events::Event;
use forebay_shared::residency::{KeepAlive, Loaded, Wish};
use forebay_shared::store::{Models, Residency};
use serde_json::{Value, json};

use crate::app::{Answer, Call, TestApp};
use crate::openai::{consumer, taken};
use crate::registry::{import, mood};
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
async fn our_own_clients_load_keep_and_unload() {
    let (app, worker) = served().await;
    let load = || app.post("/v1/models/load");
    let body = json!({"model": "words", "keep_alive": "10m"});
    let (answer, wish) = carried_out(&app, &worker, load(), body).await;
    assert_eq!(wish, Wish::Load(Some(KeepAlive::For(Duration::from_mins(10)))));
    assert_eq!(app.store.wishes().await.unwrap()[0].model, "acme/words:v1.5", "by its own name");
    insta::assert_snapshot!(answer, @r#"
    200 OK
    content-type: application/json
    {
      "id": "acme/words:v1.5",
      "object": "model",
      "created": 1780315200,
      "owned_by": "forebay",
      "kind": "text_embedding",
      "aliases": [
        "words"
      ],
      "state": "ready",
      "loaded": {
        "since": "2026-06-01T12:00:00.000000Z",
        "expires_at": null
      },
      "limits": {
        "max_items": 8,
        "max_tokens": 128,
        "max_image_bytes": null,
        "max_image_pixels": null
      },
      "description": "",
      "licence": "Apache-2.0",
      "digest": "0000000000000000000000000000000000000000000000000000000000000000",
      "labels": [],
      "prompts": [],
      "dimensions": null,
      "inputs": [],
      "outputs": []
    }
    "#);
    for (keep, kept) in [(json!("-1"), Some(KeepAlive::Forever)), (Value::Null, None)] {
        let body = json!({"model": "words", "keep_alive": keep});
        let (answer, wish) = carried_out(&app, &worker, load(), body).await;
        assert_eq!((answer.status, wish), (StatusCode::OK, Wish::Load(kept)), "{answer}");
    }
    let body = json!({"model": "words"});
    let (answer, wish) = carried_out(&app, &worker, app.post("/v1/models/unload"), body).await;
    assert_eq!((answer.status, wish), (StatusCode::OK, Wish::Unload), "{answer}");
    assert_eq!((&answer.json()["id"], &answer.json()["loaded"]), (&json!("acme/words:v1.5"), &Value::Null));
    let stands = app.store.wishes().await.unwrap();
    assert_eq!((stands.len(), stands[0].wish), (1, Wish::Unload), "the latest wish stands");
}

#[tokio::test]
async fn who_waited_long_enough_for_a_model_to_be_loaded_is_told_to_ask_again() {
    let short = |limits: &mut LimitConfig| limits.max_wait = Span::new(Duration::from_millis(100));
    let app = TestApp::build().limits(short).start().await;
    let _worker = app.worker().await;
    let app = app.restarted();
    let mut told = String::new();
    for (path, body) in [
        ("/v1/models/load", json!({"model": "minilm"})),
        ("/v2/repository/models/minilm/load", json!({})),
        ("/api/generate", json!({"model": "minilm"})),
    ] {
        let answer = app.post(path).json(body).await;
        writeln!(told, "{path} {answer}").unwrap();
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    insta::assert_snapshot!(told, @r#"
    /v1/models/load 503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": {
        "message": "the model `minilm` is not loaded yet; ask again in a moment",
        "type": "server_error",
        "param": "model",
        "code": "unavailable"
      }
    }

    /v2/repository/models/minilm/load 503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": "the model `minilm` is not loaded yet; ask again in a moment"
    }

    /api/generate 503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": "the model `minilm` is not loaded yet; ask again in a moment"
    }
    "#);
    let wishes = app.store.wishes().await.unwrap();
    assert_eq!((wishes.len(), wishes[0].wish), (1, Wish::Load(None)), "loading goes on");
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
async fn a_model_that_has_just_come_is_loaded_once_a_worker_has_it() {
    let app = TestApp::start().await;
    let answer = import(&app, "acme/mood", mood()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    let (mut news, looked) = (app.parts.events.subscribe(), app.store.calls("models"));
    let work = async {
        app.eventually(async || app.store.calls("models") > looked + 2).await;
        let worker = app.worker().await;
        while *news.recv().await.unwrap() != Event::Wished {}
        let loaded = Loaded { since: app.clock.now(), expires_at: None };
        app.store.tell_loaded(worker.id, &[("acme/mood".to_owned(), loaded)].into()).await.unwrap();
    };
    let load = app.post("/v1/models/load").json(json!({"model": "acme/mood"}));
    let (answer, ()) = tokio::join!(load, work);
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let listed = app.get("/api/ps").send().await;
    assert_eq!(listed.json()["models"][0]["name"], "acme/mood:latest", "lists know it at once: {listed}");
}

#[tokio::test]
async fn what_cannot_be_loaded_is_told_in_the_dialects_shape() {
    let app = TestApp::start().await;
    let mut told = String::new();
    for (path, body) in [
        ("/v1/models/load", json!({"model": "nope"})),
        ("/v1/models/load", json!({"model": "net"})),
        ("/v1/models/load", json!({"model": "net", "keep_alive": "soon"})),
        ("/v1/models/load", json!({"model": "net", "keep": "5m"})),
        ("/v1/models/load", json!({})),
        ("/v1/models/unload", json!({"model": "nope"})),
        ("/v1/models/unload", json!({"model": "net", "keep_alive": "5m"})),
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
    404 {"error":{"message":"there is no model `nope`","type":"invalid_request_error","param":"model","code":"model_not_found"}}
    503 {"error":{"message":"no worker serves the model `net` now","type":"server_error","param":"model","code":"unavailable"}}
    400 {"error":{"message":"`soon` is neither a duration like \"5m\", nor a number of seconds, nor negative for \"for ever\"","type":"invalid_request_error","param":"keep_alive","code":"invalid_field"}}
    400 {"error":{"message":"unknown field `keep`, expected `model` or `keep_alive`","type":"invalid_request_error","param":"keep","code":"unknown_field"}}
    400 {"error":{"message":"missing field `model`","type":"invalid_request_error","param":"model","code":"missing_field"}}
    404 {"error":{"message":"there is no model `nope`","type":"invalid_request_error","param":"model","code":"model_not_found"}}
    400 {"error":{"message":"unknown field `keep_alive`, expected `model`","type":"invalid_request_error","param":"keep_alive","code":"unknown_field"}}
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
        (json!("5m"), Some(Wish::Keep(KeepAlive::For(Duration::from_mins(5))))),
        (json!(0), Some(Wish::Unload)),
        (Value::Null, None),
    ] {
        let before = app.store.wishes().await.unwrap();
        let mut news = app.parts.events.subscribe();
        let mut queue = consumer(&app, "minilm").await;
        let call = app.post("/api/embed").json(json!({"model": "minilm", "input": "a", "keep_alive": keep}));
        let (answer, ()) = tokio::join!(call, async {
            let claimed = worker.claim(taken(&mut *queue).await).await;
            assert_eq!(app.store.wishes().await.unwrap(), before, "not before it is answered");
            worker.settle(&claimed, vec![vector(&[0.6, -0.8], 5)], Vec::new()).await;
        });
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        // It is written down beside the call.
        if wish.is_some() {
            while *news.recv().await.unwrap() != Event::Wished {}
        }
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
