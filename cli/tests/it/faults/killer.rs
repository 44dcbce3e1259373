//! Items that really take their worker down: they are found and convicted, and nobody else loses anything.

use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

use super::super::columns::on_both;
use super::super::house::{House, LONG, Plan};
use crate::columns;

/// Deaths that an item is convicted for: one that sets all apart, one that sets it alone, and five of its own.
const DEATHS: usize = 7;

on_both! {
    Plan::echo().hasty() => [a_killer_is_convicted_beside_thirty_healthy_items];
}

/// What takes a worker of a rehearsal's build down.
fn deadly(stage: &str) -> String {
    format!("the worker dies while it {stage}")
}

/// Submits all of it before any of it can begin.
async fn submitted_together(house: &House, jobs: &[Value]) -> Vec<String> {
    assert_eq!(house.post("/v1/queues/pause/echo", &json!({})).await.0, StatusCode::NO_CONTENT);
    let mut ids = Vec::new();
    for job in jobs {
        ids.push(house.submit(job).await);
    }
    assert_eq!(house.post("/v1/queues/resume/echo", &json!({})).await.0, StatusCode::NO_CONTENT);
    ids
}

/// Starts workers anew as they die, until all jobs have ended. Answers with the jobs, and how often a worker died.
async fn ended_despite_deaths(house: &mut House, ids: &[String]) -> (Vec<Value>, usize) {
    let (mut jobs, mut deaths) = (Vec::new(), 0);
    let all = async {
        while jobs.len() < ids.len() {
            deaths += house.revive();
            let (status, job) = house.get(&format!("/v1/jobs/{}", ids[jobs.len()])).await;
            if status == StatusCode::OK && !matches!(job["status"].as_str(), Some("queued" | "running")) {
                jobs.push(job);
            } else {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
    };
    tokio::time::timeout(LONG * 2, all).await.expect("all jobs end");
    (jobs, deaths)
}

/// The codes of what ended each attempt.
async fn codes(house: &House, id: &str) -> Vec<String> {
    let (status, told) = house.get(&format!("/v1/jobs/{id}/explain")).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let attempts = told["attempts"].as_array().unwrap().iter();
    attempts.map(|attempt| attempt["error"]["code"].as_str().unwrap_or("none").to_owned()).collect()
}

async fn a_killer_is_convicted_beside_thirty_healthy_items(mut house: House) {
    let mut inputs: Vec<String> = (0..15).map(|n| format!("item {n}")).collect();
    inputs.insert(7, deadly("runs"));
    let mut jobs: Vec<_> = (0..15).map(|n| json!({"model": "echo", "input": format!("text {n}")})).collect();
    jobs.push(json!({"model": "echo", "inputs": inputs}));
    jobs.push(json!({"model": "echo", "input": deadly("runs")}));
    let ids = submitted_together(&house, &jobs).await;
    let (ended, deaths) = ended_despite_deaths(&mut house, &ids).await;

    for (n, job) in ended[..15].iter().enumerate() {
        assert_eq!(job["status"], "succeeded", "{job}");
        assert_eq!(job["result"]["items"][0]["output"], json!({"echo": format!("text {n}")}));
    }
    let (shared, alone) = (&ended[15], &ended[16]);
    assert_eq!(shared["items"], json!({"total": 16, "succeeded": 15, "failed": 1}), "{shared}");
    for (index, item) in shared["result"]["items"].as_array().unwrap().iter().enumerate() {
        let told = if index == 7 { &item["error"]["code"] } else { &item["output"]["echo"] };
        assert_eq!(told, if index == 7 { "worker_crashed" } else { &inputs[index] }, "{item}");
    }
    assert_eq!(
        (&alone["status"], &alone["error"]["code"]),
        (&json!("failed"), &json!("worker_crashed")),
        "{alone}"
    );
    let codes = codes(&house, &ids[16]).await;
    assert_eq!(codes.last().map(String::as_str), Some("worker_crashed"), "{codes:?}");
    assert!(codes[..codes.len() - 1].iter().all(|code| code == "lease_lost"), "{codes:?}");
    assert!(codes.len() > DEATHS, "each of its deaths is told: {codes:?}");
    // They share the first two deaths, and may have shared one more if a lease lapsed that nobody killed.
    assert!((DEATHS..=2 * DEATHS).contains(&deaths), "workers died {deaths} times");
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_is_convicted_whatever_the_worker_was_at_when_it_died() {
    let mut house = columns::embedded(Plan::echo().hasty()).await;
    for stage in ["prepares", "finishes", "writes"] {
        let jobs =
            [json!({"model": "echo", "input": deadly(stage)}), json!({"model": "echo", "input": "healthy"})];
        let ids = submitted_together(&house, &jobs).await;
        let (ended, deaths) = ended_despite_deaths(&mut house, &ids).await;
        assert_eq!(ended[0]["error"]["code"], "worker_crashed", "while it {stage}: {}", ended[0]);
        assert_eq!(ended[1]["status"], "succeeded", "while it {stage}: {}", ended[1]);
        assert_eq!(deaths, DEATHS, "while it {stage}");
    }
    house.stop();
}
