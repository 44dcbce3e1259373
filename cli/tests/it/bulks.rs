//! Bulks: files of requests through OpenAI's own client, whatever dies on the way.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::clients::{KEY, run, run_for};
use super::columns::on_both;
use super::house::{House, LONG, Plan};
use super::sse::Stream;

on_both! {
    keyed(Plan::models()).hasty().with("FOREBAY_BULK__SLICE", "1s") => [
        a_batch_survives_its_killed_worker_and_scheduler,
    ];
    keyed(Plan::models()) => [tables_and_archives_are_bulks];
    keyed(Plan::echo()).hasty() => [openais_client_meets_every_end_of_a_batch];
}

fn keyed(plan: Plan) -> Plan {
    plan.with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY)
}

async fn a_batch_survives_its_killed_worker_and_scheduler(house: House) {
    let house = survives(house, 3000, 20).await;
    house.stop();
}

/// A batch of so many texts of so many words, whose worker and scheduler are killed once a part of it is done.
async fn survives(mut house: House, lines: u64, words: u32) -> House {
    let (count, words) = (lines.to_string(), words.to_string());
    let told = run("openai_batches.py", &house, &[KEY, "begin", &count, &words]).await;
    let batch = told.lines().last().expect("the batch's id is told").to_owned();
    let done = until_some_are_done(&house, &batch).await;
    house.workers.remove(0).kill();
    #[cfg(feature = "services")]
    if house.is_fleet() {
        let scheduler = house.processes.iter().position(|process| process.is_called("scheduler"));
        house.processes.remove(scheduler.expect("a scheduler runs")).kill();
        house.start(&["scheduler"]);
    }
    assert!(done < lines, "they die on the way");
    house.start_worker().await;
    let patience = LONG.max(Duration::from_millis(20 * lines));
    run_for(patience, "openai_batches.py", &house, &[KEY, "finish", &count, &batch]).await;
    house
}

/// Waits until some lines have an answer; answers how many.
async fn until_some_are_done(house: &House, batch: &str) -> u64 {
    let started = Instant::now();
    loop {
        let (status, batch) = house.get(&format!("/v1/batches/{batch}")).await;
        assert_eq!(status, StatusCode::OK, "{batch}");
        match batch["request_counts"]["completed"].as_u64() {
            Some(done) if done > 0 => return done,
            _ => assert!(started.elapsed() < LONG, "some lines get an answer: {batch}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn tables_and_archives_are_bulks(house: House) {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/samples");
    let (cat, coffee) = (samples.join("cat.jpg"), samples.join("coffee.jpg"));
    let pictures = [cat.to_str().unwrap(), coffee.to_str().unwrap()];
    run("bulk_formats.py", &house, &[KEY, pictures[0], pictures[1]]).await;
    house.stop();
}

async fn openais_client_meets_every_end_of_a_batch(house: House) {
    let mut stream = Stream::open(house.request(Method::GET, "/v1/events")).await;
    run("openai_batch_errors.py", &house, &[KEY]).await;
    let mut told: Vec<(String, Value)> = Vec::new();
    while told.len() < 3 {
        let heard = stream.event().await.expect("the stream goes on");
        told.push((heard.event, heard.data["job"].clone()));
    }
    let told: Vec<_> = told.iter().map(|(event, job)| (event.as_str(), job.is_null())).collect();
    let expected = [("batch.failed", true), ("batch.cancelled", true), ("batch.expired", true)];
    assert_eq!(told, expected, "slices send nothing of their own");
    house.stop();
}

#[cfg(feature = "long")]
mod long {
    use super::*;

    on_both! {
        keyed(Plan::models()).hasty() => [
            fifty_thousand_lines_survive_their_killed_worker_and_scheduler,
        ];
    }

    async fn fifty_thousand_lines_survive_their_killed_worker_and_scheduler(house: House) {
        survives(house, 50_000, 2).await.stop();
    }
}
