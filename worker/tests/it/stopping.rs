//! Stopping in good order, dying, and being taken for dead.

use forebay_shared::job::{Class, Cost, FailureCode, Status};
use forebay_shared::queue::{Message, Producer};
use forebay_shared::store::{Depths, Handover, Jobs, Route, Workers};
use serde_json::json;

use super::ground::{Ground, text, with_params};

fn route() -> Route {
    Route { model: "echo".into(), class: Class::Interactive }
}

/// Hands over what is due, as api and scheduler do.
async fn hand_over(ground: &Ground) {
    let due = ground.store.due(&route(), Cost::new(1_000_000), 10_000).await.unwrap().jobs;
    let messages: Vec<_> =
        due.into_iter().map(|due| Message { job_id: due.id, owner: "alice".into(), trace: None }).collect();
    assert!(ground.queue.publish(&route(), &messages).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_worker_settles_what_runs_and_gives_back_the_rest() {
    let mut ground = Ground::new().await;
    // 256 items fill a batch, so the jobs need four runs.
    let slow = |n: usize| with_params(text(&n.to_string()), json!({"delay_ms": 1500}));
    let jobs: Vec<_> = (0..1000).map(|n| ground.job("echo", &[slow(n)])).collect();
    let ids = ground.submit(&jobs).await;
    let worker = ground.start().await;
    ground.until(ids[0], Status::Succeeded).await;
    worker.stop().await;
    ground.assert_nothing_runs().await;
    let depths = ground.store.depths().await.unwrap();
    let left = depths.iter().map(|depth| depth.queued).sum::<u64>();
    assert!(left > 0 && left < 1000, "{left} of 1000 were given back");

    hand_over(&ground).await;
    let next = ground.start().await;
    let ended = ground.ended(&ids).await;
    assert!(ended.iter().all(|job| job.status == Status::Succeeded && job.attempt == 1), "nothing ran twice");
    for id in &ids {
        assert!(ground.store.attempts("alice", *id).await.unwrap().is_empty(), "a soft stop is no attempt");
    }
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_workers_jobs_run_elsewhere() {
    let mut ground = Ground::new().await;
    let slow = with_params(text("x"), json!({"delay_ms": 2000}));
    let jobs: Vec<_> = (0..10).map(|_| ground.job("echo", std::slice::from_ref(&slow))).collect();
    let ids = ground.submit(&jobs).await;
    let worker = ground.start().await;
    for id in &ids {
        ground.until(*id, Status::Running).await;
    }
    worker.kill();
    ground.store.bury("here").await.unwrap();
    assert_eq!(ground.store.reap().await.unwrap().jobs, 10);
    hand_over(&ground).await;
    let next = ground.start().await;
    let ended = ground.ended(&ids).await;
    assert!(ended.iter().all(|job| job.status == Status::Succeeded && job.attempt == 2));
    let attempts = ground.store.attempts("alice", ids[0]).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.code).collect::<Vec<_>>(), [FailureCode::LeaseLost]);
    next.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_lease_lapsed_begins_another_life() {
    let mut ground = Ground::new().await;
    let slow = with_params(text("x"), json!({"delay_ms": 1000}));
    let ids = ground.submit(&[ground.job("echo", &[slow])]).await;
    let worker = ground.start().await;
    ground.until(ids[0], Status::Running).await;
    let before = ground.store.workers().await.unwrap()[0].id;
    ground.store.bury("here").await.unwrap();
    assert_eq!(ground.store.reap().await.unwrap().workers, [before]);
    hand_over(&ground).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.status, job.attempt), (Status::Succeeded, 2), "the first attempt's result is refused");
    let after = ground.store.workers().await.unwrap();
    assert!(after.len() == 1 && after[0].id != before);
    assert!(job.result.unwrap().segment.contains(&after[0].id.to_string()));
    worker.stop().await;
    ground.assert_nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_the_work() {
    let mut ground = Ground::new().await;
    ground.config.hold = 2;
    ground.config.prefetch = 4;
    let slow = with_params(text("x"), json!({"delay_ms": 50}));
    let jobs: Vec<_> = (0..2000).map(|_| ground.job("echo", std::slice::from_ref(&slow))).collect();
    let ids = ground.submit(&jobs).await;
    let (one, other) = (ground.start().await, ground.start().await);
    let ended = ground.ended(&ids).await;
    let mut writers: Vec<_> = ended
        .iter()
        .map(|job| job.result.as_ref().unwrap().segment.split('/').nth(1).unwrap().to_owned())
        .collect();
    writers.sort();
    writers.dedup();
    assert_eq!(writers.len(), 2, "both wrote results");
    assert!(ended.iter().all(|job| job.attempt == 1));
    one.stop().await;
    other.stop().await;
}
