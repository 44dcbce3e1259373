//! Image tasks: pictures in every form, tasks to their ends, and answers that are waited for.

mod refusals;

use axum::http::StatusCode;
use forebay_shared::id::JobId;
use forebay_shared::job::{
    Failure, FailureCode, ImageSource, Input, ItemsAt, Kind, MediaFile, Output, Status,
};
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::bodies::{Part, base64, multipart, padded_png, png};
use crate::openai::{consumer, next};
use crate::worker::labels;

/// Sends parts.
pub async fn send(app: &TestApp, path: &str, parts: &[Part<'_>]) -> Answer {
    let (content_type, body) = multipart(parts);
    app.post(path).header("content-type", &content_type).body(body).send().await
}

/// The task that was made.
fn task(answer: &Answer) -> JobId {
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let id = answer.json()["task_id"].as_str().expect("a task has an id").to_owned();
    assert_eq!(answer.header("x-forebay-job"), Some(id.as_str()), "it is a job");
    id.parse().unwrap()
}

/// What the task stands at.
async fn asked(app: &TestApp, id: JobId) -> Value {
    let answer = app.get(&format!("/tasks/{id}")).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()));
    answer.json()
}

/// The picture that a worker is given.
async fn given(app: &TestApp, id: JobId) -> Input {
    let worker = app.worker().await;
    let claimed = worker.claim(id).await;
    worker.end(&claimed, crate::worker::failed()).await;
    let ItemsAt::Row(items) = &claimed.items else { panic!("the list is short") };
    ItemsAt::decode(items.as_bytes()).unwrap().remove(0).input
}

fn picture(width: u32, height: u32) -> Output {
    Output::Picture { width, height, content_type: "image/png".to_owned(), bytes: 4 }
}

/// A picture that a worker has stored.
async fn stored(app: &TestApp) -> Vec<MediaFile> {
    let key = "media/a-picture".to_owned();
    app.blobs.put(&key, bytes::Bytes::from_static(b"\x89PNG")).await.unwrap();
    vec![MediaFile { item: 0, key, content_type: "image/png".to_owned(), bytes: 4 }]
}

#[tokio::test]
async fn a_task_is_a_job_from_pending_to_completed() {
    let app = TestApp::start().await;
    let accepted = send(&app, "/tasks", &[("img", Some("a.png"), png(3, 2))]).await;
    insta::assert_snapshot!(accepted, @r#"
    200 OK
    content-type: application/json
    {
      "task_id": "019e830e-1a00-7efb-a86a-e9e0c207865f"
    }
    "#);
    let id = task(&accepted);
    assert_eq!(asked(&app, id).await, json!({"status": "pending"}));
    let worker = app.worker().await;
    let claimed = worker.claim(id).await;
    assert_eq!(claimed.model, "net", "tasks.model");
    assert_eq!(asked(&app, id).await, json!({"status": "processing"}));
    worker.settle(&claimed, vec![labels(&[("cat", 0.75), ("dog", 0.25)])], Vec::new()).await;
    let task = app.get(&format!("/tasks/{id}")).send().await;
    insta::assert_snapshot!(task, @r#"
    200 OK
    content-type: application/json
    {
      "status": "completed",
      "result": {
        "labels": [
          {
            "label": "cat",
            "score": 0.75
          },
          {
            "label": "dog",
            "score": 0.25
          }
        ]
      }
    }
    "#);
    let job = app.get(&format!("/v1/jobs/{id}")).send().await.json();
    assert_eq!(job["result"]["items"][0]["output"], task.json()["result"]);
}

#[tokio::test]
async fn a_picture_comes_as_a_file_as_base64_or_by_its_url() {
    let app = TestApp::start().await;
    let small = png(3, 2);
    let inline = Input::Image(ImageSource::Inline(small.clone()));
    for name in ["img", "image"] {
        let id = task(&send(&app, "/tasks", &[(name, Some("a.png"), small.clone())]).await);
        assert_eq!(given(&app, id).await, inline, "{name}");
    }
    for data in [base64(&small), format!("data:image/png;base64,{}", base64(&small))] {
        let id = task(&app.post("/tasks").json(json!({ "data": data })).await);
        assert_eq!(given(&app, id).await, inline);
    }
    let url = "https://pictures.example/a%20b.png";
    let id = task(&app.post("/tasks?url=https%3A%2F%2Fpictures.example%2Fa%2520b.png").send().await);
    assert_eq!(given(&app, id).await, Input::Image(ImageSource::Url(url.to_owned())));
}

#[tokio::test]
async fn a_model_is_named_beside_the_picture() {
    let app = TestApp::start().await;
    let finder = ("model", None, b"finder".to_vec());
    let picture = ("img", Some("a.png"), png(3, 2));
    for parts in [[picture.clone(), finder.clone()], [finder, picture.clone()]] {
        let id = task(&send(&app, "/tasks", &parts).await);
        assert_eq!(app.row(id).await.model, "finder");
    }
    let id = task(&send(&app, "/tasks?model=finder", &[picture]).await);
    assert_eq!(app.row(id).await.model, "finder");
    let id = task(&app.post("/tasks").json(json!({"data": base64(&png(3, 2)), "model": "finder"})).await);
    assert_eq!(app.row(id).await.model, "finder");
}

#[tokio::test]
async fn a_large_file_streams_into_the_object_store() {
    let app = TestApp::start().await;
    let large = padded_png(3 << 20);
    let id = task(&send(&app, "/tasks", &[("img", None, large.clone())]).await);
    let key = format!("inputs/{id}/0");
    assert_eq!(given(&app, id).await, Input::Image(ImageSource::Blob(key.clone())));
    assert_eq!(app.blobs.get(&key).await.unwrap(), large);
}

#[tokio::test]
async fn the_same_task_under_the_same_key_is_one_task() {
    let app = TestApp::start().await;
    let (content_type, body) = multipart(&[("img", None, png(3, 2))]);
    let first = app.post("/tasks").header("content-type", &content_type).header("idempotency-key", "k");
    let first = task(&first.body(body).send().await);
    let again = app.post("/tasks").header("idempotency-key", "k");
    let again = again.json(json!({"data": base64(&png(3, 2))})).await;
    assert_eq!(task(&again), first);
    let other = app.post("/tasks").header("idempotency-key", "k");
    let other = other.json(json!({"data": base64(&png(4, 2))})).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_task_that_failed_says_why() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = task(&send(&app, "/tasks", &[("img", None, png(3, 2))]).await);
    let broken = Err(Failure::permanent(FailureCode::ImageUndecodable, "the picture ends too early"));
    worker.finish(id, vec![broken]).await;
    assert_eq!(asked(&app, id).await, json!({"status": "failed", "error": "the picture ends too early"}));

    let id = task(&send(&app, "/tasks", &[("img", None, png(3, 2))]).await);
    app.post(&format!("/v1/jobs/{id}/cancel")).send().await;
    assert_eq!(asked(&app, id).await, json!({"status": "failed", "error": "the job was cancelled"}));
}

#[tokio::test]
async fn a_task_of_a_model_that_draws_links_to_its_pictures() {
    let app = TestApp::build().serving(card("artist", Kind::BackgroundRemoval)).start().await;
    let id = task(&send(&app, "/tasks?model=artist", &[("img", None, png(3, 2))]).await);
    let worker = app.worker().await;
    let claimed = worker.claim(id).await;
    worker.settle(&claimed, vec![Ok(picture(3, 2))], stored(&app).await).await;
    let result = asked(&app, id).await["result"].clone();
    let url = format!("/v1/jobs/{id}/files/0");
    assert_eq!(
        result,
        json!({
            "width": 3, "height": 2, "content_type": "image/png", "bytes": 4,
            "files": [{"url": url, "content_type": "image/png", "bytes": 4}],
        })
    );
    assert_eq!(app.get(&url).send().await.body, b"\x89PNG");
}

#[tokio::test]
async fn a_picture_is_processed_while_its_sender_waits() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "net").await);
    let large = padded_png(3 << 20);
    let parts = [("image", Some("a.png"), large.clone())];
    let (answer, id) = tokio::join!(send(&app, "/process", &parts), async {
        let id = next(&mut *queue).await;
        assert_eq!(app.blobs.get(&format!("inputs/{id}/0")).await.unwrap(), large);
        worker.finish(id, vec![labels(&[("cat", 0.75)])]).await;
        id
    });
    insta::assert_snapshot!(answer, @r#"
    200 OK
    content-type: application/json
    {
      "result": {
        "labels": [
          {
            "label": "cat",
            "score": 0.75
          }
        ]
      }
    }
    "#);
    assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()));
}

#[tokio::test]
async fn who_hangs_up_takes_the_task_along() {
    let app = TestApp::start().await;
    let mut queue = consumer(&app, "net").await;
    let parts = [("img", None, png(3, 2))];
    let mut call = Box::pin(send(&app, "/process", &parts));
    let id = tokio::select! {
        answer = &mut call => panic!("nobody works: {answer}"),
        id = next(&mut *queue) => id,
    };
    drop(call);
    app.eventually(async || app.row(id).await.status == Status::Cancelled).await;
}

/// What `POST /process` answers when the model draws, to this `Accept`.
async fn drawn(accept: &str) -> (Answer, JobId) {
    let app = TestApp::build().serving(card("artist", Kind::BackgroundRemoval)).start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "artist").await);
    let body = json!({"data": base64(&png(3, 2)), "model": "artist"});
    let call = app.post("/process").header("accept", accept).json(body);
    tokio::join!(call, async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        worker.settle(&claimed, vec![Ok(picture(3, 2))], stored(&app).await).await;
        claimed.id
    })
}

#[tokio::test]
async fn a_model_that_draws_answers_with_its_picture_if_that_is_asked_for() {
    for accept in ["image/png", "image/avif,image/*,*/*;q=0.8"] {
        let (answer, id) = drawn(accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("image/png")));
        assert_eq!(answer.body, b"\x89PNG");
        assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()));
    }
    for accept in ["*/*", "application/json", "image/png;q=0.5, application/json"] {
        let (answer, id) = drawn(accept).await;
        let url = format!("/v1/jobs/{id}/files/0");
        assert_eq!(answer.json()["result"]["files"][0]["url"], url, "{accept}");
    }
}

#[tokio::test]
async fn a_model_that_draws_nothing_cannot_answer_with_a_picture() {
    let app = TestApp::start().await;
    let body = || json!({"data": base64(&png(3, 2))});
    let answer = app.post("/process").header("accept", "image/png").json(body()).await;
    insta::assert_snapshot!(answer, @r#"
    406 Not Acceptable
    content-type: application/json
    {
      "error": "the model `net` does image_classification and makes no picture"
    }
    "#);
    assert_eq!(app.store.calls("submit"), 0);
    let (worker, mut queue) = (app.worker().await, consumer(&app, "net").await);
    let call = app.post("/process").header("accept", "image/png, */*;q=0.1").json(body());
    let (answer, ()) = tokio::join!(call, async {
        worker.finish(next(&mut *queue).await, vec![labels(&[("cat", 0.75)])]).await;
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
}
