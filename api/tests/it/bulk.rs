//! Bulks by both of their doors: OpenAI's batches and our own.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::bulk::{BadLine, Cut};
use forebay_shared::file::{FileStatus, NewFile, Piece, Purpose};
use forebay_shared::id::{BulkId, FileId, JobId};
use forebay_shared::job::{Class, NewJob};
use forebay_shared::store::{Answering, Closing, Files, Scope, Slicing};
use forebay_shared::testing::sample_job;
use serde_json::{Value, json};

use crate::app::{OWNER, TestApp};
use crate::sse::Stream;

impl TestApp {
    /// A file of alice's that nobody reads here.
    async fn file(&self) -> String {
        self.file_for(Purpose::Batch).await
    }

    async fn file_for(&self, purpose: Purpose) -> String {
        self.clock.advance(Duration::from_millis(1));
        let id = self.ids.file();
        let file = NewFile {
            id,
            owner: OWNER.to_owned(),
            filename: "lines.jsonl".to_owned(),
            purpose,
            status: FileStatus::Processed,
            pieces: vec![Piece::own(format!("files/{}", id.0), 10)],
            life: None,
        };
        self.store.create_file(&file, None).await.unwrap();
        id.to_string()
    }

    /// Cuts the bulk that waits to be read into one slice.
    async fn slice(&self) -> (BulkId, JobId) {
        let bulk = self.store.unread_bulks(1).await.unwrap().remove(0);
        let slice = NewJob { class: Class::Bulk, bulk: Some(bulk.id), ..sample_job(&self.ids, OWNER) };
        let id = slice.id;
        let cut = Cut {
            output_file: self.ids.file(),
            error_file: self.ids.file(),
            bad: None,
            bad_lines: 0,
            model: None,
            slices: vec![(slice, 1)],
        };
        assert!(self.store.cut_bulk(bulk.id, &cut).await.unwrap());
        (bulk.id, id)
    }

    async fn batch(&self) -> Value {
        let body = json!({
            "input_file_id": self.file().await, "endpoint": "/v1/embeddings", "completion_window": "24h",
            "metadata": {"city": "上海"},
        });
        let answer = self.post("/v1/batches").json(body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        answer.json()
    }
}

#[tokio::test]
async fn a_batch_reads_as_openai_writes_it() {
    let app = TestApp::start().await;
    let batch = app.batch().await;
    let id = batch["id"].as_str().unwrap();
    assert!(id.starts_with("batch_"), "{id}");
    assert_eq!(app.get(&format!("/v1/batches/{id}")).send().await.json(), batch);
    let mut shown = batch.clone();
    shown["id"] = json!("batch_…");
    shown["input_file_id"] = json!("file-…");
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap());
}

#[tokio::test]
async fn a_window_may_be_any_time() {
    let app = TestApp::start().await;
    for (window, seconds) in [("15m", 900), ("7d", 604_800), ("1s", 1)] {
        let body =
            json!({"input_file_id": app.file().await, "endpoint": "/v1/jobs", "completion_window": window});
        let batch = app.post("/v1/batches").json(body).await.json();
        let span = batch["expires_at"].as_i64().unwrap() - batch["created_at"].as_i64().unwrap();
        assert_eq!((span, &batch["completion_window"]), (seconds, &json!(window)));
    }
}

#[tokio::test]
async fn batches_are_listed_from_the_newest_in_pages() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, app.batch().await["id"].as_str().unwrap().to_owned());
    }
    let page = app.get("/v1/batches?limit=2").send().await.json();
    assert_eq!(
        (&page["first_id"], &page["last_id"], &page["has_more"]),
        (&json!(ids[0]), &json!(ids[1]), &json!(true))
    );
    let rest = app.get(&format!("/v1/batches?limit=2&after={}", ids[1])).send().await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (1, &json!(false)));
    assert_eq!(rest["first_id"], json!(ids[2]));
    let all = app.get("/v1/bulk").send().await.json();
    assert_eq!(all["data"].as_array().unwrap().len(), 3, "they are bulks like others");
}

#[tokio::test]
async fn a_batch_is_cancelled_once_and_an_ended_one_not() {
    let app = TestApp::start().await;
    let id = app.batch().await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/batches/{id}/cancel");
    for _ in 0..2 {
        let answer = app.post(&path).send().await;
        assert_eq!((answer.status, answer.json()["status"].clone()), (StatusCode::OK, json!("cancelling")));
    }
    let bulk = app.store.finalize_bulks(10).await.unwrap().remove(0);
    app.store.end_bulk(bulk.id).await.unwrap().expect("nothing of it ran");
    let ended = app.get(&format!("/v1/batches/{id}")).send().await.json();
    assert_eq!(ended["status"], "cancelled");
    assert!(ended["cancelled_at"].is_number() && ended["output_file_id"].is_null());
    let answer = app.post(&path).send().await;
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].clone()),
        (StatusCode::BAD_REQUEST, json!("bulk_ended"))
    );
}

#[tokio::test]
async fn a_refused_batch_tells_its_lines() {
    let app = TestApp::start().await;
    let batch = app.batch().await;
    let bad = BadLine {
        code: "invalid_json_line".to_owned(),
        message: "it is no JSON".to_owned(),
        param: None,
        line: Some(2),
    };
    let bulk = app.store.unread_bulks(1).await.unwrap().remove(0);
    app.store.refuse_bulk(bulk.id, &[bad]).await.unwrap();
    let batch = app.get(&format!("/v1/batches/{}", batch["id"].as_str().unwrap())).send().await.json();
    let errors = json!({
        "object": "list",
        "data": [{"code": "invalid_json_line", "message": "it is no JSON", "param": null, "line": 2}],
    });
    assert_eq!((&batch["status"], &batch["errors"]), (&json!("failed"), &errors));
    assert!(batch["failed_at"].is_number() && batch["completed_at"].is_null());
}

#[tokio::test]
async fn another_owners_batch_is_not_there() {
    let app = TestApp::build().keys().start().await;
    let (_, alice) = app.key(OWNER, &[Scope::Read, Scope::Write]).await;
    let (_, bob) = app.key("bob", &[Scope::Read, Scope::Write]).await;
    let body = json!({"input_file_id": app.file().await, "endpoint": "/v1/jobs", "completion_window": "1h"});
    let theirs = app.post("/v1/batches").bearer(&bob).json(body.clone()).await;
    assert_eq!(theirs.status, StatusCode::NOT_FOUND, "nor is the file: {theirs}");
    let batch = app.post("/v1/batches").bearer(&alice).json(body).await.json();
    let id = batch["id"].as_str().unwrap();
    for path in [format!("/v1/batches/{id}"), format!("/v1/bulk/{id}"), format!("/v1/bulk/{id}/results")] {
        assert_eq!(app.get(&path).bearer(&bob).send().await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(app.get(&path).bearer(&alice).send().await.status, StatusCode::OK, "{path}");
    }
    for path in [format!("/v1/batches/{id}/cancel"), format!("/v1/bulk/{id}/retry")] {
        assert_eq!(app.post(&path).bearer(&bob).send().await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    let app = TestApp::start().await;
    let (file, other) = (app.file().await, app.file_for(Purpose::UserData).await);
    let good = json!({"input_file_id": file, "endpoint": "/v1/embeddings", "completion_window": "24h"});
    let many: serde_json::Map<String, Value> = (0..17).map(|n| (n.to_string(), json!("x"))).collect();
    let cases = [
        (json!({"input_file_id": "file-00000000000000000000000000000000"}), 404, "input_file_id"),
        (json!({"input_file_id": "nonsense"}), 404, "input_file_id"),
        (json!({"input_file_id": other}), 400, "input_file_id"),
        (json!({"endpoint": "/v1/chat/completions"}), 400, "endpoint"),
        (json!({"completion_window": "soon"}), 400, "completion_window"),
        (json!({"completion_window": "90d"}), 400, "completion_window"),
        (json!({"completion_window": null}), 400, "completion_window"),
        (json!({"metadata": {"a": 1}}), 400, "metadata.a"),
        (json!({"metadata": many}), 400, "metadata"),
        (
            json!({"output_expires_after": {"anchor": "now", "seconds": 3600}}),
            400,
            "output_expires_after.anchor",
        ),
        (
            json!({"output_expires_after": {"anchor": "created_at", "seconds": 1}}),
            400,
            "output_expires_after.seconds",
        ),
        (json!({"colour": "red"}), 400, "colour"),
    ];
    for (change, status, field) in cases {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = app.post("/v1/batches").json(body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"]["param"].clone()),
            (status, json!(field)),
            "{change}"
        );
    }
    let native = [
        (json!({"file": file, "format": "xml"}), 422, "format"),
        (json!({"file": file, "window": "0s"}), 422, "window"),
        (json!({"file": "nonsense"}), 404, "file"),
        (json!({"file": file, "format": "csv"}), 422, "model"),
        (json!({"file": file, "format": "zip", "model": "echo", "column": "a"}), 422, "column"),
        (json!({"file": file, "format": "csv", "model": "echo", "delimiter": "||"}), 422, "delimiter"),
        (json!({"file": file, "webhook": {"url": "http://127.0.0.1/"}}), 422, "webhook.url"),
        (
            json!({"file": file, "webhook": {"url": "https://alice.example/", "events": ["job.failed"]}}),
            422,
            "webhook.events[0]",
        ),
        (json!({"file": file, "model": "nobody"}), 404, "model"),
        (json!({}), 422, "file"),
    ];
    for (body, status, field) in native {
        let answer = app.post("/v1/bulk").json(body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["field"].clone()),
            (status, json!(field)),
            "{body}"
        );
    }
    let query = app.get("/v1/batches?limit=0").send().await;
    assert_eq!(
        (query.status, query.json()["error"]["param"].clone()),
        (StatusCode::BAD_REQUEST, json!("limit"))
    );
}

#[tokio::test]
async fn a_native_bulk_tells_how_far_it_is() {
    let app = TestApp::start().await;
    let body = json!({"file": app.file().await, "model": "echo", "params": {"delay_ms": 1}, "window": "2h"});
    let answer = app.post("/v1/bulk").json(body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer}");
    let bulk = answer.json();
    let location = format!("/v1/bulk/{}", bulk["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(
        (&bulk["status"], &bulk["progress"], &bulk["eta"]),
        (&json!("validating"), &json!(0.0), &Value::Null)
    );
    assert_eq!(app.get(&location).send().await.json(), bulk);
    let results = app.get(&format!("{location}/results?format=jsonl")).send().await;
    assert_eq!(
        (results.status, results.header("content-type")),
        (StatusCode::OK, Some("application/x-ndjson"))
    );
    let other = app.get(&format!("{location}/results?format=xml")).send().await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    let retry = app.post(&format!("{location}/retry")).send().await;
    assert_eq!((retry.status, retry.json()["code"].clone()), (StatusCode::CONFLICT, json!("bulk_running")));
    let _: FileId = bulk["file"].as_str().unwrap().parse().unwrap();
}

#[tokio::test]
async fn a_slice_goes_with_its_bulk_and_not_alone() {
    let app = TestApp::start().await;
    app.batch().await;
    let (bulk, slice) = app.slice().await;
    let path = format!("/v1/jobs/{slice}");
    let delete = async || {
        let answer = app.delete(&path).send().await;
        (answer.status, answer.json()["code"].clone())
    };
    assert_eq!(delete().await, (StatusCode::CONFLICT, json!("slice_of_bulk")));
    assert_eq!(app.get(&path).send().await.json()["status"], "queued", "not even cancelled");
    let cancelled = app.post(&format!("{path}/cancel")).send().await;
    assert_eq!((cancelled.status, cancelled.json()["status"].clone()), (StatusCode::OK, json!("cancelled")));
    // What has ended is still told of by its bulk, which alone runs lines again.
    assert_eq!(delete().await, (StatusCode::CONFLICT, json!("slice_of_bulk")));
    let retried = app.post(&format!("{path}/retry")).send().await;
    assert_eq!(
        (retried.status, retried.json()["code"].clone()),
        (StatusCode::CONFLICT, json!("not_retryable"))
    );
    assert_eq!(app.store.unanswered_slices(bulk, 10).await.unwrap()[0].job, slice);
}

#[tokio::test]
async fn slices_are_found_by_the_id_of_their_bulk() {
    let app = TestApp::start().await;
    let batch = app.batch().await;
    let (bulk, slice) = app.slice().await;
    app.batch().await;
    app.slice().await;
    for id in [batch["id"].as_str().unwrap(), &bulk.to_string()] {
        let list = app.get(&format!("/v1/jobs?bulk={id}")).send().await.json();
        let found: Vec<_> = list["data"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect();
        assert_eq!(found, [json!(slice)], "{id}");
    }
    let cancelled = app.post("/v1/jobs/cancel").json(json!({"bulk": batch["id"]})).await;
    assert_eq!(cancelled.json(), json!({"cancelled": 1, "requested": 0, "more": false}));
    let (list, many) = (
        app.get("/v1/jobs?bulk=batch_1").send().await,
        app.post("/v1/jobs/cancel").json(json!({"bulk": "batch_1"})).await,
    );
    for (answer, status) in [(list, StatusCode::BAD_REQUEST), (many, StatusCode::UNPROCESSABLE_ENTITY)] {
        assert_eq!((answer.status, answer.json()["field"].clone()), (status, json!("bulk")));
    }
}

#[tokio::test]
async fn a_followed_bulk_tells_how_far_it_is_until_it_ends() {
    let app = TestApp::start().await;
    let bulk = app.post("/v1/bulk").json(json!({"file": app.file().await, "model": "echo"})).await.json();
    let path = format!("/v1/bulk/{}", bulk["id"].as_str().unwrap());
    let mut stream = Stream::open(app.get(&format!("{path}/events"))).await;
    let begun = stream.event().await.unwrap();
    assert_eq!((&*begun.event, &begun.data), ("batch.progress", &bulk), "it is the bulk as it is read");
    assert_eq!(app.post(&format!("{path}/cancel")).send().await.status, StatusCode::ACCEPTED);
    let waiting = app.store.finalize_bulks(10).await.unwrap();
    app.store.end_bulk(waiting[0].id).await.unwrap().expect("nothing of it ran");
    let rest = stream.rest().await;
    let end = rest.last().unwrap();
    assert_eq!((&*end.event, &end.data["status"]), ("batch.cancelled", &json!("cancelled")));
    assert_eq!(end.data, app.get(&path).send().await.json());
    let seen = format!("{path}/events?after={}", end.id.as_deref().unwrap());
    assert_eq!(app.get(&seen).send().await.status, StatusCode::NO_CONTENT);
    let unknown = app.get("/v1/bulk/batch_1/events").send().await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_owners_events_name_a_bulk_by_the_id_that_it_is_read_by() {
    let app = TestApp::start().await;
    let batch = app.batch().await;
    let mut stream = Stream::open(app.get("/v1/events")).await;
    app.post(&format!("/v1/bulk/{}/cancel", batch["id"].as_str().unwrap())).send().await;
    let waiting = app.store.finalize_bulks(10).await.unwrap();
    app.store.end_bulk(waiting[0].id).await.unwrap().expect("nothing of it ran");
    let told = stream.event().await.unwrap();
    assert_eq!((&*told.event, &told.data["bulk"]), ("batch.cancelled", &batch["id"]));
    let page = app.get("/v1/events?follow=false").send().await.json();
    assert_eq!(page["data"], json!([told.data]));
}
