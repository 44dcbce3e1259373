//! Lines of our own bulks: whatever each asks for and whatever becomes of it, it is told of once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::clients::judging;
use super::columns::on_both;
use super::house::{House, LONG, Plan};

on_both! {
    judging() => [lines_may_each_name_their_endpoint_and_their_model];
    Plan::echo().hasty().with("FOREBAY_BULK__SLICE", "1s") => [
        a_purged_queue_leaves_no_line_without_an_answer,
    ];
}

const MINILM: &str = "all-minilm-l6-v2";

/// Makes a bulk of these lines.
pub async fn begin(house: &House, lines: &[Value], wishes: &Value) -> Value {
    let content: Vec<String> = lines.iter().map(Value::to_string).collect();
    let file = Part::text(content.join("\n")).file_name("lines.jsonl");
    let form = Form::new().text("bulk", wishes.to_string()).part("file", file);
    let answer = house.request(Method::POST, "/v1/bulk").multipart(form).send().await.unwrap();
    let (status, bulk) = (answer.status(), answer.json::<Value>().await.unwrap());
    assert_eq!(status, StatusCode::ACCEPTED, "{bulk}");
    bulk
}

/// The bulk as soon as it stands as it is waited for.
pub async fn until(house: &House, bulk: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/v1/bulk/{}", id(bulk));
    let started = Instant::now();
    loop {
        let (status, bulk) = house.get(&path).await;
        if status == StatusCode::OK && wanted(&bulk) {
            return bulk;
        }
        assert!(started.elapsed() < LONG, "the bulk gets on: {bulk}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The bulk once it has come to its end.
pub async fn ended(house: &House, bulk: &Value) -> Value {
    until(house, bulk, |bulk| !bulk["finished_at"].is_null()).await
}

/// The jobs that a bulk was cut into, as far as the rest of the query wants them.
pub async fn slices(house: &House, bulk: &Value, query: &str) -> Vec<Value> {
    let (status, list) = house.get(&format!("/v1/jobs?bulk={}&limit=100{query}", id(bulk))).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    list["data"].as_array().unwrap().clone()
}

fn id(bulk: &Value) -> &str {
    bulk["id"].as_str().expect("a bulk has an id")
}

/// What each line of a bulk that has ended was answered with, by its number. None is told of twice.
async fn told(house: &House, ended: &Value) -> BTreeMap<u64, Value> {
    let path = ended["results_url"].as_str().unwrap();
    let text = house.request(Method::GET, path).send().await.unwrap().text().await.unwrap();
    let mut told = BTreeMap::new();
    for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let before = told.insert(line["line"].as_u64().expect("a line has a number"), line);
        assert_eq!(before, None, "a line is told of twice");
    }
    told
}

async fn lines_may_each_name_their_endpoint_and_their_model(house: House) {
    let lines: Vec<Value> = (0..40).map(any).collect();
    let ended = ended(&house, &begin(&house, &lines, &json!({"window": "1h"})).await).await;
    assert_eq!(ended["lines"], json!({"total": 40, "completed": 40, "failed": 0}), "{ended}");
    let jobs = slices(&house, &ended, "").await;
    let models: BTreeSet<&str> = jobs.iter().filter_map(|job| job["model"].as_str()).collect();
    assert_eq!(models, BTreeSet::from([MINILM, "emotion"]), "a slice is of one model, and an alias resolved");
    let told = told(&house, &ended).await;
    assert!(told.keys().copied().eq(1..=40));
    for (asked, told) in lines.iter().zip(told.values()) {
        assert_eq!((&told["id"], &told["status"]), (&asked["custom_id"], &json!("succeeded")), "{told}");
        let url = asked["url"].as_str().unwrap();
        let request = house.request(Method::POST, url).header("prefer", "wait=60").json(&asked["body"]);
        let mut alone: Value = request.send().await.unwrap().json().await.unwrap();
        if url == "/v1/jobs" {
            alone = alone["result"].take();
        }
        let (ours, theirs) = (numbers(&told["result"]), numbers(&alone));
        assert!(!ours.is_empty() && ours.len() == theirs.len(), "{told} or {alone}");
        let apart = ours.iter().zip(&theirs).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-4, "{apart} lies between {told} and {alone}");
    }
    house.stop();
}

/// A line of one of four sorts.
fn any(n: usize) -> Value {
    let text = format!("I can't wait for concert {n} tonight!!");
    let (url, body) = match n % 4 {
        0 => ("/v1/embeddings", json!({"model": MINILM, "input": text, "encoding_format": "float"})),
        1 => ("/v1/moderations", json!({"input": text})),
        2 => ("/v1/jobs", json!({"model": "A001", "input": text})),
        _ => ("/v1/jobs", json!({"model": MINILM, "inputs": [text, "The cat sits outside."]})),
    };
    json!({"custom_id": format!("request {n}"), "method": "POST", "url": url, "body": body})
}

/// The numbers that an answer consists of, in its order: of its vectors, or of its labels' scores.
fn numbers(answer: &Value) -> Vec<f64> {
    match answer {
        Value::Number(number) => number.as_f64().into_iter().collect(),
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(named) => named.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}

async fn a_purged_queue_leaves_no_line_without_an_answer(house: House) {
    let lines: Vec<Value> = (0..1000).map(|n| json!({"input": format!("text {n}")})).collect();
    let bulk = begin(&house, &lines, &json!({"model": "echo", "params": {"delay_ms": 200}})).await;
    let started = Instant::now();
    while slices(&house, &bulk, "&status=running").await.is_empty() {
        assert!(started.elapsed() < LONG, "a slice begins");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    purge(&house).await;
    let bulk = ended(&house, &bulk).await;
    let told = told(&house, &bulk).await;
    assert!(told.keys().copied().eq(1..=1000), "every line is told of");
    let (failed, done): (Vec<_>, Vec<_>) = told.values().partition(|line| line["status"] == "failed");
    assert!(!done.is_empty(), "what had begun goes on");
    assert!(failed.iter().all(|line| line["error"]["code"] == "batch_cancelled"), "{:?}", failed[0]);
    let counts = json!({"total": 1000, "completed": done.len(), "failed": failed.len()});
    assert_eq!((&bulk["status"], &bulk["lines"]), (&json!("completed"), &counts), "{bulk}");

    // Purged before any of it began: it is over at once, although the queue stands still.
    order(&house, "pause").await;
    let again = retry(&house, &bulk).await;
    until(&house, &again, |bulk| bulk["status"] == "in_progress").await;
    purge(&house).await;
    let again = ended(&house, &again).await;
    let counts = json!({"total": failed.len(), "completed": 0, "failed": failed.len()});
    assert_eq!((&again["status"], &again["lines"]), (&json!("completed"), &counts), "{again}");
    order(&house, "resume").await;
    let last = ended(&house, &retry(&house, &again).await).await;
    assert_eq!(last["lines"], json!({"total": failed.len(), "completed": failed.len(), "failed": 0}));
    house.stop();
}

/// Empties the queue, in which slices wait.
async fn purge(house: &House) {
    let (status, told) = house.post("/v1/queues/purge/echo", &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert!(told["cancelled"].as_u64() > Some(0) && told["more"] == false, "slices wait: {told}");
}

async fn order(house: &House, what: &str) {
    let (status, told) = house.post(&format!("/v1/queues/{what}/echo"), &json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
}

async fn retry(house: &House, bulk: &Value) -> Value {
    let (status, again) = house.post(&format!("/v1/bulk/{}/retry", id(bulk)), &json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{again}");
    again
}
