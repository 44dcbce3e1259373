//! A schedule that ticks every two seconds, in the real program, with schedulers that die.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use forebay_shared::clock::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, LONG, Plan};

/// The time between two ticks.
const EVERY: Duration = Duration::from_secs(2);

on_both! {
    Plan::echo().hasty().with("FOREBAY_LIMITS__SCHEDULE_INTERVAL", "1s") => [
        a_schedule_fires_once_per_tick_though_schedulers_die,
        a_schedule_that_is_run_now_answers_with_its_job,
    ];
}

fn every_other_second() -> Value {
    json!({
        "name": "often",
        "cron": format!("*/{} * * * * *", EVERY.as_secs()),
        "missed": "all",
        "template": {"model": "echo", "input": "tick"},
    })
}

async fn a_schedule_fires_once_per_tick_though_schedulers_die(mut house: House) {
    second_scheduler(&mut house);
    let (status, schedule) = house.post("/v1/schedules", &every_other_second()).await;
    assert_eq!(status, StatusCode::CREATED, "{schedule}");
    let this = schedule["urls"]["self"].as_str().unwrap().to_owned();
    until_firings(&house, &this, 2).await;
    kill_a_scheduler(&mut house).await;
    let seen = firings(&house, &this).await.len();
    let firings = until_firings(&house, &this, seen + 2).await;
    let (status, resting) = house.post(&format!("{this}/pause"), &json!({})).await;
    assert_eq!((status, &resting["paused"]), (StatusCode::OK, &json!(true)));

    let ticks: Vec<Timestamp> = firings.iter().map(|firing| instant(&firing["fire_at"])).collect();
    for pair in ticks.windows(2) {
        assert_eq!(pair[1].since(pair[0]), EVERY, "none is left out, none comes twice: {ticks:?}");
    }
    let jobs: HashSet<String> =
        firings.iter().map(|firing| firing["job"].as_str().expect("a job").to_owned()).collect();
    assert_eq!(jobs.len(), firings.len());
    for id in &jobs {
        let job = house.ended(id).await;
        assert_eq!(job["result"]["items"][0]["output"]["echo"], "tick", "{job}");
    }
    let (_, listed) = house.get(&format!("{}&limit=100", schedule["urls"]["jobs"].as_str().unwrap())).await;
    let listed: HashSet<String> =
        listed["data"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect();
    assert!(jobs.is_subset(&listed), "they are found by their schedule");
    house.stop();
}

async fn a_schedule_that_is_run_now_answers_with_its_job(house: House) {
    let mut body = every_other_second();
    body["paused"] = json!(true);
    let (_, schedule) = house.post("/v1/schedules", &body).await;
    let (status, firing) = house.post(schedule["urls"]["run"].as_str().unwrap(), &json!({})).await;
    assert_eq!((status, &firing["outcome"]), (StatusCode::CREATED, &json!("submitted")), "{firing}");
    let job = house.ended(firing["job"].as_str().unwrap()).await;
    assert_eq!((&job["status"], &job["metadata"]["schedule"]), (&json!("succeeded"), &schedule["id"]));
    house.stop();
}

/// In one process there is one; it dies and comes back, and its ticks are made up for.
#[cfg(not(feature = "services"))]
fn second_scheduler(_house: &mut House) {}

#[cfg(feature = "services")]
fn second_scheduler(house: &mut House) {
    if house.is_fleet() {
        house.start(&["scheduler"]);
    }
}

async fn kill_a_scheduler(house: &mut House) {
    if house.is_fleet() {
        // The first that was started.
        house.processes.remove(0).kill();
    } else {
        house.workers.remove(0).kill();
        house.start_worker().await;
    }
}

/// What became of the schedule's ticks, the earliest first.
async fn firings(house: &House, this: &str) -> Vec<Value> {
    let (_, list) = house.get(&format!("{this}/firings?limit=100")).await;
    let mut firings = list["data"].as_array().cloned().unwrap_or_default();
    firings.reverse();
    firings
}

async fn until_firings(house: &House, this: &str, count: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let firings = firings(house, this).await;
        if firings.len() >= count {
            return firings;
        }
        assert!(started.elapsed() < LONG, "{count} ticks come: {firings:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn instant(at: &Value) -> Timestamp {
    Timestamp::parse(at.as_str().unwrap()).unwrap()
}
