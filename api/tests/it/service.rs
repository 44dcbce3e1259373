//! Health, metrics, pages.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::config::{Size, Span};
use forebay_shared::store::Scope;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn a_process_that_can_serve_says_so() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/livez").send().await.text(), "ok");
    let ready = app.get("/readyz").send().await;
    assert_eq!(ready.status, StatusCode::OK);
    assert_eq!(
        ready.json(),
        json!({"ready": true, "checks": {"catalogue": "ok", "blobs": "ok", "intake": "ok"}})
    );
}

#[tokio::test]
async fn a_process_without_its_database_is_not_ready_and_lives() {
    let app = TestApp::start().await;
    app.store.set_away(true);
    let app = app.restarted();
    insta::assert_snapshot!(app.get("/readyz").send().await, @r#"
    503 Service Unavailable
    content-type: application/json
    {
      "ready": false,
      "checks": {
        "catalogue": "the catalogue cannot be read from the database",
        "blobs": "ok",
        "intake": "ok"
      }
    }
    "#);
    assert_eq!(app.get("/livez").send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_process_without_its_object_store_is_not_ready() {
    let app = TestApp::build().without_blobs().start().await;
    let answer = app.get("/readyz").send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["checks"]["blobs"], "the object store cannot be reached");
}

#[tokio::test]
async fn a_stopping_process_is_not_ready() {
    let app = TestApp::start().await;
    app.parts.tasks.stop();
    let answer = app.get("/readyz").send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["checks"]["intake"], "the service is stopping");
}

#[tokio::test]
async fn metrics_are_counted_without_owners() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let app = TestApp::build().keys().metrics(recorder.handle()).start().await;
    let (_, key) = app.key("alice", &Scope::ALL).await;
    let _recording = metrics::set_default_local_recorder(&recorder);
    let answer = app.post("/v1/jobs").bearer(&key).json(json!({"model": "echo", "input": "a"})).await;
    app.get(&format!("/v1/jobs/{}", answer.id())).bearer(&key).send().await;
    app.post("/v1/jobs").bearer(&key).json(json!({"model": "echo", "inputs": []})).await;
    app.get("/nowhere").send().await;
    let text = app.get("/metrics").bearer(&key).send().await;
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = text.text();
    for line in [
        r#"forebay_http_requests_total{method="POST",route="/v1/jobs",status="202"} 1"#,
        r#"forebay_http_requests_total{method="GET",route="/v1/jobs/{id}",status="200"} 1"#,
        r#"forebay_http_requests_total{method="GET",route="unmatched",status="404"} 1"#,
        r#"forebay_jobs_submitted_total{model="echo",class="interactive"} 1"#,
        r#"forebay_submissions_refused_total{code="empty_input"} 1"#,
        r#"forebay_http_request_seconds_count{route="/v1/jobs"} 2"#,
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("alice"));
}

#[tokio::test]
async fn a_process_without_metrics_says_so() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.get("/metrics").send().await, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "type": "/problems/not_found",
      "title": "There is nothing here",
      "status": 404,
      "detail": "this process collects no metrics",
      "code": "not_found",
      "request_id": "a-request"
    }
    "#);
}

#[test]
fn a_configuration_that_contradicts_itself_names_its_keys() {
    let mut config = crate::app::config();
    assert_eq!(config.check(), Vec::<String>::new());
    config.limits.max_attempts = 11;
    config.limits.max_upload = Size::new(1);
    config.limits.bodies_in_memory = config.limits.max_body;
    config.auth.key_cache = Span::new(Duration::from_secs(61));
    let complaints = config.check().join("; ");
    for key in [
        "limits.max_attempts",
        "limits.max_upload",
        "limits.max_image_bytes",
        "limits.bodies_in_memory",
        "limits.max_body",
        "auth.key_cache",
    ] {
        assert!(complaints.contains(key), "{key} is not named: {complaints}");
    }
}

#[tokio::test]
async fn a_browser_gets_a_page() {
    let app = TestApp::start().await;
    let page = app.get("/").header("accept", "text/html,application/xhtml+xml").send().await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("href=\"/docs\""));
    for line in page.text().lines().filter(|line| line.contains("href=\"")) {
        let path = line.split('"').nth(1).unwrap();
        let answer = app.get(path).send().await;
        assert!(answer.status.is_success() || answer.status.is_redirection(), "{path}: {}", answer.status);
    }
}

#[tokio::test]
async fn the_pages_fetch_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    for path in ["/", "/docs/", "/redoc"] {
        let page = app.get(path).header("accept", "text/html").send().await;
        for remote in ["src=\"http", "src='http", "href=\"http", "url(http", "@import", "cdn.redoc.ly"] {
            assert!(!page.text().contains(remote), "{path} contains {remote}");
        }
    }
    for path in ["/docs/", "/docs/swagger-ui.css", "/docs/swagger-initializer.js", "/redoc", "/openapi.json"]
    {
        let answer = app.get(path).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("http"), "{policy}");
    }
    let initializer = app.get("/docs/swagger-initializer.js").send().await;
    assert!(initializer.text().contains("/openapi.json"));
    assert!(initializer.text().contains("\"validatorUrl\": \"none\""), "{}", initializer.text());
}

#[tokio::test]
async fn a_served_api_stops_when_it_is_asked() {
    let app = TestApp::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = app.parts.tasks.clone();
    let serving = forebay_api::serve(app.config.clone(), app.parts.clone(), vec![listener]);
    let asking = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let body = r#"{"model": "echo", "input": "a"}"#;
        let request = format!(
            "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nPrefer: wait=60\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        app.eventually(async || app.store.calls("submit") == 1).await;
        tasks.stop();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (served, answer) = tokio::join!(serving, asking);
    served.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 Accepted"), "{answer}");
}

/// Small bodies fit into what the kernel holds; this one does not.
#[tokio::test]
async fn who_is_refused_while_still_sending_hears_why() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let app = TestApp::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = app.parts.tasks.clone();
    let serving = forebay_api::serve(app.config.clone(), app.parts.clone(), vec![listener]);
    let asking = async {
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let size = app.config.limits.max_body.as_usize() + (8 << 20);
        let head = format!(
            "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..size / (16 << 10) {
            connection.write_all(&[b'a'; 16 << 10]).await.expect("all of it is taken");
        }
        // The connection serves on.
        connection.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answers = String::new();
        connection.read_to_string(&mut answers).await.unwrap();
        tasks.stop();
        answers
    };
    let (served, answers) = tokio::join!(serving, asking);
    served.unwrap();
    assert!(answers.starts_with("HTTP/1.1 413"), "{answers}");
    assert!(answers.contains("body_too_large") && answers.contains("HTTP/1.1 200 OK"), "{answers}");
}
