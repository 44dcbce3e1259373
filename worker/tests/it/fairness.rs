//! One owner's hundred thousand items delay another owner's single job by no more than two batches.

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::catalog::Catalog;
use forebay_shared::handover::Filler;
use forebay_shared::job::{Class, Item, NewJob, Status};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Jobs;
use serde_json::json;

use super::ground::{Ground, text, with_params};

/// How long a batch keeps the device: far longer than everything around it takes.
const BATCH: Duration = Duration::from_millis(300);

fn items(count: usize) -> Vec<Item> {
    let delay = u64::try_from(BATCH.as_millis()).unwrap();
    (0..count).map(|_| with_params(text("a"), json!({"delay_ms": delay}))).collect()
}

fn job(ground: &Ground, owner: &str, class: Class, count: usize) -> NewJob {
    NewJob { owner: owner.into(), class, published: false, ..ground.job("echo", &items(count)) }
}

/// How many batches ran between the newcomer's submission and its own, given what `alice` has waiting.
async fn batches_before_the_newcomer(class: Class, jobs: usize, items: usize) -> u128 {
    let mut ground = Ground::new().await;
    let tasks = Tasks::new();
    let catalog = Arc::new(Catalog::new(ground.store.clone()));
    let filler = Filler::new(ground.store.clone(), catalog, Arc::new(ground.queue.clone()), tasks.clone());
    let running = ground.start().await;
    tasks.spawn("fill", filler.clone().run(Arc::new(ground.events.clone())));
    let many: Vec<_> = (0..jobs).map(|_| job(&ground, "alice", class, items)).collect();
    for some in many.chunks(100) {
        ground.store.submit(some).await.unwrap();
    }
    filler.ask();
    // By now the lane, the broker and the device are full of alice's.
    ground.until(many[0].id, Status::Running).await;
    tokio::time::sleep(3 * BATCH).await;

    let single = job(&ground, "bob", Class::Interactive, 1);
    ground.store.submit(std::slice::from_ref(&single)).await.unwrap();
    filler.ask();
    let ended = ground.ended(&[single.id]).await.remove(0);
    assert_eq!(ended.status, Status::Succeeded);
    let took = ended.finished_at.unwrap().since(ended.created_at);
    running.kill();
    tasks.halt();
    // The rest of the batch that was running, those before it, and its own.
    (took.as_millis() / BATCH.as_millis()).saturating_sub(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_jobs_of_a_thousand_items_delay_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Interactive, 100, 1000).await;
    assert!(batches <= 2, "{batches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_of_a_thousand_items_delays_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Bulk, 100, 1000).await;
    assert!(batches <= 2, "{batches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_single_jobs_delay_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Interactive, 1500, 1).await;
    assert!(batches <= 2, "{batches}");
}
