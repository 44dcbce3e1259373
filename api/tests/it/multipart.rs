//! Submissions with files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use forebay_shared::config::Size;
use forebay_shared::job::{ImageSource, Input, ItemsAt};
use futures::StreamExt;
use serde_json::json;

use crate::app::TestApp;
use crate::bodies::{base64, content_type, multipart, padded_png, png, upload};

fn job() -> Vec<u8> {
    json!({"model": "net", "params": {"top_k": 3}}).to_string().into_bytes()
}

#[tokio::test]
async fn files_become_items_in_order_wherever_the_job_stands() {
    let app = TestApp::start().await;
    let (small, large) = (png(3, 2), padded_png(3 << 20));
    for parts in [
        [("job", None, job()), ("image", Some("a.png"), small.clone()), ("image", Some("b"), large.clone())],
        [("x", Some("a.png"), small.clone()), ("job", None, job()), ("y", None, large.clone())],
    ] {
        let answer = upload(&app, &parts).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer}");
        let worker = app.worker().await;
        let claimed = worker.claim(answer.id()).await;
        worker.end(&claimed, crate::worker::failed()).await;
        let ItemsAt::Row(items) = &claimed.items else { panic!("the list is short") };
        let items = ItemsAt::decode(items.as_bytes()).unwrap();
        let key = format!("inputs/{}/1", answer.id());
        assert_eq!(items[0].input, Input::Image(ImageSource::Inline(small.clone())));
        assert_eq!(items[1].input, Input::Image(ImageSource::Blob(key.clone())));
        assert_eq!(app.blobs.get(&key).await.unwrap(), large);
    }
}

#[tokio::test]
async fn a_file_counts_like_the_same_picture_in_json() {
    let app = TestApp::start().await;
    let large = padded_png(3 << 20);
    let (content_type, body) = multipart(&[("job", None, job()), ("image", None, large.clone())]);
    let first = app.post("/v1/jobs").header("content-type", &content_type).header("idempotency-key", "k");
    let first = first.body(body).send().await;
    let body =
        json!({"model": "net", "params": {"top_k": 3}, "input": {"image": {"base64": base64(&large)}}});
    // Four megabytes of base64 are more than these tests' limit on JSON.
    let app_with_room = TestApp::build().limits(|limits| limits.max_body = Size::new(8 << 20)).start().await;
    let again = app_with_room.post("/v1/jobs").header("idempotency-key", "k").json(body.clone()).await;
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    let (content_type, body) = multipart(&[("image", None, large), ("job", None, job())]);
    let repeated = app_with_room.post("/v1/jobs").header("content-type", &content_type);
    let repeated = repeated.header("idempotency-key", "k").body(body).send().await;
    assert_eq!(repeated.header("idempotency-replayed"), Some("true"));
    assert_eq!(repeated.id(), again.id());
}

/// A body of `megabytes`, and how many pieces of it have been asked for.
fn large_body(megabytes: usize) -> (Body, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let part =
        |name: &str| format!("--a-boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let mut head = part("job").into_bytes();
    head.extend_from_slice(&job());
    head.extend_from_slice(format!("\r\n{}", part("image")).as_bytes());
    head.extend_from_slice(&png(3, 2));
    let filling = futures::stream::repeat_with(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Bytes::from(vec![7; 64 * 1024])
    });
    let tail = Bytes::from_static(b"\r\n--a-boundary--\r\n");
    let pieces = futures::stream::once(async { Bytes::from(head) })
        .chain(filling.take(megabytes * 16))
        .chain(futures::stream::once(async { tail }));
    (Body::from_stream(pieces.map(Ok::<_, std::io::Error>)), asked)
}

#[tokio::test]
async fn twenty_megabytes_stream_through() {
    let app = TestApp::start().await;
    let (body, _) = large_body(20);
    let answer = app.post("/v1/jobs").header("content-type", &content_type()).body(body).send().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer}");
    let stored = app.blobs.get(&format!("inputs/{}/0", answer.id())).await.unwrap();
    assert_eq!(stored.len(), png(3, 2).len() + (20 << 20));
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read_to_its_end() {
    let limit = Size::new(2 << 20);
    let app = TestApp::build().limits(|limits| limits.max_image_bytes = limit).start().await;
    let (body, asked) = large_body(20);
    let answer = app.post("/v1/jobs").header("content-type", &content_type()).body(body).send().await;
    insta::assert_snapshot!(answer, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/image_too_large",
      "title": "The picture has too many bytes",
      "status": 422,
      "detail": "the picture is larger than 2.0 MiB",
      "code": "image_too_large",
      "field": "inputs[0]",
      "limit": 2097152,
      "request_id": "a-request"
    }
    "#);
    assert!(asked.load(Ordering::SeqCst) < 48, "what is held is bounded by what is asked for");
    app.eventually(async || app.objects().await.is_empty()).await;
}

#[tokio::test]
async fn an_upload_that_is_too_large_is_refused() {
    let app = TestApp::build().limits(|limits| limits.max_upload = Size::new(3 << 20)).start().await;
    let (body, _) = large_body(20);
    let answer = app.post("/v1/jobs").header("content-type", &content_type()).body(body).send().await;
    insta::assert_snapshot!(answer, @r#"
    413 Payload Too Large
    content-type: application/problem+json
    {
      "type": "/problems/body_too_large",
      "title": "The body is too large",
      "status": 413,
      "detail": "the body is larger than 3.0 MiB",
      "code": "body_too_large",
      "limit": 3145728,
      "request_id": "a-request"
    }
    "#);
    let declared = app.post("/v1/jobs").header("content-type", &content_type());
    let answer = declared.header("content-length", "99999999").send().await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_file_that_is_no_picture_is_refused_and_nothing_stays() {
    let app = TestApp::start().await;
    let parts = [
        ("job", None, job()),
        ("image", None, padded_png(2 << 20)),
        ("image", Some("b.png"), b"I am a text".to_vec()),
    ];
    insta::assert_snapshot!(upload(&app, &parts).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/not_an_image",
      "title": "This is not a picture",
      "status": 422,
      "detail": "it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture",
      "code": "not_an_image",
      "field": "inputs[1]",
      "request_id": "a-request"
    }
    "#);
    app.eventually(async || app.objects().await.is_empty()).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_nothing() {
    let app = TestApp::start().await;
    let (mut sender, pieces) = futures::channel::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let mut head = b"--a-boundary\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n".to_vec();
    head.extend_from_slice(&padded_png(2 << 20));
    head.extend_from_slice(b"\r\n--a-boundary\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n");
    sender.try_send(Ok(head.into())).unwrap();
    let call = app.post("/v1/jobs").header("content-type", &content_type()).body(Body::from_stream(pieces));
    {
        let mut call = std::pin::pin!(call.send());
        // The first picture is stored while the second is still to come.
        app.eventually(async || {
            assert!(futures::poll!(call.as_mut()).is_pending());
            !app.objects().await.is_empty()
        })
        .await;
    }
    app.eventually(async || app.objects().await.is_empty()).await;
}

#[tokio::test]
async fn parts_that_are_missing_or_twofold_are_refused() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(upload(&app, &[("image", None, png(3, 2))]).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/missing_field",
      "title": "A field is missing",
      "status": 422,
      "detail": "there is no part `job`",
      "code": "missing_field",
      "field": "job",
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(upload(&app, &[("job", None, job())]).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/empty_input",
      "title": "There is no input",
      "status": 422,
      "detail": "there must be at least one input",
      "code": "empty_input",
      "field": "inputs",
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(upload(&app, &[("job", None, job()), ("job", None, job())]).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/malformed_multipart",
      "title": "The body is not valid multipart",
      "status": 400,
      "detail": "there is more than one part `job`",
      "code": "malformed_multipart",
      "field": "job",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_job_part_with_inputs_is_refused() {
    let app = TestApp::start().await;
    let job = json!({"model": "net", "inputs": ["a"]}).to_string().into_bytes();
    insta::assert_snapshot!(upload(&app, &[("job", None, job), ("image", None, png(3, 2))]).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "the inputs of a multipart submission are its other parts",
      "code": "invalid_field",
      "field": "inputs",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn files_for_a_model_of_texts_are_refused() {
    let app = TestApp::start().await;
    let job = json!({"model": "emotion"}).to_string().into_bytes();
    insta::assert_snapshot!(upload(&app, &[("image", None, png(3, 2)), ("job", None, job)]).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/wrong_input",
      "title": "The model does not take such an input",
      "status": 422,
      "detail": "the model `emotion` does text_classification and takes no pictures",
      "code": "wrong_input",
      "field": "inputs[0]",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn too_many_files_are_refused() {
    let app = TestApp::start().await;
    let mut parts = vec![("image", None, png(3, 2)); 9];
    parts.push(("job", None, job()));
    insta::assert_snapshot!(upload(&app, &parts).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/too_many_items",
      "title": "There are too many items",
      "status": 422,
      "detail": "there are 9 inputs, the limit is 8",
      "code": "too_many_items",
      "field": "inputs",
      "limit": 8,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn what_is_not_multipart_is_refused() {
    let app = TestApp::start().await;
    let without_boundary = app.post("/v1/jobs").header("content-type", "multipart/form-data");
    insta::assert_snapshot!(without_boundary.body(Body::from("hello")).send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/malformed_multipart",
      "title": "The body is not valid multipart",
      "status": 400,
      "detail": "invalid `boundary` for `multipart/form-data` request",
      "code": "malformed_multipart",
      "field": "Content-Type",
      "request_id": "a-request"
    }
    "#);
    let cut_off = app.post("/v1/jobs").header("content-type", &content_type());
    let body = "--a-boundary\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{";
    insta::assert_snapshot!(cut_off.body(Body::from(body)).send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/malformed_multipart",
      "title": "The body is not valid multipart",
      "status": 400,
      "detail": "field \"job\" received with incomplete data",
      "code": "malformed_multipart",
      "request_id": "a-request"
    }
    "#);
}
