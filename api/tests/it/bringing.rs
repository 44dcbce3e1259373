//! A bulk's file that comes with the request, or from a URL.

use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::get;
use forebay_shared::config::Size;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::bodies::Part;
use crate::files::send;

const LINES: &str = "{\"id\": \"a\", \"input\": \"x\"}\n";

fn what(asked: &Value) -> Part<'static> {
    ("bulk", None, asked.to_string().into_bytes())
}

fn lines(name: &'static str) -> Part<'static> {
    ("file", Some(name), LINES.into())
}

/// A web server on loopback; answers with its address.
async fn server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let inside = format!("http://127.0.0.2:{}/data/lines.jsonl", listener.local_addr().unwrap().port());
    let router = Router::new()
        .route("/data/lines.jsonl", get(|| async { LINES }))
        .route("/large", get(|| async { "x".repeat(3 << 20) }))
        .route("/inside", get(|| async move { Redirect::temporary(&inside) }));
    forebay_shared::shutdown::Tasks::new().spawn("server", async move {
        axum::serve(listener, router).await.unwrap();
    });
    address
}

/// What the bulk's file is called, and what stands in it.
async fn file_of(app: &TestApp, answer: &Answer) -> (Value, String) {
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer}");
    let file = answer.json()["file"].as_str().unwrap().to_owned();
    let name = app.get(&format!("/v1/files/{file}")).send().await.json()["filename"].clone();
    (name, app.get(&format!("/v1/files/{file}/content")).send().await.text().to_owned())
}

fn refusal(answer: &Answer) -> (u16, Value, Value) {
    let body = answer.json();
    (answer.status.as_u16(), body["code"].clone(), body["field"].clone())
}

#[tokio::test]
async fn a_file_comes_with_the_request() {
    let app = TestApp::start().await;
    let asked = what(&json!({"model": "echo", "metadata": {"of": "today"}}));
    let answer = send(&app, "/v1/bulk", &[asked, lines("today.jsonl")]).await;
    assert_eq!(file_of(&app, &answer).await, (json!("today.jsonl"), LINES.to_owned()));
    assert_eq!(answer.json()["metadata"], json!({"of": "today"}));
}

#[tokio::test]
async fn a_file_comes_from_a_url() {
    let app = TestApp::build().permit("127.0.0.1/32").start().await;
    let url = format!("{}/data/lines.jsonl", server().await);
    let answer = app.post("/v1/bulk").json(json!({"url": url, "model": "echo"})).await;
    assert_eq!(file_of(&app, &answer).await, (json!("lines.jsonl"), LINES.to_owned()));
}

#[tokio::test]
async fn a_url_that_may_not_be_fetched_is_refused() {
    let open = TestApp::build()
        .permit("127.0.0.1/32")
        .limits(|limits| limits.owner_storage = Size::new(2 << 20))
        .start()
        .await;
    let server = server().await;
    for (path, code) in [
        ("large", "url_unsupported"),
        ("nothing", "url_unsupported"),
        // A redirect leads to where it may not.
        ("inside", "url_refused"),
    ] {
        let answer = open.post("/v1/bulk").json(json!({"url": format!("{server}/{path}")})).await;
        assert_eq!(refusal(&answer), (422, json!(code), json!("url")), "{answer}");
    }
    let closed = TestApp::start().await;
    let url = format!("{server}/data/lines.jsonl");
    let answer = closed.post("/v1/bulk").json(json!({"url": url})).await;
    assert_eq!(refusal(&answer), (422, json!("url_refused"), json!("url")));
    for app in [open, closed] {
        assert_eq!(app.get("/v1/files").send().await.json()["data"], json!([]), "nothing stays");
        app.eventually(async || app.objects().await.is_empty()).await;
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_before_a_file_is_taken() {
    let app = TestApp::start().await;
    let good = what(&json!({"model": "echo"}));
    let wrong = [
        (vec![lines("a")], "missing_field", "bulk"),
        (vec![good.clone()], "missing_field", "file"),
        (vec![good.clone(), good.clone()], "invalid_field", "bulk"),
        (vec![good.clone(), lines("a"), lines("b")], "invalid_field", "file"),
        (vec![good, ("other", None, Vec::new())], "unknown_field", "other"),
        (vec![what(&json!({"window": "soon"})), lines("a")], "invalid_field", "window"),
        (vec![what(&json!({"file": "file-1"})), lines("a")], "invalid_field", "bulk.file"),
        (vec![what(&json!({"format": "csv"})), lines("a")], "missing_field", "model"),
    ];
    for (parts, code, field) in wrong {
        let answer = send(&app, "/v1/bulk", &parts).await;
        let (_, told, at) = refusal(&answer);
        assert_eq!((told, at), (json!(code), json!(field)), "{answer}");
        assert!(code != "unknown_field" || answer.to_string().contains("has `bulk`, `file`"), "{answer}");
    }
    let both = json!({"file": "file-1", "url": "http://example.com/"});
    let answer = app.post("/v1/bulk").json(both).await;
    assert_eq!(refusal(&answer), (422, json!("invalid_field"), json!("url")));
    let neither = app.post("/v1/bulk").json(json!({"model": "echo"})).await;
    assert_eq!(refusal(&neither), (422, json!("missing_field"), json!("file")));
    let text = app.post("/v1/bulk").header("content-type", "text/plain").text("x").await;
    assert_eq!(refusal(&text), (415, json!("unsupported_media_type"), json!("Content-Type")));
    app.eventually(async || app.objects().await.is_empty()).await;
}
