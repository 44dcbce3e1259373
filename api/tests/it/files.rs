//! Files, as OpenAI has them: every shape, every refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use forebay_shared::clock::Clock as _;
use forebay_shared::config::Size;
use forebay_shared::file::{FileStatus, NewFile, Piece, Purpose};
use forebay_shared::store::{Files, Retention, Scope, Storage as _};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::app::{Answer, OWNER, TestApp};
use crate::bodies::{Part, content_type, multipart};

/// Sends a form to a path.
pub async fn send(app: &TestApp, path: &str, parts: &[Part<'_>]) -> Answer {
    let (content_type, body) = multipart(parts);
    app.post(path).header("content-type", &content_type).body(body).send().await
}

fn word<'a>(name: &'a str, value: &str) -> Part<'a> {
    (name, None, value.as_bytes().to_vec())
}

fn file(content: &[u8]) -> Part<'static> {
    ("file", Some("lines.jsonl"), content.to_vec())
}

/// Uploads a file, which must be taken.
async fn uploaded(app: &TestApp, purpose: &str, content: &[u8]) -> Value {
    // Ids of the same millisecond have no order.
    app.clock.advance(Duration::from_millis(1));
    let answer = send(app, "/v1/files", &[word("purpose", purpose), file(content)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer.json()
}

/// Status, param and code of a refusal, and its message. All four keys must be there.
pub fn refusal(answer: &Answer) -> (u16, Value, Value, String) {
    let error = &answer.json()["error"];
    let keys: Vec<_> = error.as_object().expect("OpenAI's shape").keys().cloned().collect();
    assert_eq!(keys, ["message", "type", "param", "code"], "{answer}");
    let message = error["message"].as_str().unwrap().to_owned();
    (answer.status.as_u16(), error["param"].clone(), error["code"].clone(), message)
}

#[tokio::test]
async fn a_file_is_as_openai_has_it() {
    let app = TestApp::start().await;
    let made = uploaded(&app, "batch", b"{}\n{}\n").await;
    let id = made["id"].as_str().unwrap().to_owned();
    let created = app.clock.now().seconds();
    assert!(id.starts_with("file-") && id.len() == 37, "{id}");
    let expected = json!({
        "id": id, "object": "file", "bytes": 6, "created_at": created, "expires_at": created + 2_592_000,
        "filename": "lines.jsonl", "purpose": "batch", "status": "processed", "status_details": null,
    });
    assert_eq!(made, expected);
    assert_eq!(app.get(&format!("/v1/files/{id}")).send().await.json(), expected);
    let content = app.get(&format!("/v1/files/{id}/content")).send().await;
    assert_eq!(content.body, b"{}\n{}\n");
    assert_eq!(content.header("content-type"), Some("application/octet-stream"));
    let gone = app.delete(&format!("/v1/files/{id}")).send().await;
    assert_eq!(
        (gone.status, gone.json()),
        (StatusCode::OK, json!({"id": id, "object": "file", "deleted": true}))
    );
    for path in [format!("/v1/files/{id}"), format!("/v1/files/{id}/content")] {
        let answer = app.get(&path).send().await;
        let expected = (404, json!("file_id"), Value::Null, format!("No such File object: {id}"));
        assert_eq!(refusal(&answer), expected);
    }
    assert_eq!(app.delete(&format!("/v1/files/{id}")).send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.store.garbage(10).await.unwrap().len(), 1, "its bytes are to be removed");
}

#[tokio::test]
async fn a_range_of_a_file_is_read() {
    let app = TestApp::start().await;
    let made = uploaded(&app, "user_data", b"0123456789").await;
    let path = format!("/v1/files/{}/content", made["id"].as_str().unwrap());
    let part = app.get(&path).header("range", "bytes=2-4").send().await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &b"234"[..]));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let known = part.header("etag").unwrap();
    let again = app.get(&path).header("if-none-match", known).send().await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let outside = app.get(&path).header("range", "bytes=10-").send().await;
    assert_eq!((refusal(&outside).0, refusal(&outside).2), (416, json!("range_not_satisfiable")));
}

#[tokio::test]
async fn a_file_of_many_pieces_is_read_as_one() {
    let app = TestApp::start().await;
    app.blobs.put("segments/w/1", Bytes::from_static(b"xxaaabbbxx")).await.unwrap();
    app.blobs.put("files/rest", Bytes::from_static(b"ccc")).await.unwrap();
    let new = NewFile {
        id: app.ids.file(),
        owner: OWNER.to_owned(),
        filename: "output.jsonl".to_owned(),
        purpose: Purpose::BatchOutput,
        status: FileStatus::Uploaded,
        pieces: vec![Piece::of_segment("segments/w/1", 5, 3), Piece::of_segment("segments/w/1", 2, 3)],
        life: None,
    };
    app.store.create_file(&new, None).await.unwrap();
    let path = format!("/v1/files/{}", new.id);
    assert_eq!(app.get(&format!("{path}/content")).send().await.text(), "bbbaaa");
    let grown = [(2, Piece::own("files/rest", 3))];
    assert!(app.store.add_pieces(OWNER, new.id, &grown).await.unwrap());
    let view = app.get(&path).send().await.json();
    assert_eq!(
        (&view["bytes"], &view["purpose"], &view["status"]),
        (&json!(9), &json!("batch_output"), &json!("uploaded"))
    );
    assert_eq!(app.get(&format!("{path}/content")).send().await.text(), "bbbaaaccc");
    let part = app.get(&format!("{path}/content")).header("range", "bytes=2-6").send().await;
    assert_eq!(part.text(), "baaac");
}

#[tokio::test]
async fn a_file_is_kept_as_long_as_it_is_asked_for() {
    let app = TestApp::start().await;
    let created = |file: &Value| file["created_at"].as_i64().unwrap();
    assert_eq!(uploaded(&app, "vision", b"x").await["expires_at"], Value::Null);
    let parts = [
        word("purpose", "batch"),
        word("expires_after[anchor]", "created_at"),
        word("expires_after[seconds]", "3600"),
        file(b"x"),
    ];
    let made = send(&app, "/v1/files", &parts).await.json();
    assert_eq!(made["expires_at"], created(&made) + 3_600);
    app.clock.advance(Duration::from_hours(1));
    let answer = app.get(&format!("/v1/files/{}", made["id"].as_str().unwrap())).send().await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "it has expired, removed or not");
}

#[tokio::test]
async fn files_are_listed_as_openai_lists_them() {
    let app = TestApp::start().await;
    let none = app.get("/v1/files").send().await.json();
    let empty = json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false});
    assert_eq!(none, empty);
    let mut ids = Vec::new();
    for purpose in ["batch", "vision", "batch"] {
        ids.push(uploaded(&app, purpose, b"x").await["id"].clone());
    }
    let list = async |query: &str| {
        let list = app.get(&format!("/v1/files{query}")).send().await.json();
        let listed: Vec<Value> =
            list["data"].as_array().unwrap().iter().map(|file| file["id"].clone()).collect();
        assert_eq!((list.get("first_id"), list.get("last_id")), (listed.first(), listed.last()));
        (listed, list["has_more"] == true)
    };
    let [a, b, c] = <[Value; 3]>::try_from(ids).unwrap();
    assert_eq!(list("").await, (vec![c.clone(), b.clone(), a.clone()], false));
    assert_eq!(list("?order=asc&limit=2").await, (vec![a.clone(), b.clone()], true));
    let after = format!("?order=asc&limit=2&after={}", b.as_str().unwrap());
    assert_eq!(list(&after).await, (vec![c.clone()], false));
    assert_eq!(list("?purpose=batch&order=desc").await, (vec![c, a], false));
}

#[tokio::test]
async fn a_wrong_query_is_refused() {
    let app = TestApp::start().await;
    let table = [
        ("limit=0", "limit", "invalid_query"),
        ("limit=10001", "limit", "invalid_query"),
        ("limit=many", "limit", "invalid_query"),
        ("order=up", "order", "invalid_query"),
        ("after=nothing", "after", "invalid_query"),
        ("purpose=fun", "purpose", "invalid_query"),
        ("porpoise=batch", "porpoise", "invalid_query"),
    ];
    for (query, param, code) in table {
        let answer = app.get(&format!("/v1/files?{query}")).send().await;
        let (status, named, told, message) = refusal(&answer);
        assert_eq!((status, named, told), (400, json!(param), json!(code)), "{query}: {message}");
    }
}

#[tokio::test]
async fn a_form_that_is_not_right_is_refused_and_nothing_stays() {
    let app = TestApp::start().await;
    let anchor = || word("expires_after[anchor]", "created_at");
    let table: [(&[Part<'_>], &str, &str); 14] = [
        (&[file(b"x")], "purpose", "missing_field"),
        (&[word("purpose", "batch")], "file", "missing_field"),
        (&[word("purpose", "fun"), file(b"x")], "purpose", "invalid_field"),
        (&[file(b"x"), word("purpose", "batch_output")], "purpose", "invalid_field"),
        (&[word("purpose", "batch"), word("file", "x")], "file", "invalid_field"),
        (&[word("purpose", "batch"), ("file", Some(""), vec![1])], "file", "invalid_field"),
        (&[word("purpose", "batch"), ("file", Some(&"n".repeat(256)), vec![1])], "file", "invalid_field"),
        (&[file(b"x"), file(b"x"), word("purpose", "batch")], "file", "invalid_field"),
        (&[word("purpose", "batch"), word("purpose", "batch"), file(b"x")], "purpose", "invalid_field"),
        (&[word("purpose", "batch"), word("porpoise", "x"), file(b"x")], "porpoise", "unknown_field"),
        (&[word("purpose", "batch"), anchor(), file(b"x")], "expires_after[seconds]", "missing_field"),
        (
            &[word("purpose", "batch"), word("expires_after[seconds]", "3600"), file(b"x")],
            "expires_after[anchor]",
            "missing_field",
        ),
        (
            &[word("purpose", "batch"), anchor(), word("expires_after[seconds]", "3599"), file(b"x")],
            "expires_after.seconds",
            "invalid_field",
        ),
        (
            &[
                word("purpose", "batch"),
                word("expires_after[anchor]", "now"),
                word("expires_after[seconds]", "3600"),
                file(b"x"),
            ],
            "expires_after.anchor",
            "invalid_field",
        ),
    ];
    for (parts, param, code) in table {
        let answer = send(&app, "/v1/files", parts).await;
        let (status, named, told, message) = refusal(&answer);
        assert_eq!((status, named, told), (400, json!(param), json!(code)), "{message}");
    }
    assert_eq!(app.store.calls("create_file"), 0);
    app.eventually(async || app.objects().await.is_empty()).await;
    let json = app.post("/v1/files").json(json!({"purpose": "batch"})).await;
    assert_eq!(refusal(&json).2, "malformed_multipart");
}

/// A form whose file has `megabytes`, and how many pieces of it have been asked for.
fn large_form(megabytes: usize, purpose: &str) -> (Body, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let head = format!(
        "--a-boundary\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--a-boundary\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"big\"\r\n\r\n"
    );
    let filling = futures::stream::repeat_with(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Bytes::from(vec![7; 64 * 1024])
    });
    let pieces = futures::stream::once(async { Bytes::from(head) })
        .chain(filling.take(megabytes * 16))
        .chain(futures::stream::once(async { Bytes::from_static(b"\r\n--a-boundary--\r\n") }));
    (Body::from_stream(pieces.map(Ok::<_, std::io::Error>)), asked)
}

async fn send_large(app: &TestApp, megabytes: usize, purpose: &str) -> (Answer, usize) {
    let (body, asked) = large_form(megabytes, purpose);
    let answer = app.post("/v1/files").header("content-type", &content_type()).body(body).send().await;
    (answer, asked.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read_to_its_end() {
    let app = TestApp::start().await;
    let (answer, asked) = send_large(&app, 60, "user_data").await;
    insta::assert_snapshot!(answer, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "File is too large. The limit is 32.0 MiB.",
        "type": "invalid_request_error",
        "param": null,
        "code": null
      }
    }
    "#);
    assert!(asked < 33 * 16, "{asked} pieces were asked for");
    let (answer, asked) = send_large(&app, 60, "batch").await;
    assert_eq!(refusal(&answer).3, "File is too large. The limit is 24.0 MiB.");
    assert!(asked < 25 * 16, "{asked} pieces were asked for");
    let declared = app.post("/v1/files").header("content-type", &content_type());
    let answer = declared.header("content-length", "99999999").send().await;
    assert_eq!(refusal(&answer).3, "File is too large. The limit is 32.0 MiB.");
    let late = [("file", Some("f"), vec![7; 25 << 20]), word("purpose", "batch")];
    assert_eq!(refusal(&send(&app, "/v1/files", &late).await).3, "File is too large. The limit is 24.0 MiB.");
    app.eventually(async || app.objects().await.is_empty()).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_no_file() {
    let app = TestApp::start().await;
    let (mut sender, pieces) = futures::channel::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let mut head =
        b"--a-boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n".to_vec();
    head.extend_from_slice(
        b"some bytes\r\n--a-boundary\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n",
    );
    sender.try_send(Ok(head.into())).unwrap();
    let call = app.post("/v1/files").header("content-type", &content_type()).body(Body::from_stream(pieces));
    {
        let mut call = std::pin::pin!(call.send());
        // The object is whole while the purpose is still to come.
        app.eventually(async || {
            assert!(futures::poll!(call.as_mut()).is_pending());
            !app.objects().await.is_empty()
        })
        .await;
    }
    app.eventually(async || app.objects().await.is_empty()).await;
    assert_eq!(app.get("/v1/files").send().await.json()["data"], json!([]));
}

#[tokio::test]
async fn files_beyond_their_owners_room_are_refused() {
    let app = TestApp::build().limits(|limits| limits.owner_storage = Size::new(2 << 20)).start().await;
    let first = uploaded(&app, "user_data", &vec![1; 1 << 20]).await;
    let (answer, asked) = send_large(&app, 10, "user_data").await;
    let (status, param, code, message) = refusal(&answer);
    assert_eq!((status, param, code), (413, Value::Null, json!("storage_full")));
    assert!(message.starts_with("your files may have 2.0 MiB together and have 1.0 MiB"), "{message}");
    assert!(asked < 2 * 16, "{asked} pieces were asked for");
    uploaded(&app, "user_data", &vec![1; 1 << 20]).await;
    let full = send(&app, "/v1/files", &[word("purpose", "vision"), file(b"x")]).await;
    assert_eq!(refusal(&full).2, "storage_full");
    app.delete(&format!("/v1/files/{}", first["id"].as_str().unwrap())).send().await;
    uploaded(&app, "vision", b"x").await;
    assert_eq!(app.store.stored_bytes(OWNER).await.unwrap(), (1 << 20) + 1);
}

#[tokio::test]
async fn what_jobs_keep_fills_their_owners_room() {
    let app = TestApp::build().limits(|limits| limits.owner_storage = Size::new(100)).start().await;
    let job = json!({"model": "echo", "input": "x".repeat(100)});
    let id = app.submit(job.clone()).await;
    app.store.count_storage().await.unwrap();
    let second = app.submit(job.clone()).await;
    app.clock.advance(Duration::from_secs(1));
    insta::assert_snapshot!(app.post("/v1/jobs").json(job.clone()).await, @r#"
    413 Payload Too Large
    content-type: application/problem+json
    {
      "type": "/problems/storage_full",
      "title": "There is no room left",
      "status": 413,
      "detail": "what your files, models and jobs keep fills the 100 B that you may have; delete some, or wait until they expire",
      "code": "storage_full",
      "limit": 100,
      "request_id": "a-request"
    }
    "#);
    let call = json!({"model": "minilm", "input": "x"});
    assert_eq!(refusal(&app.post("/v1/embeddings").json(call).await).2, "storage_full");
    assert_eq!(
        refusal(&send(&app, "/v1/files", &[word("purpose", "vision"), file(b"x")]).await).2,
        "storage_full"
    );
    for id in [id, second] {
        assert_eq!(app.delete(&format!("/v1/jobs/{id}")).send().await.status, StatusCode::NO_CONTENT);
    }
    app.store.count_storage().await.unwrap();
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.post("/v1/jobs").json(job).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn another_owners_file_is_not_found() {
    let app = TestApp::build().keys().start().await;
    let (_, alice) = app.key("alice", &[Scope::Read, Scope::Write]).await;
    let (_, bob) = app.key("bob", &[Scope::Read, Scope::Write]).await;
    let (_, reader) = app.key("alice", &[Scope::Read]).await;
    let (content_type, body) = multipart(&[word("purpose", "batch"), file(b"x")]);
    let made =
        app.post("/v1/files").header("content-type", &content_type).bearer(&alice).body(body).send().await;
    let path = format!("/v1/files/{}", made.json()["id"].as_str().unwrap());
    for path in [path.clone(), format!("{path}/content")] {
        assert_eq!(app.get(&path).bearer(&bob).send().await.status, StatusCode::NOT_FOUND);
        assert_eq!(app.get(&path).bearer(&reader).send().await.status, StatusCode::OK);
        assert_eq!(app.get(&path).send().await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(app.delete(&path).bearer(&bob).send().await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.delete(&path).bearer(&reader).send().await.status, StatusCode::FORBIDDEN);
    assert_eq!(app.get("/v1/files").bearer(&bob).send().await.json()["data"], json!([]));
    assert_eq!(app.get(&path).bearer(&alice).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_an_object_store_a_file_is_put_off() {
    let app = TestApp::build().without_blobs().start().await;
    let answer = send(&app, "/v1/files", &[word("purpose", "batch"), file(b"x")]).await;
    assert_eq!((answer.status, refusal(&answer).2), (StatusCode::SERVICE_UNAVAILABLE, json!("unavailable")));
    let app = TestApp::start().await;
    app.store.set_away(true);
    let answer = send(&app, "/v1/files", &[word("purpose", "batch"), file(b"x")]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.objects().await.len(), 1, "it may have a row, so it stays for the sweeper");
}
