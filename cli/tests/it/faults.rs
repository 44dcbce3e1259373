//! Processes killed, frozen and stopped; servers restarted, emptied and cut off: nothing accepted is lost.
//!
//! Leases are short here, so that deaths are noticed within a test.

use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, Plan};

#[cfg(feature = "services")]
mod fleet_only;
#[cfg(feature = "rehearsal")]
mod killer;
#[cfg(feature = "long")]
mod long;

on_both! {
    Plan::echo().hasty() => [
        five_hundred_jobs_survive_a_killed_worker,
        healthy_jobs_survive_six_killed_workers,
        a_worker_that_is_stopped_repeats_nothing,
    ];
}

async fn five_hundred_jobs_survive_a_killed_worker(mut house: House) {
    let ids = submit_many(&house, 500, 5).await;
    house.until_count("succeeded", 20).await;
    house.workers.remove(0).kill();
    house.start_worker().await;
    assert_all_answered(&house, &ids).await;
    house.stop();
}

async fn healthy_jobs_survive_six_killed_workers(mut house: House) {
    let ids = submit_many(&house, 40, 400).await;
    for _ in 0..6 {
        house.until_count("running", 1).await;
        house.workers.remove(0).kill();
        house.start_worker().await;
    }
    assert_all_answered(&house, &ids).await;
    house.stop();
}

async fn a_worker_that_is_stopped_repeats_nothing(mut house: House) {
    let ids = submit_many(&house, 300, 30).await;
    house.until_count("succeeded", 10).await;
    house.workers.remove(0).stop();
    house.start_worker().await;
    for job in assert_all_answered(&house, &ids).await {
        assert_eq!(job["attempt"], 1, "{job}");
    }
    house.stop();
}

/// Submits so many jobs of one text each, which tells them apart.
async fn submit_many(house: &House, count: usize, delay_ms: u32) -> Vec<String> {
    use futures::stream::{self, StreamExt};
    stream::iter(0..count)
        .map(|n| async move { house.submit_echo(&format!("text {n}"), delay_ms).await })
        .buffered(16)
        .collect()
        .await
}

/// Every job ends `succeeded` with its own text as its result, exactly once.
async fn assert_all_answered(house: &House, ids: &[String]) -> Vec<Value> {
    let jobs = house.all_ended(ids).await;
    for (n, job) in jobs.iter().enumerate() {
        assert_eq!(job["status"], "succeeded", "{job}");
        let items = json!([{"index": 0, "status": "succeeded", "output": {"echo": format!("text {n}")}}]);
        assert_eq!(job["result"]["items"], items, "{job}");
        assert_eq!(job["items"], json!({"total": 1, "succeeded": 1, "failed": 0}));
    }
    jobs
}
