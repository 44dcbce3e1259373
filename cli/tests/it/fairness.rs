//! One owner's hundred thousand items delay another owner's single job by no more than two batches, on both columns.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, Plan};
use super::process::Process;

/// How long a batch keeps the device, in milliseconds: longer than everything around it takes.
const BATCH: u32 = 1000;

on_both! {
    Plan::echo().with("FOREBAY_AUTH__BOOTSTRAP_KEY", "fb_the-key-of-whoever-has-a-hundred-thousand-items") => [
        a_hundred_thousand_items_delay_nobody_by_more_than_two_batches,
    ];
}

async fn a_hundred_thousand_items_delay_nobody_by_more_than_two_batches(mut house: House) {
    let arguments = ["keys", "create", "--owner", "bob"];
    let bob = Process::run(&arguments, &house.environment, house.folder.path()).trim().to_owned();
    let body = |items: usize| {
        let texts: Vec<_> = (0..items).map(|n| n.to_string()).collect();
        json!({"model": "echo", "inputs": texts, "params": {"delay_ms": BATCH}})
    };
    for _ in 0..100 {
        house.submit(&body(1000)).await;
    }
    // The next batch has begun when one more has ended; the lane, the queue and the device are full of the others.
    let ended = succeeded(&house).await.len();
    house.until_count("succeeded", ended + 1).await;
    let latest =
        succeeded(&house).await.into_iter().max_by_key(|job| job["finished_at"].to_string()).unwrap();
    let before = last_batch(&house, &latest).await;

    house.carry(&bob);
    let request = house.request(Method::POST, "/v1/jobs").header("prefer", "wait=60").json(&body(1));
    let his: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(his["status"], "succeeded", "{his}");
    let own = last_batch(&house, &his).await;
    assert!(own - before - 1 <= 2, "his batch is {own}; {before} had ended");
}

async fn succeeded(house: &House) -> Vec<Value> {
    let (_, list) = house.get("/v1/jobs?status=succeeded&limit=100").await;
    list["data"].as_array().unwrap().clone()
}

/// The number of the last batch that the job had items in.
async fn last_batch(house: &House, job: &Value) -> u64 {
    let (status, told) = house.get(&format!("/v1/jobs/{}/explain", job["id"].as_str().unwrap())).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told["attempts"][0]["batches"].as_array().unwrap().last().unwrap()["number"].as_u64().unwrap()
}
