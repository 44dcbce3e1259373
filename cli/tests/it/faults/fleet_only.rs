//! What can only happen to a fleet.

use std::process::Command;
use std::time::Duration;

use forebay_shared::testing::{Services, told};
use reqwest::StatusCode;
use serde_json::json;

use super::super::columns::fleet;
use super::super::house::{House, Plan};
use super::super::proxy::Wire;
use super::{assert_all_answered, submit_many};

/// Does something to one of the private servers, through the command that started it.
fn service(action: &[&str]) {
    let status = Command::new(told("FOREBAY_TEST_XTASK"))
        .arg("service")
        .args(action)
        .args(["--folder", &told("FOREBAY_TEST_SERVICES")])
        .status()
        .unwrap();
    assert!(status.success(), "{action:?}");
}

/// Submits until told to stop; answers with what was accepted, by text, and how often it was told to come again later.
async fn submit_meanwhile(house: &House, mut until: impl FnMut() -> bool) -> (Vec<(String, String)>, usize) {
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for n in 0.. {
        if until() {
            break;
        }
        let text = format!("text {n}");
        let body = json!({"model": "echo", "input": text, "params": {"delay_ms": 5}});
        match house.post("/v1/jobs", &body).await {
            (StatusCode::ACCEPTED, job) => accepted.push((job["id"].as_str().unwrap().to_owned(), text)),
            (StatusCode::SERVICE_UNAVAILABLE, problem) => {
                assert!(problem["code"].is_string(), "{problem}");
                refused += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (status, body) => panic!("neither accepted nor honestly refused: {status} {body}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (accepted, refused)
}

async fn assert_answered(house: &House, accepted: &[(String, String)]) {
    for (id, text) in accepted {
        let job = house.ended(id).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        assert_eq!(job["result"]["items"][0]["output"]["echo"], json!(text), "{job}");
    }
}

/// True from the moment that `work`, done on another thread, is over and `after` has passed.
fn over(work: impl FnOnce() + Send + 'static, after: Duration) -> impl FnMut() -> bool {
    let working = std::thread::spawn(work);
    let mut ended = None;
    move || {
        if ended.is_none() && working.is_finished() {
            ended = Some(std::time::Instant::now());
        }
        ended.is_some_and(|at| at.elapsed() > after)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_worker_cannot_settle() {
    let mut house = fleet(Plan::echo().hasty()).await;
    let id = house.submit_echo("text 0", 2000).await;
    house.until_count("running", 1).await;
    house.workers[0].signal("STOP");
    house.start_worker().await;
    let job = house.ended(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("succeeded"), &json!(2)));
    house.workers[0].signal("CONT");
    house.workers[0].says("the lease has lapsed");
    house.workers[0].says("worker registered");
    // Its own result comes now, too late.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(house.get(&format!("/v1/jobs/{id}")).await.1, job, "the other worker's result stands");
    let (_, attempts) = house.get(&format!("/v1/jobs/{id}/attempts")).await;
    assert_eq!(attempts["data"][0]["error"]["code"], "lease_lost", "{attempts}");
    let another = house.submit_echo("text 1", 0).await;
    assert_eq!(house.ended(&another).await["status"], "succeeded");
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_one_queue_and_stopping_one_repeats_nothing() {
    let plan = Plan::echo().hasty().with("FOREBAY_WORKER__HOLD", "2").with("FOREBAY_WORKER__PREFETCH", "2");
    let mut house = fleet(plan).await;
    house.start_worker().await;
    let ids = submit_many(&house, 400, 100).await;
    house.until_count("succeeded", 30).await;
    house.workers.remove(0).stop();
    for job in assert_all_answered(&house, &ids).await {
        assert_eq!(job["attempt"], 1, "{job}");
    }
    let writers = writers(&house).await;
    assert_eq!(writers.len(), 2, "both wrote results: {writers:?}");
    house.stop();
}

/// The workers that wrote segments.
async fn writers(house: &House) -> Vec<String> {
    let blobs = forebay_shared::blobs::Blobs::open(&house.blobs, house.folder.path()).unwrap();
    blobs.folders("segments").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_restarts_under_load() {
    let house = fleet(Plan::echo().hasty()).await;
    let restarted = over(|| service(&["restart", "rabbitmq"]), Duration::from_secs(1));
    let (accepted, refused) = submit_meanwhile(&house, restarted).await;
    assert_eq!(refused, 0, "a submission needs the database, not the broker");
    assert!(accepted.len() > 50, "{} were accepted", accepted.len());
    assert_answered(&house, &accepted).await;
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_forgets_everything_under_load() {
    let house = fleet(Plan::echo().hasty()).await;
    let emptied = over(|| service(&["restart", "rabbitmq", "--wipe"]), Duration::from_secs(1));
    let (accepted, refused) = submit_meanwhile(&house, emptied).await;
    assert_eq!(refused, 0, "a submission needs the database, not the broker");
    assert_answered(&house, &accepted).await;
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_are_deleted_under_load() {
    // The worker holds little, so that the queue holds the rest of the window.
    let plan = Plan::echo().hasty().with("FOREBAY_WORKER__HOLD", "2").with("FOREBAY_WORKER__PREFETCH", "2");
    let house = fleet(plan).await;
    let prefix = house.environment.iter().find(|(key, _)| key == "FOREBAY_QUEUE__PREFIX").unwrap().1.clone();
    let queue = format!("{prefix}.jobs.interactive.echo");
    let deleting = async {
        let mut lost = 0;
        for deletion in 1..=3 {
            house.until_count("succeeded", deletion * 20).await;
            lost += delete_queue(&queue).await;
        }
        lost
    };
    let (ids, lost) = tokio::join!(submit_many(&house, 500, 30), deleting);
    assert!(lost > 0, "the queues held messages");
    assert_all_answered(&house, &ids).await;
    house.stop();
}

/// Deletes a queue that may be in use; answers with how many messages went with it.
async fn delete_queue(name: &str) -> u32 {
    let url = Services::running().rabbitmq;
    let link = forebay_shared::amqp::Link::new(forebay_shared::config::Secret::new(url), "test");
    let channel = link.channel().await.unwrap();
    channel.queue_delete(name.into(), lapin::options::QueueDeleteOptions::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarts_under_load() {
    let house = fleet(Plan::echo().hasty()).await;
    let restarted = over(|| service(&["restart", "postgres"]), Duration::from_secs(2));
    let (accepted, refused) = submit_meanwhile(&house, restarted).await;
    assert!(accepted.len() > 50, "{} were accepted, {refused} refused", accepted.len());
    assert_answered(&house, &accepted).await;
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_killed_under_load() {
    let house = fleet(Plan::echo().hasty()).await;
    let killed = || {
        service(&["kill", "postgres"]);
        service(&["start", "postgres"]);
    };
    let (accepted, _) = submit_meanwhile(&house, over(killed, Duration::from_secs(2))).await;
    assert_answered(&house, &accepted).await;
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_object_store_is_away_for_ten_seconds() {
    let services = Services::running();
    let target = services.s3.trim_start_matches("http://").to_owned();
    let wire = Wire::to(target).await;
    let plan = Plan::echo()
        .hasty()
        .with("FOREBAY_BLOBS__ENDPOINT", format!("http://{}", wire.address))
        .with("FOREBAY_BLOBS__TIMEOUT", "2s");
    let house = fleet(plan).await;
    wire.cut();
    let cut_at = std::time::Instant::now();
    let away = move || cut_at.elapsed() > Duration::from_secs(10);
    let (accepted, refused) = submit_meanwhile(&house, away).await;
    assert_eq!(refused, 0, "small inputs stand in the database");
    // An input that needs the object store is honestly refused.
    let large: Vec<String> = (0..40).map(|n| format!("{n} {}", "x".repeat(1000))).collect();
    let (status, problem) = house.post("/v1/jobs", &json!({"model": "echo", "inputs": large})).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
    wire.mend();
    assert!(wire.was_used());
    assert_answered(&house, &accepted).await;
    let id = house.submit(&json!({"model": "echo", "inputs": large})).await;
    assert_eq!(house.ended(&id).await["items"]["succeeded"], 40);
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scheduler_and_the_api_are_killed_under_load() {
    let mut house = fleet(Plan::echo().hasty()).await;
    let ids = submit_many(&house, 200, 20).await;
    for process in house.processes.drain(..) {
        process.kill();
    }
    house.start(&["scheduler"]);
    let greeting = house.start(&["api", "--listen", "127.0.0.1:0"]).says("listening on");
    house.listen_to(&greeting).await;
    assert_all_answered(&house, &ids).await;
    house.stop();
}
