//! What image tasks refuse, in the document's words.

use std::fmt::Write;

use axum::http::StatusCode;
use forebay_shared::config::Size;
use forebay_shared::job::{Failure, FailureCode};
use forebay_shared::store::Scope;
use serde_json::json;

use super::send;
use crate::app::TestApp;
use crate::bodies::{base64, png};
use crate::openai::{consumer, next};

/// Status and body, on a line.
fn line(told: &mut String, what: &str, answer: &crate::app::Answer) {
    writeln!(told, "{what}: {} {}", answer.status.as_u16(), answer.text()).unwrap();
}

#[tokio::test]
async fn bad_pictures_are_400_and_say_what_is_wrong() {
    let app = TestApp::build().limits(|limits| limits.max_image_bytes = Size::new(64)).start().await;
    let small = || ("img", Some("a.png"), png(1, 1)[..60].to_vec());
    let mut told = String::new();
    let text = [("img", Some("test.txt"), b"not an image".to_vec())];
    for path in ["/process", "/tasks"] {
        line(&mut told, path, &send(&app, path, &text).await);
    }
    let large = [("img", None, vec![0; 3 << 20])];
    line(&mut told, "no picture, and large", &send(&app, "/tasks", &large).await);
    line(
        &mut told,
        "too large",
        &send(&app, "/tasks", &[("img", None, crate::bodies::padded_png(100))]).await,
    );
    line(&mut told, "no part", &send(&app, "/tasks", &[]).await);
    line(&mut told, "two", &send(&app, "/tasks", &[small(), small()]).await);
    line(&mut told, "another part", &send(&app, "/tasks", &[("size", None, b"3".to_vec())]).await);
    for body in [json!({}), json!({"data": "%"}), json!({"data": base64(b"not an image")})] {
        line(&mut told, &body.to_string(), &app.post("/process").json(body.clone()).await);
    }
    let paths = [
        "/tasks",
        "/tasks?url=",
        "/tasks?url=http%3A%2F%2F127.0.0.1%2Fa.png",
        "/tasks?url=a&url=b",
        "/tasks?size=3",
    ];
    for path in paths {
        line(&mut told, path, &app.post(path).send().await);
    }
    let both = app.post("/tasks?url=https%3A%2F%2Fpictures.example%2Fa.png").json(json!({"data": ""})).await;
    line(&mut told, "a URL and a body", &both);
    let plain = app.post("/tasks").header("content-type", "text/plain").send().await;
    line(&mut told, "text", &plain);
    insta::assert_snapshot!(told, @r#"
    /process: 400 {"error":"it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"}
    /tasks: 400 {"error":"it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"}
    no picture, and large: 400 {"error":"it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"}
    too large: 400 {"error":"the picture is larger than 64 B"}
    no part: 400 {"error":"the field `img` is missing"}
    two: 400 {"error":"the field `img` is given twice"}
    another part: 400 {"error":"the field `size` is not known; the form has `img`, `model`"}
    {}: 400 {"error":"missing field `data`"}
    {"data":"%"}: 400 {"error":"it is not base64: invalid symbol 37, offset 0"}
    {"data":"bm90IGFuIGltYWdl"}: 400 {"error":"it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"}
    /tasks: 400 {"error":"give a picture: as the file `img`, as JSON with `data`, or by `url`"}
    /tasks?url=: 400 {"error":"the URL is malformed"}
    /tasks?url=http%3A%2F%2F127.0.0.1%2Fa.png: 400 {"error":"the address of `127.0.0.1` may not be fetched"}
    /tasks?url=a&url=b: 400 {"error":"the query parameter `url` is given twice"}
    /tasks?size=3: 400 {"error":"the query parameter `size` is not valid: it is not known"}
    a URL and a body: 400 {"error":"give one picture: as `img`, as `data`, or by `url`"}
    text: 400 {"error":"send `multipart/form-data` or `application/json`"}
    "#);
    assert_eq!(app.store.calls("submit"), 0);
}

#[tokio::test]
async fn a_model_that_cannot_be_asked_is_named() {
    let app = TestApp::build().tasks(|tasks| tasks.model = "nobody".to_owned()).start().await;
    let mut told = String::new();
    let picture = || json!({"data": base64(&png(3, 2))});
    line(&mut told, "configured", &app.post("/tasks").json(picture()).await);
    line(&mut told, "unknown", &app.post("/tasks?model=nope").json(picture()).await);
    line(&mut told, "of texts", &app.post("/process?model=minilm").json(picture()).await);
    let twice = json!({"data": base64(&png(3, 2)), "model": "net"});
    line(&mut told, "twice", &app.post("/tasks?model=net").json(twice).await);
    insta::assert_snapshot!(told, @r#"
    configured: 404 {"error":"there is no model `nobody`, which `tasks.model` of the configuration names"}
    unknown: 404 {"error":"there is no model `nope`"}
    of texts: 400 {"error":"the model `minilm` does text_embedding, and this asks for image_classification or object_detection or image_embedding or background_removal or image_to_image or image_segmentation or ocr or echo"}
    twice: 400 {"error":"the field `model` is given twice"}
    "#);
}

#[tokio::test]
async fn what_the_worker_cannot_read_is_told_to_whoever_waits() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "net").await);
    let call = app.post("/process?url=https%3A%2F%2Fpictures.example%2Fa.png").send();
    let (answer, ()) = tokio::join!(call, async {
        let failure = Failure::permanent(FailureCode::FetchFailed, "the URL answered with 404");
        worker.finish(next(&mut *queue).await, vec![Err(failure)]).await;
    });
    insta::assert_snapshot!(answer, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "the URL answered with 404"
    }
    "#);
}

#[tokio::test]
async fn an_unknown_task_is_not_found_whoever_has_it() {
    let app = TestApp::build().keys().start().await;
    let (_, key) = app.key("alice", &[Scope::Read, Scope::Write]).await;
    let (_, other) = app.key("bob", &[Scope::Read]).await;
    let body = json!({"data": base64(&png(3, 2))});
    let made = app.post("/tasks").header("x-api-key", &key).json(body.clone()).await;
    let path = format!("/tasks/{}", made.json()["task_id"].as_str().unwrap());
    assert_eq!(app.get(&path).header("x-api-key", &key).send().await.status, StatusCode::OK);
    let unknown = "/tasks/00000000-0000-7000-8000-000000000000";
    for path in [path.as_str(), unknown, "/tasks/unknown", "/tasks/%20"] {
        let answer = app.get(path).header("x-api-key", &other).send().await;
        assert_eq!((answer.status, answer.text()), (StatusCode::NOT_FOUND, r#"{"error":"Task not found"}"#));
    }
    for answer in [
        app.post("/process").json(body.clone()).await,
        app.post("/tasks").header("x-api-key", "wrong").json(body).await,
        app.get(&path).send().await,
    ] {
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::UNAUTHORIZED, r#"{"detail":"Invalid API Key"}"#)
        );
    }
}
