//! Calls that have a model pulled, ours and Ollama's, to the last line of their answers.

use std::fmt::Write;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use forebay_shared::events::{Event, Progress, Step, Transfer};
use forebay_shared::id::JobId;
use forebay_shared::job::{Claimed, Class, Cost, Ending, Failure, FailureCode, Output, Status};
use forebay_shared::registry::PULL;
use forebay_shared::store::{Handover, Route};
use futures::StreamExt;
use serde_json::json;

use super::read;
use crate::app::{Answer, TestApp};
use crate::worker::Worker;

/// What a scheduler gives that has pulled the model.
fn pulled() -> Output {
    let (model, revision) = ("org/name".to_owned(), "0123456789abcdef0123456789abcdef01234567".to_owned());
    Output::Model { model, digest: "ab".repeat(32), bytes: 101, revision, stored: 101 }
}

fn missing() -> Ending {
    let why = "the hub has no model `org/name`, or none that may be read without a token";
    Ending::Failed(Failure::permanent(FailureCode::NotInHub, why))
}

/// Claims the job as a scheduler does: no broker carries it, so it is marked first.
async fn claimed(app: &TestApp, worker: &Worker, id: JobId) -> Claimed {
    let route = Route { model: PULL.to_owned(), class: Class::Interactive };
    let due = app.store.due(&route, Cost::new(1), 1).await.unwrap();
    assert_eq!(due.jobs.iter().map(|due| due.id).collect::<Vec<_>>(), [id]);
    worker.claim(id).await
}

/// The model is there, and those who wait are told.
async fn finished(app: &TestApp, id: JobId) {
    let worker = app.worker().await;
    worker.settle(&claimed(app, &worker, id).await, vec![Ok(pulled())], Vec::new()).await;
}

/// The job has ended otherwise, and those who wait are told.
async fn ended(app: &TestApp, id: JobId, ending: Ending) {
    let worker = app.worker().await;
    let claimed = claimed(app, &worker, id).await;
    end(app, &worker, &claimed, ending).await;
}

async fn end(app: &TestApp, worker: &Worker, claimed: &Claimed, ending: Ending) {
    worker.end(claimed, ending).await;
    worker.tell(vec![app.parts.events.address().to_owned()], claimed.id, None).await;
}

/// The only job that came in Ollama's words, once somebody follows it.
async fn followed(app: &TestApp) -> JobId {
    app.eventually(async || app.store.calls("watch") > 0).await;
    let list = read(app, "/v1/jobs?metadata.dialect=ollama").await;
    let [job] = &list["data"].as_array().unwrap()[..] else { panic!("one job: {list}") };
    assert_eq!(job["kind"], "model_pull");
    job["id"].as_str().unwrap().parse().unwrap()
}

/// An answer of Ollama's pull that is read as it comes.
struct Reading {
    id: JobId,
    pieces: BodyDataStream,
}

impl Reading {
    /// The call, with what it is told before anything has come.
    async fn begin(app: &TestApp, accept: &str, detach: &str) -> Self {
        let call = app.post("/api/pull").header("accept", accept).header("x-forebay-detach", detach);
        let response = call.body(Body::from(r#"{"model": "hf.co/org/name"}"#)).open().await;
        assert_eq!(response.status(), StatusCode::OK);
        let id = response.headers()["x-forebay-job"].to_str().unwrap().parse().unwrap();
        let mut reading = Self { id, pieces: response.into_body().into_data_stream() };
        assert!(reading.piece().await.unwrap().contains(r#"{"status":"pulling manifest"}"#));
        assert_eq!(followed(app).await, id);
        reading
    }

    async fn piece(&mut self) -> Option<String> {
        let piece = tokio::time::timeout(Duration::from_secs(20), self.pieces.next());
        let piece = piece.await.expect("something is told")?.unwrap();
        Some(String::from_utf8(piece.to_vec()).unwrap())
    }

    async fn rest(mut self) -> String {
        let mut rest = String::new();
        while let Some(piece) = self.piece().await {
            rest.push_str(&piece);
        }
        rest
    }
}

/// Tells those who wait for the job how far it is.
async fn tell(app: &TestApp, id: JobId, transfer: Transfer) {
    let progress = Progress { id, attempt: 1, done: 0, total: 1, transfer: Some(transfer) };
    app.parts.events.publish(vec![(app.parts.events.address().to_owned(), Event::Progress(progress))]).await;
}

fn step(step: Step, completed: u64) -> Transfer {
    let (file, digest) = match step {
        Step::Download => (Some("model.onnx".to_owned()), Some("0123456789abcdef".repeat(4))),
        _ => (None, None),
    };
    Transfer { step, file, digest, completed, total: 101 }
}

#[tokio::test]
async fn our_own_pull_answers_with_its_job() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/models/pull").json(json!({"model": "org/name:fp16", "name": "mine"})).await;
    insta::assert_snapshot!(answer, @r#"
    202 Accepted
    content-type: application/json
    retry-after: 1
    {
      "id": "019e830e-1a00-7efb-a86a-e9e0c207865f",
      "client_id": null,
      "object": "job",
      "model": "model_pull",
      "kind": "model_pull",
      "status": "queued",
      "class": "interactive",
      "priority": 0,
      "items": {
        "total": 1,
        "succeeded": 0,
        "failed": 0
      },
      "attempt": 0,
      "max_attempts": 5,
      "cancel_requested": false,
      "params": {
        "name": "mine",
        "everybody": true,
        "by_admin": true
      },
      "metadata": {
        "dialect": "native"
      },
      "created_at": "2026-06-01T12:00:00.000000Z",
      "available_at": "2026-06-01T12:00:00.000000Z",
      "start_by": null,
      "finish_by": null,
      "started_at": null,
      "finished_at": null,
      "expires_at": null,
      "queue": null,
      "timings": null,
      "error": null,
      "result": null,
      "result_url": null,
      "files": [],
      "urls": {
        "self": "/v1/jobs/019e830e-1a00-7efb-a86a-e9e0c207865f",
        "cancel": "/v1/jobs/019e830e-1a00-7efb-a86a-e9e0c207865f/cancel",
        "result": "/v1/jobs/019e830e-1a00-7efb-a86a-e9e0c207865f/result"
      }
    }
    "#);
    let id = answer.id().to_string();
    assert_eq!(answer.header("x-forebay-job"), Some(id.as_str()));
    assert_eq!(answer.header("location"), Some(format!("/v1/jobs/{id}").as_str()));
    let list = read(&app, "/v1/jobs?metadata.dialect=native").await;
    assert_eq!(list["data"][0]["id"], json!(id), "it is found by whose words it came in");
}

#[tokio::test]
async fn what_cannot_be_pulled_is_refused_before_there_is_a_job() {
    let app = TestApp::start().await;
    let mut told = String::new();
    for (path, body) in [
        ("/v1/models/pull", json!({"model": "no name"})),
        ("/v1/models/pull", json!({"model": "org/name:../best"})),
        ("/v1/models/pull", json!({"model": "org/name@"})),
        ("/v1/models/pull", json!({"model": "org/name", "name": "../up"})),
        ("/v1/models/pull", json!({"model": "org/name", "name": "model_pull"})),
        ("/v1/models/pull", json!({"name": "mine"})),
        ("/v1/models/pull", json!({"model": "org/name", "revision": "v1"})),
        ("/api/pull", json!({})),
        ("/api/pull", json!({"model": "llama3:"})),
        ("/api/pull", json!({"model": "registry.example/org/name"})),
        ("/api/pull", json!({"model": "org/name", "stream": "no"})),
    ] {
        let answer = app.post(path).json(body).await;
        writeln!(told, "{path} {} {}", answer.status.as_u16(), answer.text()).unwrap();
        assert_eq!(answer.header("x-forebay-job"), None, "there is no job");
    }
    insta::assert_snapshot!(told, @r#"
    /v1/models/pull 400 {"error":{"message":"the repository `no name` is none: it is `name` or `org/name`, of letters, digits, `.`, `_` and `-`, and has at most 160 bytes","type":"invalid_request_error","param":"model","code":"invalid_field"}}
    /v1/models/pull 400 {"error":{"message":"`../best` after the colon is neither a precision, such as `fp16`, nor the path of a file, such as `onnx/model.onnx`","type":"invalid_request_error","param":"model","code":"invalid_field"}}
    /v1/models/pull 400 {"error":{"message":"the revision `` is none: it is a branch, a tag or a commit of at most 100 bytes","type":"invalid_request_error","param":"model","code":"invalid_field"}}
    /v1/models/pull 400 {"error":{"message":"`..` in a model's name: a part begins with a letter or a digit and goes on with these, `.`, `_`, `-` and `:`","type":"invalid_request_error","param":"name","code":"invalid_field"}}
    /v1/models/pull 400 {"error":{"message":"no model can be called `model_pull`: that is what bringing models in is called","type":"invalid_request_error","param":"name","code":"invalid_field"}}
    /v1/models/pull 400 {"error":{"message":"missing field `model`","type":"invalid_request_error","param":"model","code":"missing_field"}}
    /v1/models/pull 400 {"error":{"message":"unknown field `revision`, expected `model` or `name`","type":"invalid_request_error","param":"revision","code":"unknown_field"}}
    /api/pull 400 {"error":"model is required"}
    /api/pull 400 {"error":"`` after the colon is neither a precision, such as `fp16`, nor the path of a file, such as `onnx/model.onnx`"}
    /api/pull 400 {"error":"the repository `registry.example/org/name` is none: it is `name` or `org/name`, of letters, digits, `.`, `_` and `-`, and has at most 160 bytes"}
    /api/pull 400 {"error":"invalid type: string \"no\", expected a boolean"}
    "#);
    assert_eq!(app.store.calls("submit"), 0);
}

#[tokio::test]
async fn ollamas_clients_are_told_step_by_step() {
    for (accept, end) in [("*/*", ""), ("text/event-stream", "data: [DONE]\n\n")] {
        let app = TestApp::start().await;
        let worker = app.worker().await;
        let mut reading = Reading::begin(&app, accept, "false").await;
        let (id, mut told) = (reading.id, String::new());
        let claimed = claimed(&app, &worker, id).await;
        for step in [
            step(Step::Download, 10),
            step(Step::Download, 101),
            step(Step::Verify, 101),
            step(Step::Store, 101),
        ] {
            tell(&app, id, step).await;
            told.push_str(&reading.piece().await.unwrap());
        }
        worker.settle(&claimed, vec![Ok(pulled())], Vec::new()).await;
        told.push_str(&reading.rest().await);
        let told = told.strip_suffix(end).unwrap().replace("data: ", "").replace("\n\n", "\n");
        insta::allow_duplicates! { insta::assert_snapshot!(told, @r#"
        {"status":"pulling 0123456789ab","digest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","total":101,"completed":10}
        {"status":"pulling 0123456789ab","digest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","total":101,"completed":101}
        {"status":"verifying sha256 digest"}
        {"status":"writing manifest"}
        {"status":"success"}
        "#); }
    }
}

/// What Ollama's client hears that asks for the last step only, if the pull ends like this.
async fn whole(end: impl AsyncFnOnce(&TestApp, JobId)) -> Answer {
    let app = TestApp::start().await;
    let body = json!({"name": "org/name", "stream": false});
    let (answer, id) = tokio::join!(app.post("/api/pull").json(body), async {
        let id = followed(&app).await;
        end(&app, id).await;
        id
    });
    assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()));
    answer
}

#[tokio::test]
async fn ollamas_clients_may_hear_the_end_only() {
    insta::assert_snapshot!(whole(async |app, id| finished(app, id).await).await, @r#"
    200 OK
    content-type: application/json
    {
      "status": "success"
    }
    "#);
    insta::assert_snapshot!(whole(async |app, id| ended(app, id, missing()).await).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "the hub has no model `org/name`, or none that may be read without a token"
    }
    "#);
    let full = Failure::permanent(FailureCode::DiskFull, "101 bytes are needed, and there is room for 7");
    let full = Ending::Failed(full);
    insta::assert_snapshot!(whole(async |app, id| ended(app, id, full).await).await, @r#"
    500 Internal Server Error
    content-type: application/json
    {
      "error": "101 bytes are needed, and there is room for 7"
    }
    "#);
    let cancelled = whole(async |app, id| {
        assert_eq!(app.post(&format!("/v1/jobs/{id}/cancel")).send().await.status, StatusCode::OK);
    });
    insta::assert_snapshot!(cancelled.await, @r#"
    409 Conflict
    content-type: application/json
    {
      "error": "the pull was cancelled"
    }
    "#);
}

#[tokio::test]
async fn a_pull_that_fails_in_mid_stream_ends_with_a_line_that_says_why() {
    let app = TestApp::start().await;
    let mut reading = Reading::begin(&app, "*/*", "false").await;
    let (id, worker) = (reading.id, app.worker().await);
    let claimed = claimed(&app, &worker, id).await;
    tell(&app, id, step(Step::Download, 10)).await;
    let mut told = reading.piece().await.unwrap();
    let broken = Failure::permanent(FailureCode::WrongChecksum, "model.onnx is not what the hub told of");
    end(&app, &worker, &claimed, Ending::Failed(broken)).await;
    told.push_str(&reading.rest().await);
    insta::assert_snapshot!(told, @r#"
    {"status":"pulling 0123456789ab","digest":"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","total":101,"completed":10}
    {"error":"model.onnx is not what the hub told of"}
    "#);
}

#[tokio::test]
async fn who_hangs_up_cancels_the_pull_unless_it_is_detached() {
    let app = TestApp::start().await;
    let reading = Reading::begin(&app, "*/*", "false").await;
    let id = reading.id;
    drop(reading);
    app.eventually(async || app.row(id).await.status == Status::Cancelled).await;

    let app = TestApp::start().await;
    let reading = Reading::begin(&app, "*/*", "true").await;
    let id = reading.id;
    drop(reading);
    finished(&app, id).await;
    let job = read(&app, &format!("/v1/jobs/{id}")).await;
    let output = job["result"]["items"][0]["output"].clone();
    assert_eq!((&job["status"], &output["model"]), (&json!("succeeded"), &json!("org/name")), "{job}");
    assert_eq!(app.store.calls("cancel"), 0);
}
