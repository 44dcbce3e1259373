//! Jobs, results and files as they are read.

use axum::http::StatusCode;
use forebay_api::samples;
use forebay_shared::job::{Ending, Failure, FailureCode, MediaFile};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::worker::{echo, failed, labels, too_long};

async fn finished(app: &TestApp) -> String {
    let worker = app.worker().await;
    let id = app.submit(samples::submission()).await;
    worker.finish(id, vec![labels(&[("happy", 0.75), ("excited", 0.25)]), too_long()]).await;
    format!("/v1/jobs/{id}")
}

#[tokio::test]
async fn the_example_in_the_documentation_is_the_real_thing() {
    let app = TestApp::start().await;
    let path = finished(&app).await;
    let job = app.get(&path).send().await.json();
    let id = job["id"].as_str().unwrap();
    let example: Value =
        samples::job().to_string().replace(samples::job()["id"].as_str().unwrap(), id).parse().unwrap();
    // The example's clock shows noon, the test's a millisecond after.
    let told: Value = job.to_string().replace("12:00:00.001", "12:00:00.000").parse().unwrap();
    assert_eq!(told, example);
    assert_eq!(app.get(&format!("{path}/result")).send().await.json(), samples::result());
}

#[tokio::test]
async fn a_result_that_cannot_be_read_is_named_all_the_same() {
    let app = TestApp::start().await;
    let path = finished(&app).await;
    app.blobs.delete(&app.objects().await).await.unwrap();
    let job = app.get(&path).send().await;
    assert_eq!(job.status, StatusCode::OK);
    assert_eq!(job.json()["result"], json!(null));
    assert_eq!(job.json()["result_url"], format!("{path}/result"));
    let result = app.get(&format!("{path}/result")).send().await;
    insta::assert_snapshot!(result, @r#"
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

#[tokio::test]
async fn a_range_of_a_result_can_be_read() {
    let app = TestApp::start().await;
    let path = format!("{}/result", finished(&app).await);
    let whole = app.get(&path).send().await;
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-type"), Some("application/json"));
    assert_eq!(whole.header("content-length"), Some(&*whole.body.len().to_string()));
    let length = whole.body.len();
    for (range, wanted) in [
        ("bytes=0-9", 0..10),
        ("bytes=10-", 10..length),
        ("bytes=-5", length - 5..length),
        ("bytes=5-99999", 5..length),
    ] {
        let part = app.get(&path).header("range", range).send().await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.body, whole.body[wanted.clone()], "{range}");
        let place = format!("bytes {}-{}/{length}", wanted.start, wanted.end - 1);
        assert_eq!(part.header("content-range"), Some(&*place));
    }
}

#[tokio::test]
async fn a_range_that_lies_outside_is_refused() {
    let app = TestApp::start().await;
    let path = format!("{}/result", finished(&app).await);
    insta::assert_snapshot!(app.get(&path).header("range", "bytes=99999-").send().await, @r#"
    416 Range Not Satisfiable
    content-type: application/problem+json
    content-range: bytes */248
    {
      "type": "/problems/range_not_satisfiable",
      "title": "The range lies outside",
      "status": 416,
      "detail": "there are 248 bytes, and the range begins after them",
      "code": "range_not_satisfiable",
      "field": "Range",
      "limit": 248,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_result_that_is_known_is_not_sent_again() {
    let app = TestApp::start().await;
    let path = format!("{}/result", finished(&app).await);
    let whole = app.get(&path).send().await;
    let tag = whole.header("etag").unwrap();
    let known = app.get(&path).header("if-none-match", &format!("\"x\", W/{tag}")).send().await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let changed = app.get(&path).header("if-range", "\"x\"").header("range", "bytes=0-1").send().await;
    assert_eq!((changed.status, changed.body), (StatusCode::OK, whole.body.clone()));
    let same = app.get(&path).header("if-range", tag).header("range", "bytes=0-1").send().await;
    assert_eq!(same.status, StatusCode::PARTIAL_CONTENT);
}

#[tokio::test]
async fn a_head_has_the_headers_and_no_body() {
    let app = TestApp::start().await;
    let path = format!("{}/result", finished(&app).await);
    let head = app.call("HEAD", &path).send().await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert!(head.header("content-length").is_some());
}

#[tokio::test]
async fn files_stream_with_their_type() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    app.blobs.put("media/0", "a picture".into()).await.unwrap();
    let file = MediaFile { item: 0, key: "media/0".into(), content_type: "image/webp".into(), bytes: 9 };
    let claimed = worker.claim(id).await;
    worker.settle(&claimed, vec![echo("a")], vec![file]).await;

    let job = app.get(&format!("/v1/jobs/{id}")).send().await.json();
    let url = format!("/v1/jobs/{id}/files/0");
    assert_eq!(
        job["files"],
        json!([{"n": 0, "item": 0, "content_type": "image/webp", "bytes": 9, "url": url}])
    );
    let file = app.get(&url).send().await;
    assert_eq!((file.text(), file.header("content-type")), ("a picture", Some("image/webp")));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(app.get(&url).header("range", "bytes=2-").send().await.text(), "picture");
    insta::assert_snapshot!(app.get(&format!("/v1/jobs/{id}/files/1")).send().await, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "type": "/problems/file_not_found",
      "title": "There is no such file",
      "status": 404,
      "detail": "the job has 1 files, and none with number 1",
      "code": "file_not_found",
      "field": "n",
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(app.get(&format!("/v1/jobs/{id}/files/first")).send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_id",
      "title": "The id is not valid",
      "status": 400,
      "detail": "`n` in the path must be a number",
      "code": "invalid_id",
      "field": "n",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_job_that_has_not_finished_has_no_result_yet() {
    let app = TestApp::start().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    insta::assert_snapshot!(app.get(&format!("/v1/jobs/{id}/result")).send().await, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "type": "/problems/job_not_finished",
      "title": "The job has not finished",
      "status": 409,
      "detail": "the job is queued; its result comes when it has finished",
      "code": "job_not_finished",
      "request_id": "a-request"
    }
    "#);
    let job = app.get(&format!("/v1/jobs/{id}")).send().await;
    assert_eq!(job.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_job_that_ended_without_a_result_says_why() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let ended = app.submit(json!({"model": "echo", "input": "a"})).await;
    let claimed = worker.claim(ended).await;
    worker.end(&claimed, failed()).await;
    insta::assert_snapshot!(app.get(&format!("/v1/jobs/{ended}/result")).send().await, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "type": "/problems/no_result",
      "title": "The job has no result",
      "status": 404,
      "detail": "the job failed before any item was finished: none of the items succeeded",
      "code": "no_result",
      "request_id": "a-request"
    }
    "#);
    let cancelled = app.submit(json!({"model": "echo", "input": "a"})).await;
    app.post(&format!("/v1/jobs/{cancelled}/cancel")).send().await;
    insta::assert_snapshot!(app.get(&format!("/v1/jobs/{cancelled}/result")).send().await, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "type": "/problems/no_result",
      "title": "The job has no result",
      "status": 404,
      "detail": "the job is cancelled, and none of its items was finished before",
      "code": "no_result",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn failed_attempts_are_listed() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    let path = format!("/v1/jobs/{id}/attempts");
    assert_eq!(app.get(&path).send().await.json(), json!({"object": "list", "data": []}));
    let claimed = worker.claim(id).await;
    let failure = Failure::transient(FailureCode::StorageUnavailable, "the object store is away");
    worker.end(&claimed, Ending::Retry(failure, std::time::Duration::ZERO)).await;
    insta::assert_snapshot!(app.get(&path).send().await, @r#"
    200 OK
    content-type: application/json
    {
      "object": "list",
      "data": [
        {
          "number": 1,
          "started_at": "2026-06-01T12:00:00.001000Z",
          "ended_at": "2026-06-01T12:00:00.001000Z",
          "error": {
            "code": "storage_unavailable",
            "message": "the object store is away"
          }
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_and_an_unknown_one_is_not_found() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.get("/v1/jobs/not!an!id").send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_id",
      "title": "The id is not valid",
      "status": 400,
      "detail": "`id` in the path must be a job's id, which is a UUID, or your own of 1 to 128 characters of A-Z, a-z, 0-9, `.`, `_`, `:` and `-`",
      "code": "invalid_id",
      "field": "id",
      "limit": 128,
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(app.get("/v1/jobs/019e82a6-4600-7ae9-85e7-e1bc4b7cd5c3").send().await, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "type": "/problems/job_not_found",
      "title": "There is no such job",
      "status": 404,
      "detail": "there is no such job",
      "code": "job_not_found",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_model_that_is_gone_leaves_its_jobs_readable() {
    let app = TestApp::start().await;
    let mut job = forebay_shared::testing::sample_job(&app.ids, crate::app::OWNER);
    job.model = "gone".into();
    let path = format!("/v1/jobs/{}", job.id);
    app.parts.store.submit(&[job]).await.unwrap();
    let answer = app.get(&path).send().await;
    assert_eq!((answer.status, &answer.json()["kind"]), (StatusCode::OK, &json!(null)));
}
