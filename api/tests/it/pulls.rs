//! Jobs that bring models in, as the api tells of them: like any other, though no model does them.

mod calls;

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::events::{Event, Progress, Step, Transfer};
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Cost, Ending, Keep, Status};
use forebay_shared::registry::NewPull;
use forebay_shared::store::{Handover, Jobs, Route, Scope};
use forebay_shared::testing::Fault;
use serde_json::{Value, json};

use crate::app::{OWNER, TestApp};
use crate::sse::Stream;

async fn submitted(app: &TestApp) -> JobId {
    let (owner, reference) = (OWNER.to_owned(), "org/name:fp16".parse().unwrap());
    let pull = NewPull { owner, reference, name: None, everybody: false, by_admin: true };
    let job = pull.job(app.ids.job(), Keep::all(Duration::from_hours(1))).unwrap();
    app.parts.store.submit(std::slice::from_ref(&job)).await.unwrap();
    job.id
}

async fn read(app: &TestApp, path: &str) -> Value {
    let answer = app.get(path).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer.json()
}

fn reasons(explained: &Value) -> Vec<&str> {
    explained["waits"].as_array().unwrap().iter().map(|wait| wait["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_pull_is_told_of_as_any_job_is() {
    let app = TestApp::start().await;
    let id = submitted(&app).await;
    let job = read(&app, &format!("/v1/jobs/{id}")).await;
    assert_eq!((&job["kind"], &job["status"]), (&json!("model_pull"), &json!("queued")), "{job}");
    assert_eq!(job["params"]["name"], "org/name:fp16");
    let listed = read(&app, "/v1/jobs?model=model_pull").await;
    assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["kind"]), (&job["id"], &json!("model_pull")));
    assert_eq!(reasons(&read(&app, &format!("/v1/jobs/{id}/explain")).await), ["scheduler"]);
    let cancelled = app.post(&format!("/v1/jobs/{id}/cancel")).send().await;
    assert!(cancelled.status.is_success(), "{cancelled}");
    assert_eq!(read(&app, &format!("/v1/jobs/{id}")).await["status"], "cancelled");
}

#[tokio::test]
async fn pulls_have_a_queue_that_can_be_paused_but_not_drained() {
    let app = TestApp::start().await;
    let names = |queues: &Value| -> Vec<Value> {
        queues["data"].as_array().unwrap().iter().map(|queue| queue["model"].clone()).collect()
    };
    assert!(!names(&read(&app, "/v1/queues").await).contains(&json!("model_pull")), "nothing is pulled");
    let id = submitted(&app).await;
    let queues = read(&app, "/v1/queues").await;
    assert_eq!(names(&queues).last(), Some(&json!("model_pull")));
    assert_eq!(queues["data"].as_array().unwrap().last().unwrap()["interactive"]["queued"], 1);
    assert_eq!(app.post("/v1/queues/pause/model_pull").send().await.status, StatusCode::NO_CONTENT);
    assert_eq!(reasons(&read(&app, &format!("/v1/jobs/{id}/explain")).await), ["paused"]);
    assert_eq!(app.post("/v1/queues/drain/model_pull").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_request_can_name_what_pulls_are_called() {
    let app = TestApp::start().await;
    let params = json!({"name": "a", "everybody": true});
    for body in [
        json!({"model": "model_pull", "input": "org/name"}),
        json!({"model": "model_pull", "input": "org/name", "params": params}),
    ] {
        let answer = app.post("/v1/jobs").json(body).await;
        let problem: Value = answer.json();
        assert_eq!((answer.status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_model")));
    }
    let models = read(&app, "/v1/models").await;
    assert!(!models.to_string().contains("model_pull"), "{models}");
}

#[tokio::test]
async fn who_begins_to_follow_a_running_pull_hears_how_far_it_is() {
    let app = TestApp::start().await;
    let (worker, id) = (app.worker().await, submitted(&app).await);
    let route = Route { model: "model_pull".to_owned(), class: Class::Interactive };
    assert_eq!(app.store.due(&route, Cost::new(1), 1).await.unwrap().jobs.len(), 1);
    let claimed = worker.claim(id).await;
    let mut bus = app.parts.events.subscribe();
    let mut stream = Stream::open(app.get(&format!("/v1/jobs/{id}/events"))).await;
    assert_eq!(stream.event().await.unwrap().event, "job.running");
    let address = loop {
        if let Event::Watched { id: watched, address } = &*bus.recv().await.unwrap() {
            assert_eq!(*watched, id);
            break address.clone();
        }
    };
    let transfer = Transfer {
        step: Step::Download,
        file: Some("onnx/model.onnx".to_owned()),
        digest: None,
        completed: 7,
        total: 10,
    };
    let progress = Progress { id, attempt: 1, done: 0, total: 1, transfer: Some(transfer) };
    app.parts.events.publish(vec![(address, Event::Progress(progress))]).await;
    let heard = stream.event().await.unwrap();
    assert_eq!((&*heard.event, &heard.data["transfer"]["completed"]), ("job.progress", &json!(7)));
    worker.end(&claimed, Ending::Cancelled).await;
}

#[tokio::test]
async fn a_pull_that_cannot_be_followed_is_not_left_to_itself() {
    for (detach, left) in [("false", Status::Cancelled), ("true", Status::Queued)] {
        let app = TestApp::start().await;
        app.store.set_faults(|asked| if asked == "watch" { Fault::Before } else { Fault::None });
        let call = app.post("/api/pull").header("x-forebay-detach", detach);
        let answer = call.json(json!({"model": "org/name", "stream": false})).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        let id = answer.header("x-forebay-job").unwrap().parse().unwrap();
        app.eventually(async || app.row(id).await.status == left).await;
    }
}

#[tokio::test]
async fn a_pull_knows_whether_an_admin_asks_for_it() {
    let asked = async |app: &TestApp, key: &str, owner: &str| {
        let call = app.post("/v1/models/pull").bearer(key).json(json!({"model": "org/name"}));
        let answer = call.await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer}");
        let id = answer.header("x-forebay-job").unwrap().parse().unwrap();
        app.store.job(owner, id).await.unwrap().unwrap().params["by_admin"].clone()
    };
    let app = TestApp::build().keys().start().await;
    let (_, writer) = app.key("alice", &[Scope::Write]).await;
    let (_, admin) = app.key("bob", &[Scope::Write, Scope::Admin]).await;
    assert_eq!(asked(&app, &writer, "alice").await, json!(false));
    assert_eq!(asked(&app, &admin, "bob").await, json!(true));
    let open = TestApp::start().await;
    assert_eq!(asked(&open, "passed over", OWNER).await, json!(true), "whoever can reach it runs it");
}
