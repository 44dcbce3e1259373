//! Listings.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;

use crate::app::TestApp;
use crate::worker::echo;

async fn listed(app: &TestApp, query: &str) -> Vec<String> {
    let answer = app.get(&format!("/v1/jobs{query}")).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let id = |job: &serde_json::Value| job["id"].as_str().unwrap().to_owned();
    answer.json()["data"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn a_listing_runs_from_the_newest_in_pages() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(app.submit(json!({"model": "echo", "input": n.to_string()})).await.to_string());
    }
    ids.reverse();
    assert_eq!(listed(&app, "").await, ids);
    let page = app.get("/v1/jobs?limit=3").send().await.json();
    assert_eq!((&page["object"], page["data"].as_array().unwrap().len()), (&json!("list"), 3));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = app.get(&format!("/v1/jobs?limit=2&cursor={cursor}")).send().await.json();
    assert_eq!(rest["data"][1]["id"], ids[4]);
    assert_eq!(rest["next_cursor"], json!(null), "there is no empty last page");
}

#[tokio::test]
async fn a_listing_shows_jobs_without_their_results() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    worker.finish(id, vec![echo("a")]).await;
    let mut job = app.get(&format!("/v1/jobs/{id}")).send().await.json();
    assert!(job["result"].is_object());
    job["result"] = json!(null);
    assert_eq!(app.get("/v1/jobs").send().await.json()["data"], json!([job]));
}

#[tokio::test]
async fn every_filter_must_hold() {
    let app = TestApp::start().await;
    let one =
        json!({"model": "words", "input": "a", "class": "bulk", "metadata": {"city": "上海", "x y": "1"}});
    let one = app.submit(one).await.to_string();
    app.submit(json!({"model": "echo", "input": "a"})).await;
    let last = app.submit(json!({"model": "echo", "input": "a", "metadata": {"city": "Rome"}})).await;
    app.post(&format!("/v1/jobs/{last}/cancel")).send().await;
    for query in [
        "?model=words",
        "?model=acme%2Fwords%3Av1.5",
        "?class=bulk",
        "?metadata.city=%E4%B8%8A%E6%B5%B7",
        "?metadata%5Bcity%5D=%E4%B8%8A%E6%B5%B7",
        "?metadata.x+y=1&metadata.city=%E4%B8%8A%E6%B5%B7&status=queued",
        "?created_before=2026-06-01T12:00:00.002Z",
    ] {
        assert_eq!(listed(&app, query).await, [one.as_str()], "{query}");
    }
    assert_eq!(listed(&app, "?status=cancelled").await, [last.to_string()]);
    for query in ["?model=nope", "?metadata.city=Paris", "?created_after=2027-01-01T00:00:00Z"] {
        assert!(listed(&app, query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn metadata_are_sought_in_the_last_day_unless_a_window_is_given() {
    let app = TestApp::start().await;
    let old = app.submit(json!({"model": "echo", "input": "a", "metadata": {"a": "1"}})).await.to_string();
    app.clock.advance(Duration::from_hours(48));
    assert!(listed(&app, "?metadata.a=1").await.is_empty());
    assert_eq!(listed(&app, "?metadata.a=1&created_after=2026-05-31T00:00:00Z").await, [old.as_str()]);
    assert_eq!(listed(&app, "?metadata.a=1&created_before=2026-06-02T00:00:00Z").await, [old]);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused_by_name() {
    let app = TestApp::start().await;
    for query in [
        "status=done",
        "class=fast",
        "limit=0",
        "limit=101",
        "limit=many",
        "created_after=yesterday",
        "state=queued",
        "metadata.=1",
        "model=a%00b",
        "metadata.a=1&created_after=2026-01-01T00:00:00Z",
    ] {
        let answer = app.get(&format!("/v1/jobs?{query}")).send().await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::BAD_REQUEST, &json!("invalid_query"))
        );
        let named = answer.json()["field"].as_str().unwrap().to_owned();
        assert!(query.contains(&named), "{query} is refused for `{named}`");
    }
    insta::assert_snapshot!(app.get("/v1/jobs?limit=101").send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_query",
      "title": "A query parameter is not valid",
      "status": 400,
      "detail": "the query parameter `limit` is not valid: it must be a number from 1 to 100",
      "code": "invalid_query",
      "field": "limit",
      "limit": 100,
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(app.get("/v1/jobs?status=done").send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_query",
      "title": "A query parameter is not valid",
      "status": 400,
      "detail": "the query parameter `status` is not valid: `done` is not a status",
      "code": "invalid_query",
      "field": "status",
      "request_id": "a-request"
    }
    "#);
    insta::assert_snapshot!(app.get("/v1/jobs?metadata.a=1&created_after=2026-01-01T00:00:00Z").send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_query",
      "title": "A query parameter is not valid",
      "status": 400,
      "detail": "the query parameter `created_after` is not valid: jobs are sought by metadata within 31 days at most",
      "code": "invalid_query",
      "field": "created_after",
      "limit": 31,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.get("/v1/jobs?cursor=abc").send().await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_cursor",
      "title": "The cursor is not valid",
      "status": 400,
      "detail": "the cursor is none that a listing has answered with",
      "code": "invalid_cursor",
      "field": "cursor",
      "request_id": "a-request"
    }
    "#);
}
