//! Many jobs at once, another life for jobs, ids of the client's own, and orders to queues.

use axum::body::Body;
use axum::http::StatusCode;
use forebay_shared::events::Event;
use forebay_shared::job::{Class, Ending};
use forebay_shared::queue::Producer;
use forebay_shared::store::{Jobs, Route, Scope};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::worker::{echo, failed};

fn body(input: &str) -> Value {
    json!({"model": "echo", "input": input})
}

fn told(answer: &Answer) -> (StatusCode, String, String) {
    let word = |name: &str| answer.json()[name].as_str().unwrap_or_default().to_owned();
    (answer.status, word("code"), word("field"))
}

async fn status(app: &TestApp, id: impl std::fmt::Display) -> String {
    app.get(&format!("/v1/jobs/{id}")).send().await.json()["status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn many_are_cancelled_and_those_who_wait_are_told() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let running = app.submit(body("a")).await;
    let claimed = worker.claim(running).await;
    let waiting = app.submit(body("b")).await;
    app.store.watch(crate::app::OWNER, waiting, app.parts.events.address()).await.unwrap();
    let other = app.submit(json!({"model": "emotion", "input": "c"})).await;
    let mut news = app.parts.events.subscribe();
    let answer = app.post("/v1/jobs/cancel").json(json!({"model": "echo"})).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(answer.json(), json!({"cancelled": 1, "requested": 1, "more": false}));
    let Event::Ended(ended) = &*news.recv().await.unwrap() else { panic!("not an end") };
    assert_eq!(ended.id, waiting);
    assert_eq!(status(&app, waiting).await, "cancelled");
    assert_eq!(status(&app, other).await, "queued");
    worker.end(&claimed, Ending::Cancelled).await;
}

#[tokio::test]
async fn cancelling_many_needs_no_room_at_the_door() {
    let app = TestApp::start().await;
    let ids = [app.submit(body("a")).await, app.submit(body("b")).await];
    let closed = app.store.close().await;
    let answer = app.post("/v1/jobs/cancel").json(json!({"ids": ids})).await;
    assert_eq!(answer.json()["cancelled"], 2);
    drop(closed);
}

#[tokio::test]
async fn a_filter_that_says_nothing_or_too_much_is_refused() {
    let app = TestApp::start().await;
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let ids: Vec<_> = (0..1001).map(|_| app.ids.job()).collect();
    let table = [
        (json!({}), "missing_field", "ids"),
        (json!({"ids": ids}), "invalid_field", "ids"),
        (json!({"stauts": "queued"}), "unknown_field", "stauts"),
        (json!({"status": "waiting"}), "invalid_field", "status"),
        (json!({"metadata": {"a": "nul\0"}}), "invalid_field", "metadata.a"),
    ];
    for path in ["/v1/jobs/cancel", "/v1/jobs/retry"] {
        let text =
            app.post(path).header("content-type", "text/plain").body(Body::from(r#"{"status":"queued"}"#));
        let media_type =
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type".into(), "Content-Type".into());
        assert_eq!(told(&text.send().await), media_type, "a page of another origin can send this");
        for (filter, code, field) in &table {
            let answer = app.post(path).json(filter.clone()).await;
            assert_eq!(told(&answer), (unprocessable, (*code).to_owned(), (*field).to_owned()), "{filter}");
        }
    }
}

#[tokio::test]
async fn a_failed_job_runs_again_and_its_attempts_stay() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(body("a")).await;
    let claimed = worker.claim(id).await;
    worker.end(&claimed, failed()).await;
    let answer = app.post(&format!("/v1/jobs/{id}/retry")).json(json!({"finish_by": "5m"})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer}");
    let job = answer.json();
    assert_eq!((&job["status"], &job["start_by"]), (&json!("queued"), &Value::Null));
    assert!(job["finish_by"].as_str().unwrap().starts_with("2026-06-01T12:05:00"), "{job}");
    assert_eq!((&job["error"], &job["expires_at"]), (&Value::Null, &Value::Null));
    worker.finish(id, vec![echo("a")]).await;
    assert_eq!(status(&app, id).await, "succeeded");
    let attempts = app.get(&format!("/v1/jobs/{id}/attempts")).send().await.json();
    assert_eq!(attempts["data"].as_array().map(Vec::len), Some(1), "{attempts}");
}

#[tokio::test]
async fn what_cannot_be_retried_is_refused() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(body("a")).await;
    let retry = format!("/v1/jobs/{id}/retry");
    insta::assert_snapshot!(app.post(&retry).send().await, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "type": "/problems/not_retryable",
      "title": "The job cannot be retried",
      "status": 409,
      "detail": "the job is queued; one that failed, was cancelled or has expired can be retried",
      "code": "not_retryable",
      "request_id": "a-request"
    }
    "#);
    worker.finish(id, vec![echo("a")]).await;
    assert_eq!(app.post(&retry).send().await.status, StatusCode::CONFLICT);
    let late = app.post(&retry).json(json!({"start_by": "0s"})).await;
    assert_eq!(told(&late).1, "deadline_passed");
    let unknown = app.post(&format!("/v1/jobs/{}/retry", app.ids.job())).send().await;
    assert_eq!(told(&unknown).1, "job_not_found");
}

#[tokio::test]
async fn many_are_retried() {
    let app = TestApp::start().await;
    let ids = [app.submit(body("a")).await, app.submit(body("b")).await];
    app.post("/v1/jobs/cancel").json(json!({"ids": ids})).await;
    let answer = app.post("/v1/jobs/retry").json(json!({"status": "cancelled"})).await;
    assert_eq!(answer.json(), json!({"retried": 2, "more": false}), "{answer}");
    assert_eq!(status(&app, ids[1]).await, "queued");
}

#[tokio::test]
async fn a_clients_id_creates_and_attaches() {
    let app = TestApp::start().await;
    let first = app.call("PUT", "/v1/jobs/order-1").json(body("a")).await;
    assert_eq!((first.status, &first.json()["client_id"]), (StatusCode::ACCEPTED, &json!("order-1")));
    let again = app.call("PUT", "/v1/jobs/order-1").json(body("a")).await;
    assert_eq!((again.status, again.id()), (StatusCode::OK, first.id()));
    let other = app.call("PUT", "/v1/jobs/order-1").json(body("b")).await;
    assert_eq!(told(&other), (StatusCode::CONFLICT, "client_id_taken".into(), "id".into()));
}

#[tokio::test]
async fn a_waiting_call_attaches_to_what_runs() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.call("PUT", "/v1/jobs/order-1").json(body("a")).await.id();
    let wait = app.call("PUT", "/v1/jobs/order-1").header("prefer", "wait=30").json(body("a"));
    let (answer, ()) = tokio::join!(wait, worker.finish(id, vec![echo("a")]));
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("succeeded")));
}

#[tokio::test]
async fn every_path_of_a_job_takes_the_clients_id() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.call("PUT", "/v1/jobs/a:b.c_d-1").json(body("a")).await.id();
    assert_eq!(app.get("/v1/jobs/a:b.c_d-1").send().await.id(), id);
    worker.finish(id, vec![echo("a")]).await;
    assert_eq!(app.get("/v1/jobs/a:b.c_d-1/result").send().await.status, StatusCode::OK);
    assert_eq!(app.post("/v1/jobs/a:b.c_d-1/cancel").send().await.json()["status"], "succeeded");
    assert_eq!(app.call("DELETE", "/v1/jobs/a:b.c_d-1").send().await.status, StatusCode::NO_CONTENT);
    assert_eq!(told(&app.get("/v1/jobs/a:b.c_d-1").send().await).1, "job_not_found");
}

#[tokio::test]
async fn filters_take_the_clients_ids_too() {
    let app = TestApp::start().await;
    let id = app.call("PUT", "/v1/jobs/order-1").json(body("a")).await.id();
    let other = app.submit(body("b")).await;
    let events = app.get("/v1/events?follow=false&job=order-1").send().await.json();
    let jobs: Vec<_> = events["data"].as_array().unwrap().iter().map(|event| &event["job"]).collect();
    assert_eq!(jobs, [&json!(id)], "{events}");
    let answer = app.post("/v1/jobs/cancel").json(json!({"ids": ["order-1"]})).await;
    assert_eq!(answer.json()["cancelled"], 1, "{answer}");
    let answer = app.post("/v1/jobs/retry").json(json!({"ids": ["order-1", other]})).await;
    assert_eq!(answer.json()["retried"], 1, "{answer}");
    let unknown = app.post("/v1/jobs/cancel").json(json!({"ids": ["order-2"]})).await;
    assert_eq!(told(&unknown), (StatusCode::NOT_FOUND, "job_not_found".into(), "ids".into()));
    assert_eq!(status(&app, other).await, "queued", "an unknown name does not mean all");
    let unknown = app.get("/v1/events?follow=false&job=order-2").send().await;
    assert_eq!(told(&unknown), (StatusCode::NOT_FOUND, "job_not_found".into(), "job".into()));
}

#[tokio::test]
async fn an_id_that_nobody_may_choose_is_refused() {
    let app = TestApp::start().await;
    let (uuid, long) = (app.ids.job().to_string(), "x".repeat(129));
    for id in [&*uuid, &long, "a%20b", "%E4%B8%8A"] {
        let answer = app.call("PUT", &format!("/v1/jobs/{id}")).json(body("a")).await;
        assert_eq!(told(&answer), (StatusCode::BAD_REQUEST, "invalid_id".into(), "id".into()), "{id}");
    }
    let keyed = app.call("PUT", "/v1/jobs/a").header("idempotency-key", "k").json(body("a")).await;
    assert_eq!(told(&keyed), (StatusCode::BAD_REQUEST, "invalid_header".into(), "Idempotency-Key".into()));
    assert_eq!(app.store.calls("submit"), 0);
}

#[tokio::test]
async fn a_paused_model_begins_nothing_until_it_is_resumed() {
    let app = TestApp::start().await;
    let route = Route { model: "acme/words:v1.5".into(), class: Class::Interactive };
    let order = |verb: &str| app.post(&format!("/v1/queues/{verb}/acme/words:v1.5")).send();
    assert_eq!(order("pause").await.status, StatusCode::NO_CONTENT);
    app.parts.filler.fill().await.unwrap();
    app.submit(json!({"model": "words", "input": "a"})).await;
    app.parts.filler.fill().await.unwrap();
    assert_eq!(app.queue.depth(&route).await.unwrap(), 0);
    let listed = app.get("/v1/queues").send().await.json();
    let queue =
        listed["data"].as_array().unwrap().iter().find(|queue| queue["model"] == "acme/words:v1.5").unwrap();
    assert_eq!(queue["paused_at"], "2026-06-01T12:00:00.000000Z");
    assert_eq!((&queue["interactive"]["queued"], &queue["interactive"]["published"]), (&json!(1), &json!(0)));
    assert_eq!(order("resume").await.status, StatusCode::NO_CONTENT);
    app.parts.filler.fill().await.unwrap();
    assert_eq!(app.queue.depth(&route).await.unwrap(), 1);
}

#[tokio::test]
async fn a_drained_model_takes_nothing_new() {
    let app = TestApp::start().await;
    let keyed = || app.post("/v1/jobs").header("idempotency-key", "k").json(body("a"));
    let taken = keyed().await.id();
    assert_eq!(app.post("/v1/queues/drain/echo").send().await.status, StatusCode::NO_CONTENT);
    let refused = async {
        loop {
            // The view of the models is up to a second old.
            let answer = app.post("/v1/jobs").json(body("a")).await;
            if answer.status != StatusCode::ACCEPTED {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(20), refused).await.unwrap();
    assert_eq!(told(&answer), (StatusCode::SERVICE_UNAVAILABLE, "draining".into(), "model".into()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(keyed().await.id(), taken, "what it has taken is nothing new");
    app.submit(json!({"model": "emotion", "input": "a"})).await;
}

#[tokio::test]
async fn a_purge_empties_a_models_queue() {
    let app = TestApp::start().await;
    let ids = [app.submit(body("a")).await, app.submit(body("b")).await];
    let answer = app.post("/v1/queues/purge/echo").send().await;
    assert_eq!(answer.json(), json!({"cancelled": 2, "requested": 0, "more": false}));
    assert_eq!(status(&app, ids[0]).await, "cancelled");
    let unknown = app.post("/v1/queues/purge/nope").send().await;
    assert_eq!(told(&unknown), (StatusCode::NOT_FOUND, "unknown_model".into(), "model".into()));
}

#[tokio::test]
async fn orders_to_queues_need_their_own_scope() {
    let app = TestApp::build().keys().start().await;
    let (_, key) = app.key("alice", &[Scope::Read, Scope::Write]).await;
    let refused = app.post("/v1/queues/pause/echo").header("x-api-key", &key).send().await;
    assert_eq!(told(&refused).1, "forbidden");
    let (_, key) = app.key("root", &[Scope::Admin]).await;
    let allowed = app.post("/v1/queues/pause/echo").header("x-api-key", &key).send().await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_is_dropped_before_a_device_sees_it_is_counted_by_reason() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    let app = TestApp::start().await;
    let ids = [app.submit(body("a")).await, app.submit(body("b")).await, app.submit(body("c")).await];
    assert_eq!(app.post(&format!("/v1/jobs/{}/cancel", ids[0])).send().await.status, StatusCode::OK);
    assert_eq!(app.delete(&format!("/v1/jobs/{}", ids[1])).send().await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.post("/v1/queues/purge/echo").send().await.json()["cancelled"], 1);
    let told = metrics.render();
    for counted in [r#"{reason="cancelled"} 2"#, r#"{reason="purged"} 1"#] {
        assert!(told.contains(&format!("forebay_items_dropped_total{counted}")), "{told}");
    }
}
