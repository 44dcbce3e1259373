//! Webhook endpoints over HTTP.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use forebay_shared::clock::Clock;
use forebay_shared::job::Webhook;
use forebay_shared::store::{Deliveries, Room, Scope, Store};
use forebay_shared::testing::Receiver;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

async fn create(app: &TestApp, body: Value) -> Answer {
    app.clock.advance(Duration::from_millis(1));
    app.post("/v1/webhooks").json(body).await
}

/// The id of an endpoint at this URL.
async fn made(app: &TestApp, url: &str) -> String {
    let answer = create(app, json!({"url": url})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// A delivery of a job's end to each endpoint, made as the scheduler makes it.
async fn told(app: &TestApp) {
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    app.post(&format!("/v1/jobs/{id}/cancel")).send().await;
    app.store.behind().fan_out(1000, &app.ids).await.unwrap();
}

fn permitted() -> crate::app::Builder {
    TestApp::build().permit("127.0.0.1/32")
}

#[tokio::test]
async fn what_is_not_json_registers_nothing() {
    let app = TestApp::start().await;
    let body = Body::from(r#"{"url":"https://example.org/"}"#);
    let answer = app.post("/v1/webhooks").header("content-type", "text/plain").body(body).send().await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{answer}");
    assert_eq!(app.get("/v1/webhooks").send().await.json()["data"], json!([]));
}

#[tokio::test]
async fn an_endpoint_shows_its_secret_once() {
    let app = TestApp::start().await;
    let answer = create(&app, json!({"url": "https://example.org/hook", "events": ["job.failed"]})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    let made = answer.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(format!("/v1/webhooks/{id}").as_str()));
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!((&made["events"], &made["disabled"]), (&json!(["job.failed"]), &json!(false)));
    let mut read = made.clone();
    read.as_object_mut().unwrap().remove("secret");
    assert_eq!(app.get(&format!("/v1/webhooks/{id}")).send().await.json(), read);
    assert_eq!(app.get("/v1/webhooks").send().await.json(), json!({"object": "list", "data": [read]}));
}

#[tokio::test]
async fn an_endpoint_is_told_of_every_end_unless_it_says_otherwise() {
    let app = TestApp::start().await;
    let made = create(&app, json!({"url": "https://example.org/"})).await.json();
    assert_eq!(made["events"].as_array().unwrap().len(), 8);
    let twice = json!({"url": "https://example.org/", "events": ["job.queued", "job.queued"]});
    assert_eq!(create(&app, twice).await.json()["events"], json!(["job.queued"]));
}

#[tokio::test]
async fn what_makes_no_endpoint_is_refused_by_field() {
    let app = TestApp::start().await;
    for (body, code, field) in [
        (json!({}), "missing_field", "url"),
        (json!({"url": "nowhere"}), "url_unsupported", "url"),
        (json!({"url": "https://user:word@example.org/"}), "url_unsupported", "url"),
        (json!({"url": "http://10.0.0.1/"}), "url_refused", "url"),
        (json!({"url": "http://[::1]/"}), "url_refused", "url"),
        (json!({"url": format!("https://example.org/{}", "x".repeat(2048))}), "invalid_field", "url"),
        (json!({"url": "https://example.org/", "events": []}), "invalid_field", "events"),
        (json!({"url": "https://example.org/", "events": ["job.progress"]}), "invalid_field", "events[0]"),
        (json!({"url": "https://example.org/", "events": ["webhook.test"]}), "invalid_field", "events[0]"),
        (json!({"url": "https://example.org/", "colour": 1}), "unknown_field", "colour"),
    ] {
        let problem = create(&app, body.clone()).await.json();
        assert_eq!((&problem["code"], &problem["field"]), (&json!(code), &json!(field)), "{body}");
    }
    assert_eq!(app.store.calls("create_webhook"), 0);
}

#[tokio::test]
async fn there_is_a_limit_to_endpoints() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        made(&app, "https://example.org/").await;
    }
    insta::assert_snapshot!(create(&app, json!({"url": "https://example.org/"})).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "type": "/problems/too_many_webhooks",
      "title": "There are too many webhooks",
      "status": 409,
      "detail": "there are 3 webhooks already, which is the limit; delete one first",
      "code": "too_many_webhooks",
      "limit": 3,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn an_operator_may_ask_for_tls() {
    let app = TestApp::build().webhooks(|config| config.https_only = true).start().await;
    let problem = create(&app, json!({"url": "http://example.org/"})).await.json();
    assert_eq!(problem["detail"], "the URL must begin with https://");
    let job = json!({"model": "echo", "input": "a", "webhook": {"url": "http://example.org/"}});
    assert_eq!(app.post("/v1/jobs").json(job).await.json()["field"], "webhook.url");
    made(&app, "https://example.org/").await;
}

#[tokio::test]
async fn an_endpoint_is_changed_disabled_and_deleted() {
    let app = TestApp::start().await;
    let path = format!("/v1/webhooks/{}", made(&app, "https://example.org/").await);
    let change = async |body: Value| app.call("PATCH", &path).json(body).await;
    let changed = change(json!({"url": "https://example.com/", "events": ["batch.failed"]})).await.json();
    assert_eq!(
        (&changed["url"], &changed["events"]),
        (&json!("https://example.com/"), &json!(["batch.failed"]))
    );
    let off = change(json!({"disabled": true})).await.json();
    assert_eq!((&off["disabled"], &off["disabled_reason"]), (&json!(true), &json!("owner")));
    let refused = app.post(&format!("{path}/replay")).json(json!({"since": "2026-01-01T00:00:00Z"})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (StatusCode::CONFLICT, &json!("webhook_disabled")));
    let on = change(json!({"disabled": false})).await.json();
    assert_eq!((&on["disabled"], &on["disabled_at"]), (&json!(false), &Value::Null));
    assert_eq!(change(json!({"url": "http://127.0.0.1/"})).await.json()["code"], "url_refused");
    assert_eq!(app.delete(&path).send().await.status, StatusCode::NO_CONTENT);
    for answer in [app.get(&path).send().await, app.delete(&path).send().await, change(json!({})).await] {
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::NOT_FOUND, &json!("webhook_not_found"))
        );
    }
}

#[tokio::test]
async fn a_secret_is_rotated() {
    let app = TestApp::start().await;
    let first = create(&app, json!({"url": "https://example.org/"})).await.json();
    let rotate = format!("/v1/webhooks/{}/rotate", first["id"].as_str().unwrap());
    let second = app.post(&rotate).send().await.json();
    assert!(second["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_ne!(first["secret"], second["secret"]);
}

#[tokio::test]
async fn the_default_secret_is_made_once_and_rotated() {
    let app = TestApp::start().await;
    let read = async || app.get("/v1/webhooks/secret").send().await.json()["secret"].clone();
    let first = read().await;
    assert!(first.as_str().unwrap().starts_with("whsec_"));
    assert_eq!(read().await, first);
    let rotated = app.post("/v1/webhooks/secret/rotate").send().await.json()["secret"].clone();
    assert_ne!(rotated, first);
    assert_eq!(read().await, rotated);
    let keys = app.get("/v1/webhooks/keys").send().await.json();
    assert!(keys["data"][0]["key"].as_str().unwrap().starts_with("whpk_"), "{keys}");
    assert_eq!(app.get("/v1/webhooks/keys").send().await.json(), keys);
}

#[tokio::test]
async fn the_test_button_tells_what_the_receiver_answered() {
    let app = permitted().start().await;
    let mut receiver = Receiver::always(418).await;
    let id = made(&app, &receiver.url).await;
    let answer = app.post(&format!("/v1/webhooks/{id}/test")).send().await.json();
    assert_eq!(
        (&answer["delivered"], &answer["status"], &answer["answer"]),
        (&json!(false), &json!(418), &json!("heard"))
    );
    let got = receiver.next().await;
    assert_eq!(
        (got.id(), &got.json()["type"]),
        (answer["delivery"].as_str().unwrap(), &json!("webhook.test"))
    );
    assert!(got.headers["webhook-signature"].starts_with("v1,"));
    let listed = app.get(&format!("/v1/webhooks/{id}/deliveries")).send().await.json();
    let delivery = &listed["data"][0];
    assert_eq!(
        (&delivery["id"], &delivery["type"], &delivery["state"]),
        (&answer["delivery"], &json!("webhook.test"), &json!("failed"))
    );
    assert_eq!(delivery["attempts"][0]["status"], 418);
}

#[tokio::test]
async fn the_test_button_goes_by_the_same_rule() {
    let app = permitted().start().await;
    let mut receiver = Receiver::always(200).await;
    let id = made(&app, &receiver.url).await;
    let mut closed = app;
    closed.parts.guard = forebay_shared::fetch::Guard::new(&[]);
    let refused = closed.restarted().post(&format!("/v1/webhooks/{id}/test")).send().await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("url_refused"))
    );
    assert!(receiver.rest().is_empty());
}

#[tokio::test]
async fn deliveries_are_listed_in_pages_and_replayed() {
    let app = TestApp::start().await;
    let path = format!("/v1/webhooks/{}", made(&app, "https://example.org/").await);
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(1));
        told(&app).await;
    }
    let list = async |query: &str| app.get(&format!("{path}/deliveries{query}")).send().await;
    let first = list("?limit=2").await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = list(&format!("?limit=2&cursor={cursor}")).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
    let waiting = &rest["data"][0];
    assert_eq!((&waiting["state"], &waiting["type"]), (&json!("pending"), &json!("job.cancelled")));
    assert!(waiting["next_at"].is_string() && waiting["attempts"] == json!([]), "{waiting}");
    assert_eq!(list("?state=failed").await.json()["data"], json!([]));
    for (query, code) in [
        ("?state=lost", "invalid_query"),
        ("?limit=101", "invalid_query"),
        ("?colour=red", "invalid_query"),
        ("?cursor=x", "invalid_cursor"),
    ] {
        assert_eq!(list(query).await.json()["code"], code, "{query}");
    }
    // Disabling skips them, and what was skipped can be replayed.
    app.call("PATCH", &path).json(json!({"disabled": true})).await;
    assert_eq!(list("?state=skipped").await.json()["data"].as_array().unwrap().len(), 3);
    app.call("PATCH", &path).json(json!({"disabled": false})).await;
    let one = waiting["id"].as_str().unwrap();
    let replayed = app.post(&format!("{path}/deliveries/{one}/replay")).send().await;
    assert_eq!((replayed.status, &replayed.json()["replayed"]), (StatusCode::ACCEPTED, &json!(1)));
    let replay = async |body: Value| app.post(&format!("{path}/replay")).json(body).await;
    app.clock.advance(Duration::from_secs(1));
    let since = first["data"][1]["created_at"].clone();
    let until = first["data"][0]["created_at"].clone();
    assert_eq!(replay(json!({"since": since, "until": until})).await.json()["replayed"], 1);
    assert_eq!(replay(json!({"since": since})).await.json(), json!({"replayed": 1, "has_more": false}));
    assert_eq!(replay(json!({"since": until, "until": since})).await.json()["field"], "until");
    let unknown = format!("{path}/deliveries/msg_{}/replay", "0".repeat(32));
    assert_eq!(app.post(&unknown).send().await.json()["code"], "delivery_not_found");
    let malformed = format!("{path}/deliveries/1/replay");
    assert_eq!(app.post(&malformed).send().await.json()["code"], "invalid_id");
}

#[tokio::test]
async fn another_owners_webhooks_are_not_found() {
    let app = TestApp::build().keys().start().await;
    let (_, alice) = app.key("alice", &[Scope::Read, Scope::Write]).await;
    let (_, bob) = app.key("bob", &[Scope::Read, Scope::Write]).await;
    let made = app.post("/v1/webhooks").bearer(&alice).json(json!({"url": "https://example.org/"})).await;
    let path = format!("/v1/webhooks/{}", made.json()["id"].as_str().unwrap());
    let delivery = format!("deliveries/msg_{}/replay", "0".repeat(32));
    for (method, below) in [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate"),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("POST", "/replay"),
        ("POST", &format!("/{delivery}")),
    ] {
        let body = json!({"since": "2026-01-01T00:00:00Z"});
        let body = if method == "PATCH" { json!({}) } else { body };
        let answer = app.call(method, &format!("{path}{below}")).bearer(&bob).json(body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {below}: {answer}");
    }
    assert_eq!(app.get("/v1/webhooks").bearer(&bob).send().await.json()["data"], json!([]));
    let secret =
        async |key: &str| app.get("/v1/webhooks/secret").bearer(key).send().await.json()["secret"].clone();
    assert_ne!(secret(&alice).await, secret(&bob).await);
    let (_, reader) = app.key("alice", &[Scope::Read]).await;
    assert_eq!(app.get("/v1/webhooks/secret").bearer(&reader).send().await.status, StatusCode::FORBIDDEN);
    assert_eq!(app.get(&path).bearer(&reader).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_jobs_own_webhook_is_kept_and_told() {
    let app = permitted().start().await;
    let webhook = json!({"url": "http://127.0.0.1:9/hook", "events": ["job.queued", "job.cancelled"]});
    let id = app.submit(json!({"model": "echo", "input": "a", "webhook": webhook})).await;
    let events = vec!["job.queued".to_owned(), "job.cancelled".to_owned()];
    assert_eq!(
        app.row(id).await.webhook,
        Some(Webhook { url: "http://127.0.0.1:9/hook".to_owned(), events })
    );
    app.store.behind().fan_out(1000, &app.ids).await.unwrap();
    let room = Room { here: 10, per_owner: 10, per_receiver: 10 };
    let told = app.store.claim_deliveries(room, Duration::from_secs(1)).await.unwrap();
    assert_eq!((told.len(), told[0].event.at), (1, app.store.now().min(app.clock.now())));
}

#[tokio::test]
async fn a_webhook_is_part_of_what_an_idempotency_key_stands_for() {
    let app = TestApp::start().await;
    let submit = |url: &str| {
        let body = json!({"model": "echo", "input": "a", "webhook": {"url": url}});
        app.post("/v1/jobs").header("idempotency-key", "k").json(body)
    };
    assert_eq!(submit("https://example.org/").await.status, StatusCode::ACCEPTED);
    assert_eq!(submit("https://example.org/").await.status, StatusCode::ACCEPTED);
    assert_eq!(submit("https://example.com/").await.status, StatusCode::CONFLICT);
}
