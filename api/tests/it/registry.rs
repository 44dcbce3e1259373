//! Models that are brought, copied and deleted: every shape, every refusal.

mod archives;
mod ollama;

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use forebay_shared::config::Size;
use forebay_shared::store::{Registry, Scope};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::app::{Answer, Call, TestApp};
use crate::bodies::Part;
use crate::files::{refusal, send};

/// A tar archive of these files.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        // Written as it is: an archive may say anything.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The archive of a model.
pub fn mood() -> Vec<u8> {
    archive(&[("mood/onnx/model.onnx", b"weights"), ("mood/config.json", b"{}")])
}

/// Imports the archive under this name, as the body itself.
pub async fn import(app: &TestApp, name: &str, archive: Vec<u8>) -> Answer {
    app.post(&format!("/v1/models?name={name}")).body(Body::from(archive)).send().await
}

fn word<'a>(name: &'a str, value: &str) -> Part<'a> {
    (name, None, value.as_bytes().to_vec())
}

fn file(name: &'static str, content: Vec<u8>) -> Part<'static> {
    ("file", Some(name), content)
}

/// The names of all models, with their owners.
async fn names(app: &TestApp) -> Vec<(String, Option<String>)> {
    let models = app.store.all_registered().await.unwrap();
    models.into_iter().map(|model| (model.name, model.owner)).collect()
}

#[tokio::test]
async fn an_archive_becomes_a_model() {
    let app = TestApp::start().await;
    let first = import(&app, "org/mood:v1", mood()).await;
    insta::assert_snapshot!(first, @r#"
    201 Created
    content-type: application/json
    {
      "id": "org/mood:v1",
      "object": "model",
      "created": 1780315200,
      "updated": 1780315200,
      "owned_by": "everybody",
      "source": "upload",
      "digest": "2f31810ef5be20e8726cb3eaa59a9f2aba0d8b8174df4977dfd3685d9f71095c",
      "bytes": 9,
      "files": [
        {
          "path": "config.json",
          "digest": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
          "bytes": 2
        },
        {
          "path": "onnx/model.onnx",
          "digest": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
          "bytes": 7
        }
      ]
    }
    "#);
    assert_eq!(import(&app, "org/mood:v1", mood()).await.status, StatusCode::OK, "the name is known");
    let other = archive(&[("model.onnx", b"better"), ("config.json", b"{}")]);
    let replaced = import(&app, "org/mood:v1", other).await;
    assert_eq!((replaced.status, &replaced.json()["bytes"]), (StatusCode::OK, &json!(8)));
    assert_eq!(app.objects().await.len(), 3, "equal files are stored once");
    assert_eq!(app.scratch(), 0);
}

#[tokio::test]
async fn a_form_brings_an_archive_with_its_name_or_without() {
    let app = TestApp::start().await;
    let named = [word("name", "org/mood"), file("upload.tar", mood())];
    let after = [file("upload.tar", mood()), word("name", "org/mood")];
    assert_eq!(send(&app, "/v1/models", &named).await.status, StatusCode::CREATED);
    assert_eq!(send(&app, "/v1/models", &after).await.status, StatusCode::OK);
    let unnamed = send(&app, "/v1/models", &[file("mood-1.0.tar", mood())]).await;
    let (id, source) = (&unnamed.json()["id"], &unnamed.json()["source"]);
    assert_eq!((id, source), (&json!("mood-1.0"), &json!("mood-1.0.tar")));
    let asked = send(&app, "/v1/models?name=other", &[file("mood.tar", mood())]).await;
    assert_eq!(asked.json()["id"], "other");
    assert_eq!(app.scratch(), 0);
}

#[tokio::test]
async fn a_request_that_is_not_right_is_refused_before_its_archive_is_read() {
    let app = TestApp::start().await;
    let mut told = String::new();
    for path in ["/v1/models", "/v1/models?name=../up", "/v1/models?name=", "/v1/models?nome=mood"] {
        let (status, param, code, message) = refusal(&app.post(path).body(Body::from(mood())).send().await);
        writeln!(told, "{status} {param} {code} {message}").unwrap();
    }
    let forms: [&[Part<'_>]; 5] = [
        &[word("name", "mood")],
        &[word("file", "no name")],
        &[file("mood.tar", mood()), file("mood.tar", mood())],
        &[word("nome", "mood"), file("mood.tar", mood())],
        &[file("no name of a model.tar", mood())],
    ];
    for form in forms {
        let (status, param, code, message) = refusal(&send(&app, "/v1/models", form).await);
        writeln!(told, "{status} {param} {code} {message}").unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    400 "name" "missing_field" the field `name` is missing
    400 "name" "invalid_field" `..` in a model's name: a part begins with a letter or a digit and goes on with these, `.`, `_`, `-` and `:`
    400 "name" "invalid_field" `` in a model's name: a part begins with a letter or a digit and goes on with these, `.`, `_`, `-` and `:`
    400 "nome" "invalid_query" `nome` is not known; `name` is
    400 "file" "missing_field" the field `file` is missing
    400 "file" "invalid_field" a file name must have 1 to 255 bytes and no control characters
    400 "file" "invalid_field" the field `file` is given twice
    400 "nome" "unknown_field" the field `nome` is not known; the form has `file`, `name`
    400 "name" "invalid_field" `no name of a model` in a model's name: a part begins with a letter or a digit and goes on with these, `.`, `_`, `-` and `:`
    "#);
    assert_eq!((app.store.calls("put_model"), app.scratch()), (0, 0));
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_nothing() {
    let app = TestApp::start().await;
    let begun = Bytes::from(mood()[..1000].to_vec());
    let pieces = [Ok(begun), Err(std::io::Error::other("hung up"))];
    let body = Body::from_stream(futures::stream::iter(pieces));
    let answer = app.post("/v1/models?name=mood").body(body).send().await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{answer}");
    assert!(app.objects().await.is_empty());
    assert_eq!(app.scratch(), 0);
}

#[tokio::test]
async fn a_full_disk_is_told_without_saying_which() {
    let app = TestApp::build().registry(|limits| limits.disk_reserve = Size::new(u64::MAX)).start().await;
    insta::assert_snapshot!(import(&app, "mood", mood()).await, @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": {
        "message": "the service's disk has no room for the model at the moment",
        "type": "server_error",
        "param": null,
        "code": "unavailable"
      }
    }
    "#);
    assert_eq!(app.scratch(), 0);
}

#[tokio::test]
async fn a_model_is_copied_and_deleted() {
    let app = TestApp::start().await;
    assert_eq!(import(&app, "mood", mood()).await.status, StatusCode::CREATED);
    let copy = |source: &str, destination: &str| {
        app.post("/v1/models/copy").json(json!({"source": source, "destination": destination}))
    };
    let copied = copy("mood", "org/mood:v1").await;
    insta::assert_snapshot!(copied, @r#"
    200 OK
    content-type: application/json
    {
      "id": "org/mood:v1",
      "object": "model",
      "created": 1780315200,
      "updated": 1780315200,
      "owned_by": "everybody",
      "source": "upload",
      "digest": "2f31810ef5be20e8726cb3eaa59a9f2aba0d8b8174df4977dfd3685d9f71095c",
      "bytes": 9,
      "files": [
        {
          "path": "config.json",
          "digest": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
          "bytes": 2
        },
        {
          "path": "onnx/model.onnx",
          "digest": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c",
          "bytes": 7
        }
      ]
    }
    "#);
    insta::assert_snapshot!(app.delete("/v1/models/org/mood:v1").send().await, @r#"
    200 OK
    content-type: application/json
    {
      "id": "org/mood:v1",
      "object": "model",
      "deleted": true
    }
    "#);
    let mut told = String::new();
    for answer in [
        app.delete("/v1/models/org/mood:v1").send().await,
        app.delete("/v1/models/echo").send().await,
        app.delete("/v1/models/words").send().await,
        copy("nope", "mood").await,
        copy("echo", "mood").await,
        copy("mood", "../up").await,
        app.post("/v1/models/copy").json(json!({"source": "mood"})).await,
    ] {
        let (status, param, code, message) = refusal(&answer);
        writeln!(told, "{status} {param} {code} {message}").unwrap();
    }
    insta::assert_snapshot!(told, @r#"
    404 "model" "model_not_found" there is no model `org/mood:v1`
    400 "model" "model_not_registered" `echo` stands in a folder of a worker, and only models of the registry can be changed here
    400 "model" "model_not_registered" `words` is another name of `acme/words:v1.5`: name that one
    404 "model" "model_not_found" there is no model `nope`
    400 "model" "model_not_registered" `echo` stands in a folder of a worker, and only models of the registry can be changed here
    400 "destination" "invalid_field" `..` in a model's name: a part begins with a letter or a digit and goes on with these, `.`, `_`, `-` and `:`
    400 "destination" "missing_field" missing field `destination`
    "#);
    assert_eq!(names(&app).await, [("mood".to_owned(), None)]);
}

#[tokio::test]
async fn a_model_that_jobs_want_is_not_deleted() {
    let app = TestApp::start().await;
    assert_eq!(import(&app, "echo", mood()).await.status, StatusCode::CREATED);
    let job = app.submit(json!({"model": "echo", "input": "a"})).await;
    insta::assert_snapshot!(app.delete("/v1/models/echo").send().await, @r#"
    409 Conflict
    content-type: application/json
    {
      "error": {
        "message": "jobs for `echo` wait or run; cancel them, or wait until they have ended",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_in_use"
      }
    }
    "#);
    assert_eq!(app.post(&format!("/v1/jobs/{job}/cancel")).send().await.status, StatusCode::OK);
    assert_eq!(app.delete("/v1/models/echo").send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn another_replica_knows_at_once() {
    let app = TestApp::start().await;
    assert_eq!(import(&app, "mood", mood()).await.status, StatusCode::CREATED);
    let replica = app.replica();
    let copy = app.post("/v1/models/copy").at(&replica);
    assert_eq!(copy.json(json!({"source": "mood", "destination": "other"})).await.status, StatusCode::OK);
    for name in ["mood", "other"] {
        assert_eq!(app.get(&format!("/v1/models/{name}")).at(&replica).send().await.status, StatusCode::OK);
    }
    assert_eq!(app.delete("/v1/models/mood").at(&replica).send().await.status, StatusCode::OK);
    assert_eq!(app.delete("/v1/models/mood").send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.delete("/v1/models/other").send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn keys_keep_models_apart() {
    let app = TestApp::build().keys().start().await;
    let (_, alice) = app.key("alice", &[Scope::Write]).await;
    let (_, bob) = app.key("bob", &[Scope::Write]).await;
    let (_, reader) = app.key("alice", &[Scope::Read]).await;
    let (_, admin) = app.key("carol", &[Scope::Write, Scope::Admin]).await;
    let importing = || app.post("/v1/models?name=mood").body(Body::from(mood()));
    assert_eq!(importing().bearer(&reader).send().await.status, StatusCode::FORBIDDEN);
    let mine = importing().bearer(&alice).send().await;
    assert_eq!((mine.status, &mine.json()["owned_by"]), (StatusCode::CREATED, &json!("alice")));
    let copy = |key: &str, to: &str| {
        app.post("/v1/models/copy").bearer(key).json(json!({"source": "mood", "destination": to}))
    };
    let delete = |key: &str, name: &str| app.delete(&format!("/v1/models/{name}")).bearer(key).send();
    assert_eq!(copy(&bob, "stolen").await.status, StatusCode::NOT_FOUND);
    assert_eq!(delete(&bob, "mood").await.status, StatusCode::NOT_FOUND);
    insta::assert_snapshot!(importing().bearer(&bob).send().await, @r#"
    409 Conflict
    content-type: application/json
    {
      "error": {
        "message": "the name `mood` is taken",
        "type": "invalid_request_error",
        "param": "name",
        "code": "name_taken"
      }
    }
    "#);
    assert_eq!(copy(&alice, "mine").await.json()["owned_by"], "alice");
    app.eventually(async || app.get("/v1/models/mine").bearer(&reader).send().await.status == StatusCode::OK)
        .await;
    let (_, stranger) = app.key("bob", &[Scope::Read]).await;
    assert_eq!(app.get("/v1/models/mine").bearer(&stranger).send().await.status, StatusCode::NOT_FOUND);

    app.store.copy_model((Some("alice"), "mood"), (None, "shared")).await.unwrap();
    let shared = json!({"source": "shared", "destination": "bobs"});
    assert_eq!(app.post("/v1/models/copy").bearer(&bob).json(shared).await.json()["owned_by"], "bob");
    insta::assert_snapshot!(delete(&bob, "shared").await, @r#"
    403 Forbidden
    content-type: application/json
    {
      "error": {
        "message": "`shared` is everybody's, and the API key lacks the scope `admin`",
        "type": "permission_error",
        "param": null,
        "code": "forbidden"
      }
    }
    "#);
    assert_eq!(delete(&admin, "mood").await.status, StatusCode::NOT_FOUND, "it is alice's alone");
    assert_eq!(delete(&admin, "shared").await.status, StatusCode::OK);
    assert_eq!(delete(&alice, "mood").await.status, StatusCode::OK);
    let left = names(&app).await;
    assert_eq!(left, [("bobs".into(), Some("bob".into())), ("mine".into(), Some("alice".into()))]);
}

/// As a page at this origin would send it.
fn of_a_page(call: Call, origin: &str) -> Call {
    call.header("host", "127.0.0.1:8080").header("origin", origin)
}

#[tokio::test]
async fn a_page_of_somebody_elses_brings_no_models() {
    let app = TestApp::build().local().start().await;
    let importing =
        |origin| of_a_page(app.post("/v1/models?name=mood").body(Body::from(mood())), origin).send();
    let foreign = importing("http://evil.example").await;
    let expected = (403, json!("Origin"), json!("forbidden_host"));
    let (status, param, code, _) = refusal(&foreign);
    assert_eq!((status, param, code), expected);
    assert_eq!(importing("http://127.0.0.1:8080").await.status, StatusCode::CREATED);
    let blob = format!("/api/blobs/sha256:{}", "0".repeat(64));
    let foreign = of_a_page(app.post(&blob), "http://evil.example").send().await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{foreign}");
}

#[tokio::test]
async fn a_model_is_told_with_its_files() {
    let app = TestApp::start().await;
    let model: Value = import(&app, "mood", mood()).await.json();
    let paths: Vec<_> = model["files"].as_array().unwrap().iter().map(|file| file["path"].clone()).collect();
    assert_eq!(paths, ["config.json", "onnx/model.onnx"]);
    assert_eq!(model["files"][1]["bytes"], 7);
}

#[tokio::test]
async fn an_owner_brings_models_as_long_as_it_has_room_for_them() {
    let app = TestApp::build()
        .keys()
        .limits(|limits| limits.owner_storage = Size::new(9))
        .registry(|registry| registry.max_models = 2)
        .start()
        .await;
    let [alice, bob] = [app.key("alice", &[Scope::Write]).await.1, app.key("bob", &[Scope::Write]).await.1];
    let import = async |key: &str, name: &str, archive: Vec<u8>| {
        let path = format!("/v1/models?name={name}");
        app.post(&path).bearer(key).body(Body::from(archive)).send().await
    };
    assert_eq!(import(&alice, "mood", mood()).await.status, StatusCode::CREATED);
    app.clock.advance(Duration::from_secs(1));
    insta::assert_snapshot!(import(&alice, "more", mood()).await, @r#"
    413 Payload Too Large
    content-type: application/json
    {
      "error": {
        "message": "what your files, models and jobs keep fills the 9 B that you may have; delete some, or wait until they expire",
        "type": "invalid_request_error",
        "param": null,
        "code": "storage_full"
      }
    }
    "#);
    let files = json!({"model": "more", "files": {"a": format!("sha256:{}", "0".repeat(64))}});
    let copy = json!({"source": "mood", "destination": "more"});
    for (path, body) in [
        ("/api/create", files),
        ("/api/copy", copy.clone()),
        ("/v1/models/copy", copy),
        ("/v1/models/pull", json!({"model": "org/name"})),
        ("/v1/jobs", json!({"model": "echo", "input": "a"})),
    ] {
        let full = app.post(path).bearer(&alice).json(body).await;
        assert_eq!(full.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}: {full}");
    }
    let small = |name: &str| archive(&[(format!("{name}/onnx/model.onnx").as_str(), b"w".as_slice())]);
    for (name, status) in [("one", 201), ("two", 201), ("two", 200), ("three", 409)] {
        let answer = import(&bob, name, small(name)).await;
        assert_eq!(answer.status.as_u16(), status, "{answer}");
    }
    insta::assert_snapshot!(import(&bob, "three", small("three")).await, @r#"
    409 Conflict
    content-type: application/json
    {
      "error": {
        "message": "an owner has at most 2 models (registry.max_models); delete one first",
        "type": "invalid_request_error",
        "param": null,
        "code": "too_many_models"
      }
    }
    "#);
}

#[tokio::test]
async fn works_on_models_at_once_are_bounded() {
    let app = TestApp::build().keys().start().await;
    let [alice, bob] = [app.key("alice", &[Scope::Write]).await.1, app.key("bob", &[Scope::Write]).await.1];
    let import = |key: &str, name: &str, body: Body| {
        app.post(&format!("/v1/models?name={name}")).bearer(key).body(body).send()
    };
    let ((open, gate), (begun, mut begins)) = (watch::channel(false), mpsc::unbounded_channel());
    let slow = |name: &str| {
        let (mut gate, begun) = (gate.clone(), begun.clone());
        let arriving = async move {
            begun.send(()).unwrap();
            gate.wait_for(|open| *open).await.unwrap();
            Ok::<_, std::io::Error>(Bytes::from(mood()))
        };
        import(&alice, name, Body::from_stream(futures::stream::once(arriving)))
    };
    let besides = async {
        for _ in 0..2 {
            begins.recv().await.unwrap();
        }
        let refused = import(&alice, "c", mood().into()).await;
        assert_eq!(
            (refusal(&refused).2, refused.header("retry-after").is_some()),
            (json!("overloaded"), true)
        );
        let files = json!({"model": "d", "files": {"a": format!("sha256:{}", "0".repeat(64))}});
        let create = app.post("/api/create").bearer(&alice).json(files).await;
        assert_eq!(create.status, StatusCode::SERVICE_UNAVAILABLE, "{create}");
        assert_eq!(
            import(&bob, "bobs", mood().into()).await.status,
            StatusCode::CREATED,
            "others are not held up"
        );
        open.send(true).unwrap();
    };
    let (first, second, ()) = tokio::join!(slow("a"), slow("b"), besides);
    assert_eq!((first.status, second.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert!(import(&alice, "c", mood().into()).await.status.is_success());
}
