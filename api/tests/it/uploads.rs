//! Uploads in parts, as OpenAI has them: every shape, every refusal.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::clock::Clock as _;
use forebay_shared::config::Size;
use forebay_shared::store::{Files, Scope};
use serde_json::{Value, json};

use crate::app::{Answer, OWNER, TestApp};
use crate::files::{refusal, send};

fn wish(bytes: usize) -> Value {
    json!({"filename": "lines.jsonl", "purpose": "batch", "bytes": bytes, "mime_type": "text/jsonl"})
}

async fn begun(app: &TestApp, bytes: usize) -> Value {
    let answer = app.post("/v1/uploads").json(wish(bytes)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer.json()
}

fn path(upload: &Value, verb: &str) -> String {
    format!("/v1/uploads/{}/{verb}", upload["id"].as_str().unwrap())
}

async fn add(app: &TestApp, upload: &Value, content: &[u8]) -> Answer {
    send(app, &path(upload, "parts"), &[("data", Some("part"), content.to_vec())]).await
}

async fn added(app: &TestApp, upload: &Value, content: &[u8]) -> String {
    let answer = add(app, upload, content).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_upload_is_as_openai_has_it() {
    let app = TestApp::start().await;
    let upload = begun(&app, 11).await;
    let created = app.clock.now().seconds();
    let id = upload["id"].as_str().unwrap().to_owned();
    let mut expected = json!({
        "id": id, "object": "upload", "bytes": 11, "created_at": created, "expires_at": created + 3_600,
        "filename": "lines.jsonl", "purpose": "batch", "status": "pending", "file": null,
    });
    assert!(id.starts_with("upload_") && id.len() == 39, "{id}");
    assert_eq!(upload, expected);

    // Both at the same time, the second first.
    let (world, hello) = tokio::join!(add(&app, &upload, b"world"), add(&app, &upload, b"hello "));
    let (world, hello) = (world.json(), hello.json());
    let part = world["id"].as_str().unwrap();
    assert!(part.starts_with("part_") && part.len() == 37, "{part}");
    assert_eq!(world, json!({"id": part, "object": "upload.part", "created_at": created, "upload_id": id}));

    let order = json!({"part_ids": [hello["id"], part], "md5": "5EB63BBBE01EEED093CB22BB8F5ACDC3"});
    let done = app.post(&path(&upload, "complete")).json(order.clone()).await;
    assert_eq!(done.status, StatusCode::OK, "{done}");
    let file = done.json()["file"].clone();
    expected["status"] = json!("completed");
    expected["file"] = json!({
        "id": file["id"], "object": "file", "bytes": 11, "created_at": created,
        "expires_at": created + 2_592_000, "filename": "lines.jsonl", "purpose": "batch",
        "status": "processed", "status_details": null,
    });
    assert_eq!(done.json(), expected);
    let content = app.get(&format!("/v1/files/{}/content", file["id"].as_str().unwrap())).send().await;
    assert_eq!(content.text(), "hello world");
    let again = app.post(&path(&upload, "complete")).json(order).await;
    assert_eq!(again.json(), expected, "whose first answer was lost");
    let objects = app.objects().await;
    assert_eq!(objects.len(), 2, "nothing is copied: {objects:?}");
}

#[tokio::test]
async fn a_cancelled_upload_takes_no_parts() {
    let app = TestApp::start().await;
    let upload = begun(&app, 5).await;
    let part = added(&app, &upload, b"hello").await;
    for _ in 0..2 {
        let cancelled = app.post(&path(&upload, "cancel")).send().await;
        assert_eq!((cancelled.status, &cancelled.json()["status"]), (StatusCode::OK, &json!("cancelled")));
    }
    assert_eq!(app.store.stored_bytes(OWNER).await.unwrap(), 0);
    let late = [
        add(&app, &upload, b"hello").await,
        app.post(&path(&upload, "complete")).json(json!({"part_ids": [part]})).await,
    ];
    for answer in late {
        let told =
            (400, json!("upload_id"), json!("upload_ended"), "the upload is cancelled already".to_owned());
        assert_eq!(refusal(&answer), told);
    }
}

#[tokio::test]
async fn a_late_upload_has_expired() {
    let app = TestApp::start().await;
    let upload = begun(&app, 5).await;
    let part = added(&app, &upload, b"hello").await;
    app.clock.advance(Duration::from_hours(1));
    let late = [
        add(&app, &upload, b"hello").await,
        app.post(&path(&upload, "complete")).json(json!({"part_ids": [part]})).await,
        app.post(&path(&upload, "cancel")).send().await,
    ];
    for answer in late {
        let (status, _, code, message) = refusal(&answer);
        assert_eq!((status, code), (400, json!("upload_ended")));
        assert_eq!(message, "the upload has expired: it was not completed in time");
    }
}

#[tokio::test]
async fn a_wrong_beginning_is_refused() {
    let app = TestApp::start().await;
    let changed = |name: &str, value: Value| {
        let mut body = wish(5);
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = wish(5);
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let table = [
        (without("filename"), "filename", "missing_field"),
        (without("bytes"), "bytes", "missing_field"),
        (changed("filename", json!("")), "filename", "invalid_field"),
        (changed("filename", json!("a\u{0}b")), "filename", "invalid_field"),
        (changed("purpose", json!("fun")), "purpose", "invalid_field"),
        (changed("bytes", json!(0)), "bytes", "invalid_field"),
        (changed("bytes", json!(-1)), "bytes", "invalid_field"),
        (changed("bytes", json!("5")), "bytes", "invalid_field"),
        (changed("mime_type", json!("")), "mime_type", "invalid_field"),
        (changed("colour", json!("red")), "colour", "unknown_field"),
        (changed("expires_after", json!({"anchor": "created_at"})), "expires_after.seconds", "missing_field"),
        (
            changed("expires_after", json!({"anchor": "created_at", "seconds": 2_592_001})),
            "expires_after.seconds",
            "invalid_field",
        ),
    ];
    for (body, param, code) in table {
        let answer = app.post("/v1/uploads").json(body.clone()).await;
        let (status, named, told, message) = refusal(&answer);
        assert_eq!((status, named, told), (400, json!(param), json!(code)), "{body}: {message}");
    }
    for (purpose, bytes, limit) in [("batch", 25 << 20, "24.0 MiB"), ("vision", 65 << 20, "64.0 MiB")] {
        let body = json!({"filename": "f", "purpose": purpose, "bytes": bytes, "mime_type": "x/y"});
        let told = refusal(&app.post("/v1/uploads").json(body).await);
        assert_eq!(
            told,
            (400, Value::Null, Value::Null, format!("File is too large. The limit is {limit}."))
        );
    }
    let text = app.post("/v1/uploads").body(axum::body::Body::from("{}")).send().await;
    assert_eq!((refusal(&text).0, refusal(&text).2), (415, json!("unsupported_media_type")));
}

#[tokio::test]
async fn parts_that_are_not_right_are_refused() {
    let app = TestApp::start().await;
    let upload = begun(&app, 10).await;
    let parts = path(&upload, "parts");
    let told = refusal(&send(&app, &parts, &[("file", Some("f"), vec![1])]).await);
    assert_eq!((told.0, told.1, told.2), (400, json!("file"), json!("unknown_field")));
    let told = refusal(&send(&app, &parts, &[]).await);
    assert_eq!((told.0, told.2), (400, json!("missing_field")), "{}", told.3);
    let told =
        refusal(&send(&app, &parts, &[("data", Some("f"), vec![1]), ("data", Some("f"), vec![1])]).await);
    assert_eq!((told.1, told.2), (json!("data"), json!("invalid_field")));
    let told = refusal(&add(&app, &upload, &vec![1; (8 << 20) + 1]).await);
    assert_eq!((told.0, told.3.as_str()), (400, "File is too large. The limit is 8.0 MiB."));
    let told = refusal(&add(&app, &upload, &[1; 21]).await);
    assert_eq!((told.1, told.2), (json!("data"), json!("invalid_field")));
    assert!(told.3.contains("declared with 10 bytes"), "{}", told.3);
    let unknown = json!({"id": "upload_00000000000000000000000000000abc"});
    let malformed = json!({"id": "upload_1"});
    for upload in [unknown, malformed] {
        let answers = [
            add(&app, &upload, b"x").await,
            app.post(&path(&upload, "complete")).json(json!({"part_ids": []})).await,
            app.post(&path(&upload, "cancel")).send().await,
        ];
        for answer in answers {
            let message = format!("No such Upload object: {}", upload["id"].as_str().unwrap());
            assert_eq!(refusal(&answer), (404, json!("upload_id"), Value::Null, message));
        }
    }
    app.eventually(async || app.objects().await.is_empty()).await;
}

#[tokio::test]
async fn a_wrong_completion_is_refused_and_can_be_put_right() {
    let app = TestApp::start().await;
    let upload = begun(&app, 10).await;
    let (one, two) = (added(&app, &upload, b"01234").await, added(&app, &upload, b"56789").await);
    let table = [
        (json!({"part_ids": [one]}), "part_ids", "the parts have 5 bytes together, and 10 were declared"),
        (json!({"part_ids": [one, one]}), "part_ids", "is named twice"),
        (json!({"part_ids": [one, "part_00000000000000000000000000000abc"]}), "part_ids", "has no part"),
        (json!({"part_ids": [one, "two"]}), "part_ids", "has no part two"),
        (json!({"part_ids": [one, two], "md5": "00"}), "md5", "32 hexadecimal digits"),
        (json!({"part_ids": [one, two], "md5": "0".repeat(32)}), "md5", "which is another"),
        (json!({}), "part_ids", "missing field"),
    ];
    for (body, param, message) in table {
        let told = refusal(&app.post(&path(&upload, "complete")).json(body.clone()).await);
        assert_eq!((told.0, &told.1), (400, &json!(param)), "{body}");
        assert!(told.3.contains(message), "{body}: {}", told.3);
    }
    let right = app.post(&path(&upload, "complete")).json(json!({"part_ids": [two, one]})).await.json();
    let content =
        app.get(&format!("/v1/files/{}/content", right["file"]["id"].as_str().unwrap())).send().await;
    assert_eq!(content.text(), "5678901234");
}

#[tokio::test]
async fn parts_count_towards_their_owners_room() {
    let app = TestApp::build().limits(|limits| limits.owner_storage = Size::new(10)).start().await;
    let hopeless = refusal(&app.post("/v1/uploads").json(wish(11)).await);
    assert_eq!((hopeless.0, hopeless.2), (413, json!("storage_full")));
    let upload = begun(&app, 6).await;
    added(&app, &upload, b"012345").await;
    let told = refusal(&add(&app, &upload, b"01234").await);
    assert_eq!((told.0, told.2), (413, json!("storage_full")), "{}", told.3);
    added(&app, &upload, b"0123").await;
    app.post(&path(&upload, "cancel")).send().await;
    assert_eq!(app.store.stored_bytes(OWNER).await.unwrap(), 0);
}

#[tokio::test]
async fn another_owners_upload_is_not_found() {
    let app = TestApp::build().keys().start().await;
    let (_, alice) = app.key("alice", &[Scope::Write]).await;
    let (_, bob) = app.key("bob", &[Scope::Write]).await;
    let upload = app.post("/v1/uploads").bearer(&alice).json(wish(5)).await.json();
    let complete = app.post(&path(&upload, "complete")).bearer(&bob).json(json!({"part_ids": []})).await;
    let cancel = app.post(&path(&upload, "cancel")).bearer(&bob).send().await;
    assert_eq!((complete.status, cancel.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND));
    let cancel = app.post(&path(&upload, "cancel")).bearer(&alice).send().await;
    assert_eq!(cancel.status, StatusCode::OK);
}
