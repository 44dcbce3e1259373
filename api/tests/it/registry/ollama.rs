//! The same in Ollama's words, and files of models one by one.

use std::fmt::Write;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use forebay_shared::store::{Registry, Retention, Scope};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{import, mood, names};
use crate::app::{Answer, TestApp};

/// What bytes are called.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

async fn upload(app: &TestApp, digest: &str, bytes: &[u8]) -> Answer {
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        bytes.chunks(64 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let body = Body::from_stream(futures::stream::iter(pieces));
    app.post(&format!("/api/blobs/{digest}")).body(body).send().await
}

/// Uploads bytes, which must be taken; answers with what they are called.
async fn uploaded(app: &TestApp, bytes: &[u8]) -> String {
    let digest = digest(bytes);
    assert_eq!(upload(app, &digest, bytes).await.status, StatusCode::CREATED);
    digest
}

async fn is_known(app: &TestApp, digest: &str) -> bool {
    let answer = app.call("HEAD", &format!("/api/blobs/{digest}")).send().await;
    assert!(answer.body.is_empty() || answer.status != StatusCode::OK);
    answer.status == StatusCode::OK
}

#[tokio::test]
async fn a_model_is_copied_and_deleted_in_ollamas_words() {
    let app = TestApp::start().await;
    assert_eq!(import(&app, "mood", mood()).await.status, StatusCode::CREATED);
    let copy = |body: Value| app.post("/api/copy").json(body);
    let delete = |body: Value| app.delete("/api/delete").json(body);
    let copied = copy(json!({"source": "mood:latest", "destination": "old"})).await;
    assert_eq!((copied.status, copied.text()), (StatusCode::OK, r#"{"status":"success"}"#));
    for body in [json!({"model": "mood"}), json!({"name": "old:latest"})] {
        let deleted = delete(body).await;
        assert_eq!((deleted.status, deleted.text()), (StatusCode::OK, ""));
    }
    assert!(names(&app).await.is_empty());
    let mut told = String::new();
    for answer in [
        copy(json!({"source": "mood", "destination": "old"})).await,
        copy(json!({"source": "echo", "destination": "old"})).await,
        copy(json!({"source": "mood"})).await,
        delete(json!({"model": "mood"})).await,
        delete(json!({"model": "echo:latest"})).await,
        delete(json!({})).await,
        app.post("/api/push").json(json!({"model": "mood"})).await,
    ] {
        writeln!(told, "{} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    404 {"error":"model 'mood' not found"}
    400 {"error":"`echo` stands in a folder of a worker, and only models of the registry can be changed here"}
    400 {"error":"missing field `destination`"}
    404 {"error":"model 'mood' not found"}
    400 {"error":"`echo` stands in a folder of a worker, and only models of the registry can be changed here"}
    400 {"error":"model is required"}
    400 {"error":"models are not pushed from here: pull them where they are wanted, or import their archive there"}
    "#);
}

#[tokio::test]
async fn a_file_is_uploaded_under_its_digest() {
    let app = TestApp::start().await;
    let weights = vec![7; 11_000_000];
    let name = digest(&weights);
    assert!(!is_known(&app, &name).await);
    let first = upload(&app, &name, &weights).await;
    assert_eq!((first.status, first.text()), (StatusCode::CREATED, ""));
    assert!(is_known(&app, &name).await && is_known(&app, &name.replace(':', "-")).await);
    assert_eq!(upload(&app, &name, &weights).await.status, StatusCode::OK, "it was here");
    let objects = app.objects().await;
    assert_eq!(objects.len(), 1);
    assert!(objects[0].starts_with(&format!("models/{}/", &name[7..])), "{objects:?}");
}

#[tokio::test]
async fn a_file_that_is_not_what_its_name_says_leaves_nothing() {
    let app = TestApp::start().await;
    let mut told = String::new();
    for (name, bytes) in [
        (digest(b"weights"), &b"WEIGHTS"[..]),
        (digest(b"weights"), b""),
        ("sha256:short".to_owned(), b"weights"),
        ("weights".to_owned(), b"weights"),
    ] {
        let answer = upload(&app, &name, bytes).await;
        writeln!(told, "{} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    let large = vec![7; (32 << 20) + 1];
    let answer = upload(&app, &digest(&large), &large).await;
    writeln!(told, "{} {}", answer.status.as_u16(), answer.text()).unwrap();
    insta::assert_snapshot!(told, @r#"
    400 {"error":"digest mismatch, expected sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c, got sha256:14422b042349bd2e1e537c361c780005f69282015a7d8c36312293ab017b0b36"}
    400 {"error":"digest mismatch, expected sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c, got sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    400 {"error":"invalid digest: it is `sha256:` and 64 hexadecimal digits"}
    400 {"error":"invalid digest: it is `sha256:` and 64 hexadecimal digits"}
    413 {"error":"the body is larger than 32.0 MiB"}
    "#);
    let begun = Bytes::from(vec![7; 6_000_000]);
    let pieces = [Ok(begun), Err(std::io::Error::other("hung up"))];
    let body = Body::from_stream(futures::stream::iter(pieces));
    let answer = app.post(&format!("/api/blobs/{}", digest(b"x"))).body(body).send().await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{answer}");
    assert!(!is_known(&app, &digest(b"weights")).await && !is_known(&app, &digest(b"x")).await);
    app.eventually(async || app.objects().await.is_empty()).await;
}

#[tokio::test]
async fn a_file_is_forgotten_unless_a_model_has_it() {
    let app = TestApp::start().await;
    assert_eq!(import(&app, "mood", mood()).await.status, StatusCode::CREATED);
    let (kept, loose) = (digest(b"weights"), uploaded(&app, b"loose").await);
    let mut told = String::new();
    for path in [
        format!("/api/blobs/{kept}"),
        format!("/api/blob/{}", kept.replace(':', "-")),
        format!("/api/blob/{loose}"),
        format!("/api/blobs/{loose}"),
        "/api/blob/sha256-xxxxx".to_owned(),
    ] {
        let answer = app.delete(&path).send().await;
        writeln!(told, "{} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    409 {"error":"a model has blob sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c; delete that model, and it goes by itself"}
    409 {"error":"a model has blob sha256-9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c; delete that model, and it goes by itself"}
    200 
    404 {"error":"blob sha256:b5e0eee6e28efca6d6ad05d7b8a94631576037ec9e5ff6d305fe89faa0e1032e not found"}
    400 {"error":"invalid digest: it is `sha256:` and 64 hexadecimal digits"}
    "#);
    assert_eq!(app.store.garbage(10).await.unwrap().len(), 1, "its bytes are to be removed");
    // As a document of Ollama's users has it.
    let named = app.delete("/api/blob/sha256-xxxxx").json(json!({"name": "mood"})).await;
    assert_eq!(named.status, StatusCode::OK, "{named}");
    assert!(names(&app).await.is_empty());
    assert_eq!(app.delete(&format!("/api/blobs/{kept}")).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn uploaded_files_become_a_model() {
    let app = TestApp::start().await;
    let files = json!({
        "onnx/model.onnx": uploaded(&app, b"weights").await, "config.json": uploaded(&app, b"{}").await,
    });
    let made = app.post("/api/create").json(json!({"model": "mood:latest", "files": files})).await;
    assert_eq!((made.status, made.header("content-type")), (StatusCode::OK, Some("application/x-ndjson")));
    insta::assert_snapshot!(made.text(), @r#"
    {"status":"using existing layer sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
    {"status":"using existing layer sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"}
    {"status":"verifying sha256 digest"}
    {"status":"writing manifest"}
    {"status":"success"}
    "#);
    let events = app.post("/api/create").header("accept", "text/event-stream");
    let events = events.json(json!({"model": "other", "from": "mood"})).await;
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    insta::assert_snapshot!(events.text(), @r#"
    data: {"status":"writing manifest"}

    data: {"status":"success"}

    data: [DONE]
    "#);
    let whole = json!({"model": "third", "files": files, "stream": false});
    assert_eq!(app.post("/api/create").json(whole).await.text(), r#"{"status":"success"}"#);
    let imported = import(&app, "fourth", mood()).await.json();
    for name in ["mood", "other", "third"] {
        let model = app.store.registered(None, name).await.unwrap().unwrap();
        assert_eq!(imported["digest"], model.digest.to_string(), "{name}");
    }
    assert_eq!(app.objects().await.len(), 2);
    assert_eq!(app.scratch(), 0);
}

#[tokio::test]
async fn what_cannot_become_a_model_is_refused_before_the_first_step_or_instead_of_the_last() {
    let app = TestApp::start().await;
    let (good, nowhere) = (uploaded(&app, b"weights").await, digest(b"nowhere"));
    let mut told = String::new();
    for body in [
        json!({"model": "mood"}),
        json!({"model": "mood", "from": "nope"}),
        json!({"model": "mood", "from": "echo"}),
        json!({"model": "mood", "files": {"a": nowhere}}),
        json!({"model": "mood", "files": {"../a": good}}),
        json!({"model": "../up", "files": {"a": good}}),
        json!({"model": "mood", "files": {"unservable": good}}),
        json!({"model": "mood", "files": {"unservable": good}, "stream": false}),
        json!({"model": "mood", "from": "echo", "system": "You are a pirate."}),
    ] {
        let answer = app.post("/api/create").json(body).await;
        writeln!(told, "{} {}", answer.status.as_u16(), answer.text().trim_end()).unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    400 {"error":"give `files`, or another model as `from`"}
    404 {"error":"model 'nope' not found"}
    400 {"error":"`echo` stands in a folder of a worker, and only models of the registry can be changed here"}
    404 {"error":"there is no blob sha256:20aeff0494e828d188c704e1f488a589b15ae01d11f6cb129f62129caa6cc543; upload it first"}
    400 {"error":"`../a` leads out of the model's folder"}
    400 {"error":"`..` in a model's name: a part begins with a letter or a digit and goes on with these, `.`, `_`, `-` and `:`"}
    200 {"status":"using existing layer sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"}
    {"status":"verifying sha256 digest"}
    {"error":"this is no model that can be served: unservable: it says so itself"}
    400 {"error":"this is no model that can be served: unservable: it says so itself"}
    400 {"error":"`system` is not supported: a model is made of `files`, forebay.toml among them, or is that of `from`"}
    "#);
    assert!(names(&app).await.is_empty());
    assert_eq!(app.scratch(), 0);
}

#[tokio::test]
async fn a_model_made_with_a_key_is_its_owners() {
    let app = TestApp::build().keys().start().await;
    let (_, key) = app.key("alice", &[Scope::Write]).await;
    let name = digest(b"weights");
    let put = app.post(&format!("/api/blobs/{name}")).bearer(&key).body(Body::from("weights")).send().await;
    assert_eq!(put.status, StatusCode::CREATED, "{put}");
    let body = json!({"model": "mood", "files": {"model.onnx": name}});
    let made = app.post("/api/create").bearer(&key).json(body).await;
    assert_eq!(made.status, StatusCode::OK, "{made}");
    assert_eq!(names(&app).await, [("mood".to_owned(), Some("alice".to_owned()))]);
}
