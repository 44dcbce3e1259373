//! Jobs that are cancelled or deleted.

use axum::http::StatusCode;
use forebay_shared::job::MediaFile;
use forebay_shared::store::{Retention, Segments};
use serde_json::json;

use crate::app::TestApp;
use crate::bodies::{base64, padded_png};
use crate::worker::{echo, failed};

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once() {
    let app = TestApp::start().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    let path = format!("/v1/jobs/{id}/cancel");
    let answer = app.post(&path).send().await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("cancelled")));
    let again = app.post(&path).send().await;
    assert_eq!((again.status, again.json()), (StatusCode::OK, answer.json()));
}

#[tokio::test]
async fn a_running_job_is_asked_to_stop() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    let claimed = worker.claim(id).await;
    let answer = app.post(&format!("/v1/jobs/{id}/cancel")).send().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["status"], "running");
    assert_eq!(answer.json()["cancel_requested"], true);
    worker.end(&claimed, forebay_shared::job::Ending::Cancelled).await;
}

#[tokio::test]
async fn a_finished_job_stays_as_it_is() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    worker.finish(id, vec![echo("a")]).await;
    let answer = app.post(&format!("/v1/jobs/{id}/cancel")).send().await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::OK, &json!("succeeded")));
    assert_eq!(answer.json()["result"]["items"][0]["output"]["echo"], "a");
}

#[tokio::test]
async fn a_deleted_job_is_really_gone() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let picture = json!({"image": {"base64": base64(&padded_png(40_000))}});
    let id = app.submit(json!({"model": "echo", "input": picture})).await;
    app.blobs.put("media/0", "a picture".into()).await.unwrap();
    let file = MediaFile { item: 0, key: "media/0".into(), content_type: "image/webp".into(), bytes: 9 };
    let claimed = worker.claim(id).await;
    worker.settle(&claimed, vec![echo("a secret")], vec![file]).await;
    let segment = app.row(id).await.result.unwrap().segment;
    assert_eq!(app.objects().await.len(), 3);

    let path = format!("/v1/jobs/{id}");
    let answer = app.delete(&path).send().await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(app.get(&path).send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.delete(&path).send().await.status, StatusCode::NOT_FOUND);
    assert!(app.objects().await.is_empty(), "the segment held nothing else that lives");
    assert!(app.store.garbage(10).await.unwrap().is_empty());
    assert!(app.store.recorded_segments(&[segment]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_queued_job_is_deleted_with_its_inputs() {
    let app = TestApp::start().await;
    let picture = json!({"image": {"base64": base64(&padded_png(40_000))}});
    let id = app.submit(json!({"model": "net", "input": picture})).await;
    assert_eq!(app.objects().await.len(), 1);
    assert_eq!(app.delete(&format!("/v1/jobs/{id}")).send().await.status, StatusCode::NO_CONTENT);
    assert!(app.objects().await.is_empty());
}

#[tokio::test]
async fn a_running_job_must_be_cancelled_first() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    let claimed = worker.claim(id).await;
    insta::assert_snapshot!(app.delete(&format!("/v1/jobs/{id}")).send().await, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "type": "/problems/job_running",
      "title": "The job is running",
      "status": 409,
      "detail": "the job is running; cancel it first",
      "code": "job_running",
      "request_id": "a-request"
    }
    "#);
    worker.end(&claimed, failed()).await;
    assert_eq!(app.delete(&format!("/v1/jobs/{id}")).send().await.status, StatusCode::NO_CONTENT);
}
