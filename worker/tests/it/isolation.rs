//! After a crash: suspects run apart, then alone, and the guilty one is convicted.

use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Status};
use forebay_shared::queue::{Message, Producer};
use forebay_shared::store::Route;
use serde_json::json;

use super::ground::{Ground, text};

fn route() -> Route {
    Route { model: "echo".into(), class: Class::Interactive }
}

async fn hand_over(ground: &Ground, ids: &[JobId]) {
    let messages: Vec<_> =
        ids.iter().map(|id| Message { job_id: *id, owner: "alice".into(), trace: None }).collect();
    assert!(ground.queue.publish(&route(), &messages).await.is_empty());
}

async fn submitted(ground: &Ground, count: usize, items: usize) -> Vec<JobId> {
    let items: Vec<_> = (0..items).map(|n| text(&n.to_string())).collect();
    let jobs: Vec<_> = (0..count).map(|_| ground.job("echo", &items)).collect();
    let store: &dyn forebay_shared::store::Jobs = ground.store.as_ref();
    store.submit(&jobs).await.unwrap();
    jobs.iter().map(|job| job.id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspects_do_not_share_a_batch_with_the_healthy() {
    let mut ground = Ground::new().await;
    let suspects = submitted(&ground, 10, 1).await;
    ground.crash(Class::Interactive, &suspects, &[]).await;
    let healthy = submitted(&ground, 10, 1).await;
    hand_over(&ground, &[suspects.clone(), healthy.clone()].concat()).await;
    let worker = ground.start().await;
    let all = ground.ended(&[suspects, healthy].concat()).await;
    assert!(all.iter().all(|job| job.status == Status::Succeeded));
    assert!(all.iter().all(|job| job.timings.unwrap().batch_size <= 10), "no batch held both");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_crashed_apart_runs_alone() {
    let mut ground = Ground::new().await;
    let ids = submitted(&ground, 2, 5).await;
    ground.crash(Class::Interactive, &ids, &[]).await;
    ground.crash(Class::Interactive, &ids, &[(ids[0], vec![0, 1, 2, 3, 4])]).await;
    hand_over(&ground, &ids).await;
    let worker = ground.start().await;
    let ended = ground.ended(&ids).await;
    assert_eq!((ended[0].succeeded, ended[0].timings.unwrap().batch_size), (5, 1));
    assert_eq!(ended[0].timings.unwrap().batches, 5);
    assert_eq!((ended[1].succeeded, ended[1].timings.unwrap().batch_size), (5, 5));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guilty_item_fails_and_its_neighbours_lose_nothing() {
    let mut ground = Ground::new().await;
    let ids = submitted(&ground, 2, 3).await;
    ground.crash(Class::Interactive, &ids, &[]).await;
    for _ in 0..6 {
        ground.crash(Class::Interactive, &ids, &[(ids[0], vec![1])]).await;
    }
    hand_over(&ground, &ids).await;
    let worker = ground.start().await;
    let ended = ground.ended(&ids).await;
    assert!(ended.iter().all(|job| job.status == Status::Succeeded));
    let result = ground.result(&ended[0]).await;
    let told: Vec<_> =
        result["items"].as_array().unwrap().iter().map(|item| item["status"].clone()).collect();
    assert_eq!(told, [json!("succeeded"), json!("failed"), json!("succeeded")]);
    assert_eq!(result["items"][1]["error"]["code"], "worker_crashed");
    assert_eq!((ended[1].succeeded, ended[1].failed), (3, 0));
    worker.stop().await;
}
