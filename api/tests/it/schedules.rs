//! Schedules over HTTP: made, changed, run, refused.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::job::Status;
use forebay_shared::queue::Producer;
use forebay_shared::schedule::{Cron, Fired, NewFiring};
use forebay_shared::store::{Jobs, Route, Schedules, Scope, Store};
use serde_json::{Value, json};

use crate::app::{Answer, OWNER, TestApp};
use crate::bodies::{base64, png};

const HOURLY: &str = "0 * * * *";

/// Every hour, two texts for `emotion`.
fn hourly() -> Value {
    json!({
        "name": "hourly",
        "cron": HOURLY,
        "time_zone": "Europe/Berlin",
        "template": {"model": "emotion", "inputs": ["a", {"text": "b", "params": {"top_k": 1}}], "priority": 3},
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = hourly();
    change(&mut body);
    body
}

async fn made(app: &TestApp, body: Value) -> Value {
    let answer = app.post("/v1/schedules").json(body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    answer.json()
}

fn this(schedule: &Value) -> String {
    schedule["urls"]["self"].as_str().unwrap().to_owned()
}

/// The refusal of a schedule, which must leave nothing behind.
async fn refused(body: Value) -> Answer {
    let app = TestApp::start().await;
    let answer = app.post("/v1/schedules").json(body).await;
    assert!(answer.status.is_client_error(), "{answer}");
    assert_eq!(app.store.calls("create_schedule"), 0);
    answer
}

/// Code and field of a refusal.
async fn told(body: Value) -> (String, String) {
    words(&refused(body).await)
}

fn words(answer: &Answer) -> (String, String) {
    let problem = answer.json();
    let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    (word("code"), word("field"))
}

fn pair(code: &str, field: &str) -> (String, String) {
    (code.to_owned(), field.to_owned())
}

#[tokio::test]
async fn a_schedule_is_shown_as_it_was_understood() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/schedules").json(hourly()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    let schedule = answer.json();
    assert_eq!(answer.header("location"), Some(this(&schedule).as_str()));
    assert_eq!(app.get(&this(&schedule)).send().await.json(), schedule);
    assert_eq!(schedule["missed"], "once");
    assert_eq!(schedule["template"]["inputs"], json!([{"text": "a"}, {"text": "b", "params": {"top_k": 1}}]));
    let hours = ["13", "14", "15", "16", "17"].map(|hour| format!("2026-06-01T{hour}:00:00.000000Z"));
    assert_eq!(schedule["next"], json!(hours));
}

#[tokio::test]
async fn the_documented_schedule_is_accepted_and_has_the_documented_fields() {
    let app = TestApp::start().await;
    let document: Value = serde_json::from_str(&forebay_api::openapi_json()).unwrap();
    let schemas = &document["components"]["schemas"];
    let schedule = made(&app, schemas["NewSchedule"]["example"].clone()).await;
    let run = app.post(&format!("{}/run", this(&schedule))).send().await.json();
    let names = |value: &Value| {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    for (answer, name) in [(&schedule, "Schedule"), (&schedule["template"], "Template"), (&run, "Firing")] {
        assert_eq!(names(answer), names(&schemas[name]["properties"]), "{name}");
    }
    let example = &schemas["Schedule"]["example"];
    assert_eq!((&schedule["next"], &schedule["template"]), (&example["next"], &example["template"]));
}

#[tokio::test]
async fn pictures_stand_in_a_template_if_they_are_small() {
    let app = TestApp::start().await;
    let picture = base64(&png(3, 2));
    let body = with(|body| {
        body["template"] = json!({"model": "net", "inputs": [
            {"image": {"base64": picture}},
            {"image": {"url": "https://example.org/cat.png"}},
        ]});
    });
    let schedule = made(&app, body.clone()).await;
    assert_eq!(schedule["template"]["inputs"], body["template"]["inputs"]);
    let large = with(|body| body["template"]["inputs"] = json!(["x".repeat(17 << 10)]));
    let answer = refused(large).await;
    assert_eq!(words(&answer), pair("invalid_field", "template.inputs"));
    assert_eq!(answer.json()["limit"], 16 << 10);
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_field() {
    let cases = [
        (with(|body| body["cron"] = json!("61 * * * *")), "invalid_cron", "cron"),
        (with(|body| body["cron"] = json!("0 0 30 2 *")), "invalid_cron", "cron"),
        (with(|body| body["cron"] = json!("*/5 * * * * *")), "invalid_cron", "cron"),
        (with(|body| body["time_zone"] = json!("Europe/Atlantis")), "invalid_field", "time_zone"),
        (with(|body| body["name"] = json!("")), "invalid_field", "name"),
        (with(|body| body["name"] = json!("a\u{0}b")), "invalid_field", "name"),
        (with(|body| body["name"] = json!("n".repeat(65))), "invalid_field", "name"),
        (with(|body| body["missed"] = json!("twice")), "invalid_field", "missed"),
        (with(|body| body["colour"] = json!("red")), "unknown_field", "colour"),
        (with(|body| body["template"]["colour"] = json!("red")), "unknown_field", "template.colour"),
        (with(|body| body["template"]["model"] = json!("nope")), "unknown_model", "template.model"),
        (with(|body| body["template"]["priority"] = json!(11)), "invalid_field", "template.priority"),
        (with(|body| body["template"]["inputs"] = json!([])), "empty_input", "template.inputs"),
        (
            with(|body| body["template"]["inputs"][1]["params"]["top_k"] = json!(0)),
            "invalid_params",
            "template.inputs[1].params.top_k",
        ),
        (
            with(|body| body["template"]["metadata"] = json!({"schedule": "mine"})),
            "invalid_field",
            "template.metadata.schedule",
        ),
        (with(|body| drop(body.as_object_mut().unwrap().remove("template"))), "missing_field", "template"),
    ];
    for (body, code, field) in cases {
        assert_eq!(told(body.clone()).await, pair(code, field), "{body}");
    }
}

#[tokio::test]
async fn a_bad_expression_is_told_with_what_is_wrong() {
    let answer = refused(with(|body| body["cron"] = json!("0 25 * * *"))).await;
    insta::assert_snapshot!(answer, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_cron",
      "title": "The cron expression is not valid",
      "status": 422,
      "detail": "`0 25 * * *` is no cron expression: the hour `25`: number out of bounds",
      "code": "invalid_cron",
      "field": "cron",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn ticks_that_follow_each_other_too_closely_are_refused_with_the_limit() {
    let answer = refused(with(|body| body["cron"] = json!("0,55 * * * * *"))).await;
    insta::assert_snapshot!(answer, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_cron",
      "title": "The cron expression is not valid",
      "status": 422,
      "detail": "`0,55 * * * * *` ticks every 5s at times, the shortest interval is 10s",
      "code": "invalid_cron",
      "field": "cron",
      "limit": 10,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_name_is_used_once_and_schedules_are_counted() {
    let app = TestApp::start().await;
    made(&app, hourly()).await;
    let again = app.post("/v1/schedules").json(hourly()).await;
    assert_eq!((again.status, words(&again)), (StatusCode::CONFLICT, pair("name_taken", "name")));
    for name in ["two", "three"] {
        made(&app, with(|body| body["name"] = json!(name))).await;
    }
    let fourth = app.post("/v1/schedules").json(with(|body| body["name"] = json!("four"))).await;
    assert_eq!((fourth.status, words(&fourth)), (StatusCode::CONFLICT, pair("too_many_schedules", "")));
    assert_eq!(fourth.json()["limit"], 3);
}

#[tokio::test]
async fn a_change_leaves_the_rest_as_it_is() {
    let app = TestApp::start().await;
    let schedule = made(&app, hourly()).await;
    let change = async |body: Value| {
        let answer = app.call("PATCH", &this(&schedule)).json(body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer}");
        answer.json()
    };
    let changed = change(json!({"name": "other", "missed": "skip"})).await;
    assert_eq!((&changed["name"], &changed["missed"]), (&json!("other"), &json!("skip")));
    assert_eq!((&changed["next"], &changed["template"]), (&schedule["next"], &schedule["template"]));
    let changed = change(json!({"cron": "30 2 * * *", "template": {"model": "echo", "input": "c"}})).await;
    assert_eq!(changed["next"][0], "2026-06-02T00:30:00.000000Z");
    assert_eq!(changed["template"]["inputs"], json!([{"text": "c"}]));
    assert_eq!(changed["name"], "other");
    let refused = app.call("PATCH", &this(&schedule)).json(json!({"time_zone": "Mars"})).await;
    assert_eq!(words(&refused), pair("invalid_field", "time_zone"));
    let refused = app.call("PATCH", &this(&schedule)).json(json!({"template": {"model": "x"}})).await;
    assert_eq!(words(&refused), pair("unknown_model", "template.model"));
}

#[tokio::test]
async fn a_change_of_terms_does_not_bring_back_a_tick() {
    let app = TestApp::start().await;
    let schedule = made(&app, hourly()).await;
    let id = schedule["id"].as_str().unwrap().parse().unwrap();
    let read = app.store.schedule(OWNER, id).await.unwrap().unwrap();
    app.clock.advance(Duration::from_hours(1));
    let tick = read.next_at.unwrap();
    let next = Cron::parse(HOURLY, "UTC").unwrap().next(tick);
    let firing = NewFiring { fire_at: tick, passed_from: None, fired: Fired::Skipped };
    app.store.fire(&read, &[firing], next).await.unwrap().unwrap();
    app.call("PATCH", &this(&schedule)).json(json!({"name": "other"})).await;
    assert_eq!(app.store.schedule(OWNER, id).await.unwrap().unwrap().next_at, next);
}

#[tokio::test]
async fn what_rests_has_no_ticks_until_it_is_resumed() {
    let app = TestApp::start().await;
    let schedule = made(&app, with(|body| body["paused"] = json!(true))).await;
    assert_eq!((&schedule["paused"], &schedule["next"]), (&json!(true), &json!([])));
    app.clock.advance(Duration::from_hours(3));
    let resumed = app.post(&format!("{}/resume", this(&schedule))).send().await.json();
    assert_eq!(resumed["next"][0], "2026-06-01T16:00:00.000000Z", "what passed meanwhile is not missed");
    let due = app.store.schedules_until(app.store.now(), 10).await.unwrap();
    assert!(due.is_empty());
    let paused = app.post(&format!("{}/pause", this(&schedule))).send().await.json();
    assert_eq!((&paused["paused"], &paused["next"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn running_now_makes_a_job_and_stands_in_the_history() {
    let app = TestApp::start().await;
    let schedule = made(&app, with(|body| body["paused"] = json!(true))).await;
    let answer = app.post(&format!("{}/run", this(&schedule))).send().await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer}");
    let firing = answer.json();
    assert_eq!((&firing["manual"], &firing["outcome"]), (&json!(true), &json!("submitted")));
    let job = app.get(answer.header("location").unwrap()).send().await.json();
    assert_eq!((&job["id"], &job["priority"]), (&firing["job"], &json!(3)));
    assert_eq!(job["metadata"], json!({"schedule": schedule["id"]}));
    let listed = app.get(schedule["urls"]["jobs"].as_str().unwrap()).send().await.json();
    assert_eq!(listed["data"][0]["id"], firing["job"]);
    let history = app.get(&format!("{}/firings", this(&schedule))).send().await.json();
    assert_eq!(history, json!({"object": "list", "data": [firing], "next_cursor": null}));
}

#[tokio::test]
async fn a_job_that_is_run_now_is_done() {
    let app = TestApp::start().await;
    let schedule = made(&app, with(|body| body["template"] = json!({"model": "echo", "input": "a"}))).await;
    let firing = app.post(&format!("{}/run", this(&schedule))).send().await.json();
    let id = firing["job"].as_str().unwrap().parse().unwrap();
    app.parts.filler.fill().await.unwrap();
    let job = app.store.job(OWNER, id).await.unwrap().unwrap();
    assert_eq!(job.status, Status::Queued);
    let route = Route { model: job.model, class: job.class };
    assert_eq!(app.queue.depth(&route).await.unwrap(), 1, "it is handed over");
}

#[tokio::test]
async fn a_model_that_is_gone_is_told_in_the_history() {
    let app = TestApp::start().await;
    let schedule = made(&app, hourly()).await;
    let id = schedule["id"].as_str().unwrap().parse().unwrap();
    let mut read = app.store.schedule(OWNER, id).await.unwrap().unwrap();
    read.template.model = "gone".to_owned();
    let unfit = read.template.job(app.ids.job(), id, OWNER, None, app.store.now()).unwrap_err();
    app.store.fire_now(OWNER, id, &Fired::Failed(unfit)).await.unwrap();
    let history = app.get(&format!("{}/firings", this(&schedule))).send().await.json();
    assert_eq!(history["data"][0]["outcome"], "failed");
    let error = json!({"code": "unknown_model", "message": "there is no model `gone`"});
    assert_eq!(history["data"][0]["error"], error);
}

#[tokio::test]
async fn schedules_and_firings_are_listed_in_pages() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        app.clock.advance(Duration::from_millis(1));
        let schedule = made(&app, with(|body| body["name"] = json!(name))).await;
        app.post(&format!("{}/run", this(&schedule))).send().await;
        ids.insert(0, schedule["id"].clone());
    }
    let first = app.get("/v1/schedules?limit=2").send().await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = app.get(&format!("/v1/schedules?limit=2&cursor={cursor}")).send().await.json();
    let listed = first["data"].as_array().unwrap().iter().chain(rest["data"].as_array().unwrap());
    assert_eq!(listed.map(|schedule| schedule["id"].clone()).collect::<Vec<_>>(), ids);
    assert_eq!(rest["next_cursor"], Value::Null);

    let firings = format!("/v1/schedules/{}/firings", ids[0].as_str().unwrap());
    for _ in 0..2 {
        app.post(&firings.replace("firings", "run")).send().await;
    }
    let first = app.get(&format!("{firings}?limit=2")).send().await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = app.get(&format!("{firings}?limit=2&cursor={cursor}")).send().await.json();
    assert_eq!((first["data"].as_array().unwrap().len(), rest["data"].as_array().unwrap().len()), (2, 1));
    for (query, code, field) in [
        ("limit=0", "invalid_query", "limit"),
        ("cursor=zzz", "invalid_cursor", "cursor"),
        ("cursor=_____________________w", "invalid_cursor", "cursor"),
        ("colour=red", "invalid_query", "colour"),
    ] {
        assert_eq!(words(&app.get(&format!("{firings}?{query}")).send().await), pair(code, field), "{query}");
    }
}

#[tokio::test]
async fn another_owners_schedule_is_not_found_anywhere() {
    let app = TestApp::build().keys().start().await;
    let (_, alice) = app.key("alice", &[Scope::Read, Scope::Write]).await;
    let (_, bob) = app.key("bob", &[Scope::Read, Scope::Write]).await;
    let (_, reader) = app.key("alice", &[Scope::Read]).await;
    let schedule = app.post("/v1/schedules").bearer(&alice).json(hourly()).await.json();
    let path = this(&schedule);
    let calls = [
        ("GET", ""),
        ("DELETE", ""),
        ("PATCH", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/run"),
        ("GET", "/firings"),
    ];
    for (method, below) in calls {
        let answer = app.call(method, &format!("{path}{below}")).bearer(&bob).json(json!({})).await;
        assert_eq!(words(&answer).0, "schedule_not_found", "{method} {below}: {answer}");
        if method != "GET" {
            let answer = app.call(method, &format!("{path}{below}")).bearer(&reader).json(json!({})).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {below}: {answer}");
        }
    }
    assert_eq!(app.get("/v1/schedules").bearer(&bob).send().await.json()["data"], json!([]));
    assert_eq!(app.get(&path).bearer(&alice).send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_deleted_schedule_is_gone() {
    let app = TestApp::start().await;
    let schedule = made(&app, hourly()).await;
    let deleted = app.delete(&this(&schedule)).send().await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(words(&app.get(&this(&schedule)).send().await).0, "schedule_not_found");
    assert_eq!(words(&app.delete(&this(&schedule)).send().await).0, "schedule_not_found");
    assert_eq!(words(&app.get("/v1/schedules/nothing").send().await), pair("invalid_id", "id"));
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_as_a_submission_is() {
    let app = TestApp::start().await;
    let code = |answer: Answer| words(&answer).0;
    assert_eq!(code(app.post("/v1/schedules").text("{").await), "malformed_json");
    assert_eq!(code(app.post("/v1/schedules").text("[1]").await), "invalid_field");
    assert_eq!(code(app.post("/v1/schedules").send().await), "unsupported_media_type");
    let large = app.post("/v1/schedules").text(&" ".repeat((1 << 20) + 1)).await;
    assert_eq!(
        (large.status, large.json()["limit"].clone()),
        (StatusCode::PAYLOAD_TOO_LARGE, json!(1 << 20))
    );
}
