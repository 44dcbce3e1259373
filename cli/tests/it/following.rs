//! Clients that follow what happens, on both columns.

use std::collections::BTreeMap;

use futures::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::columns::on_both;
use super::house::{House, Plan};
use super::sse::{Heard, Stream};

on_both! {
    Plan::echo().hasty().with("FOREBAY_API__KEEP_ALIVE", "200ms") => [
        a_job_is_followed_to_its_end,
        progress_is_told_while_a_job_runs,
        a_stream_is_resumed_after_the_api_was_killed,
        an_owners_stream_is_resumed_after_the_api_was_killed,
        two_thousand_jobs_are_told_once_each_in_their_order,
    ];
}

fn versions(heard: &[Heard]) -> Vec<i64> {
    heard.iter().filter_map(|heard| heard.id.as_deref()?.parse().ok()).collect()
}

fn follow(house: &House, id: &str) -> reqwest::RequestBuilder {
    house.request(Method::GET, &format!("/v1/jobs/{id}/events"))
}

async fn a_job_is_followed_to_its_end(house: House) {
    let id = house.submit_echo("hello", 1500).await;
    // A job that runs already begins with that; what was before is asked for.
    let mut stream = Stream::open(follow(&house, &id).header("last-event-id", "0")).await;
    let mut all = Vec::new();
    while let Some(heard) = stream.next().await {
        all.push(heard);
    }
    assert!(
        all.iter().any(|heard| heard.comment.as_deref() == Some("quiet")),
        "it says that it lives: {all:?}"
    );
    all.retain(|heard| !heard.event.is_empty());
    let statuses: Vec<_> = all.iter().map(|heard| heard.data["status"].as_str().unwrap()).collect();
    assert_eq!((statuses, versions(&all)), (vec!["queued", "running", "succeeded"], vec![1, 2, 3]));
    assert_eq!(all[2].data, house.ended(&id).await, "the last is the job as it is read");
    let over = follow(&house, &id).header("last-event-id", "3").send().await.unwrap();
    assert_eq!(over.status(), StatusCode::NO_CONTENT);
    house.stop();
}

async fn progress_is_told_while_a_job_runs(house: House) {
    // 256 items fill a batch of echo: four runs of 1.2 seconds each.
    let texts: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let body = json!({"model": "echo", "inputs": texts, "params": {"delay_ms": 1200}});
    let id = house.submit(&body).await;
    house.until_count("running", 1).await;
    let heard = Stream::open(follow(&house, &id)).await.rest().await;
    let done: Vec<u64> = heard
        .iter()
        .filter(|heard| heard.event == "job.progress")
        .map(|heard| {
            assert_eq!((&heard.id, &heard.data["total"]), (&None, &json!(1000)));
            heard.data["done"].as_u64().unwrap()
        })
        .collect();
    assert!(
        done.len() >= 2 && done.is_sorted() && done.iter().all(|done| (1..1000).contains(done)),
        "{done:?}"
    );
    house.stop();
}

async fn a_stream_is_resumed_after_the_api_was_killed(mut house: House) {
    let id = house.submit_echo("hello", 3000).await;
    let mut stream = Stream::open(follow(&house, &id)).await;
    let mut all = vec![stream.event().await.unwrap()];
    if all[0].event == "job.queued" {
        all.push(stream.event().await.unwrap());
    }
    assert_eq!(all.last().unwrap().event, "job.running");
    house.restart_api().await;
    assert_eq!(stream.event().await, None, "the connection broke");
    house.ended(&id).await;
    let seen = all.last().unwrap().id.clone().unwrap();
    let mut resumed = Stream::open(follow(&house, &id).header("last-event-id", seen)).await;
    all.extend(resumed.rest().await);
    let versions = versions(&all);
    let expected: Vec<i64> = (versions[0]..versions[0] + i64::try_from(versions.len()).unwrap()).collect();
    assert_eq!(versions, expected, "every version once, none skipped");
    assert_eq!(all.last().unwrap().event, "job.succeeded");
    house.stop();
}

async fn an_owners_stream_is_resumed_after_the_api_was_killed(mut house: House) {
    const JOBS: usize = 60;
    let mut stream = Stream::open(house.request(Method::GET, "/v1/events")).await;
    let mut ids = Vec::new();
    for n in 0..JOBS {
        ids.push(house.submit_echo(&format!("text {n}"), 100).await);
    }
    let mut all = Vec::new();
    while all.len() < JOBS {
        all.push(stream.event().await.unwrap());
    }
    house.restart_api().await;
    house.all_ended(&ids).await;
    let seen = all.last().unwrap().id.clone().unwrap();
    let mut resumed =
        Stream::open(house.request(Method::GET, "/v1/events").header("last-event-id", seen)).await;
    let mut ended = ends(&all);
    while ended < JOBS {
        all.push(resumed.event().await.unwrap());
        ended = ends(&all);
    }
    for (job, versions) in by_job(&all) {
        let expected: Vec<i64> = (1..=i64::try_from(versions.len()).unwrap()).collect();
        assert_eq!(versions, expected, "{job}: every version once, none skipped");
    }
    house.stop();
}

fn ends(all: &[Heard]) -> usize {
    all.iter().filter(|heard| heard.event == "job.succeeded").count()
}

/// The versions that were told of each job, as they came.
fn by_job(all: &[Heard]) -> BTreeMap<String, Vec<i64>> {
    let mut by_job: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for heard in all {
        let job = heard.data["job"].as_str().unwrap().to_owned();
        by_job.entry(job).or_default().push(heard.data["version"].as_i64().unwrap());
    }
    by_job
}

async fn two_thousand_jobs_are_told_once_each_in_their_order(house: House) {
    const JOBS: usize = 2000;
    let mut stream = Stream::open(house.request(Method::GET, "/v1/events")).await;
    let submitting = futures::stream::iter(0..JOBS)
        .map(async |n| house.submit_echo(&format!("text {n}"), 0).await)
        .buffer_unordered(32)
        .collect::<Vec<String>>();
    let reading = async {
        let mut all = Vec::new();
        while all.len() < 3 * JOBS {
            all.push(stream.event().await.unwrap());
        }
        all
    };
    let (ids, all) = tokio::join!(submitting, reading);
    let told = by_job(&all);
    assert_eq!(told.len(), JOBS);
    for id in ids {
        assert_eq!(told[&id], [1, 2, 3], "{id}");
    }
    let types = |version: usize, kind: &str| {
        all.iter().filter(|heard| heard.data["version"] == version && heard.event == kind).count()
    };
    assert_eq!(
        (types(1, "job.queued"), types(2, "job.running"), types(3, "job.succeeded")),
        (JOBS, JOBS, JOBS)
    );
    house.stop();
}

#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_one_api_follows_a_job_that_another_accepted() {
    let mut house = super::columns::fleet(Plan::echo().hasty()).await;
    let [_, second] = house.start_another_api().await;
    let mut owners = Stream::open(house.request_at(&second, Method::GET, "/v1/events")).await;
    let id = house.submit_echo("hello", 1500).await;
    house.url = second;
    let heard = Stream::open(follow(&house, &id)).await.rest().await;
    assert_eq!(versions(&heard).last(), Some(&3));
    assert!(heard.iter().any(|heard| heard.event == "job.running"), "{heard:?}");
    assert_eq!(heard.last().unwrap().data["result"]["items"][0]["output"]["echo"], "hello");
    let mut all = Vec::new();
    while ends(&all) == 0 {
        all.push(owners.event().await.unwrap());
    }
    assert_eq!(by_job(&all)[&id], [1, 2, 3]);
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_hear_their_own_jobs_only() {
    let mut house = super::columns::embedded_unstarted(&Plan::echo());
    let create = |owner: &str| {
        let arguments = ["keys", "create", "--owner", owner];
        super::process::Process::run(&arguments, &house.environment, house.folder.path()).trim().to_owned()
    };
    let (alice, bob) = (create("alice"), create("bob"));
    house.start_worker().await;
    let mut hers = Stream::open(house.request(Method::GET, "/v1/events").bearer_auth(&alice)).await;
    let submit = async |key: &str| {
        let request = house.request(Method::POST, "/v1/jobs").bearer_auth(key);
        let job = request.json(&json!({"model": "echo", "input": "x"})).send().await.unwrap();
        job.json::<serde_json::Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let his = submit(&bob).await;
    let own = submit(&alice).await;
    let mut all = Vec::new();
    while ends(&all) == 0 {
        all.push(hers.event().await.unwrap());
    }
    assert!(!by_job(&all).contains_key(&his));
    assert_eq!(by_job(&all)[&own], [1, 2, 3]);
    let path = format!("/v1/jobs/{his}/events");
    let refused = house.request(Method::GET, &path).bearer_auth(&alice).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    house.stop();
}
