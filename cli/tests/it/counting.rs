//! What a thousand jobs cost, counted where it is spent: statements by Postgres, messages and requests on the wire.
//!
//! Nothing here is timed. The bounds are what `docs/architecture.md` states.

mod meters;

use futures::stream::{self, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::columns::fleet;
use super::house::{House, Plan};
use meters::{Counted, Meters};

/// Jobs of each run.
const JOBS: usize = 1000;

/// What a thousand jobs may cost.
struct Bounds {
    statements: u64,
    /// Handed to the broker: the jobs, word to those who wait, and word of room.
    messages: u64,
    requests: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_jobs_of_64_items_cost_little() {
    let body = json!({"model": "echo", "inputs": (0..64).map(|n| format!("text {n}")).collect::<Vec<_>>()});
    let counted = cost_of(16, body).await;
    counted.stay_under(&Bounds { statements: 3900, messages: 3500, requests: 1000 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_single_jobs_from_64_clients_cost_little() {
    let counted = cost_of(64, json!({"model": "echo", "input": "text"})).await;
    counted.stay_under(&Bounds { statements: 1000, messages: 2500, requests: 400 });
}

/// Runs a thousand jobs from so many clients, each of which waits for its job before it submits the next.
async fn cost_of(clients: usize, body: Value) -> Counted {
    let meters = Meters::new().await;
    let plan = Plan::echo()
        .with("FOREBAY_QUEUE__URL", meters.broker_url())
        .with("FOREBAY_BLOBS__ENDPOINT", meters.store_url());
    let house = fleet(plan).await;
    // Whatever is done once is done now.
    run(&house, &body).await;
    let before = meters.read(&house).await;
    stream::iter(0..JOBS).for_each_concurrent(clients, |_| run(&house, &body)).await;
    let counted = meters.read(&house).await.since(&before);
    println!("{JOBS} jobs from {clients} clients: {counted:#?}");
    house.stop();
    counted
}

async fn run(house: &House, body: &Value) {
    let request = house.request(Method::POST, "/v1/jobs").header("prefer", "wait=60").json(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let job: Value = answer.json().await.unwrap();
    assert_eq!(job["status"], "succeeded");
}

impl Counted {
    fn stay_under(&self, bounds: &Bounds) {
        let statements: u64 = self.statements.values().sum();
        assert!(statements <= bounds.statements, "{statements} statements: {:#?}", self.statements);
        assert!(self.published() <= bounds.messages, "{} messages: {:#?}", self.published(), self.frames);
        assert!(self.requests <= bounds.requests, "{} requests", self.requests);
    }
}
