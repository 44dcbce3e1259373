//! One owner's hundred thousand items delay another owner's single job by no more than two batches.

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::catalog::Catalog;
use forebay_shared::handover::Filler;
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Item, NewJob, Status};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Explain as _, Jobs as _};
use serde_json::json;

use super::ground::{Ground, text, with_params};

/// How long a batch keeps the device: longer than everything around it takes, so that what has come is there when the next
/// is formed.
const BATCH: Duration = Duration::from_millis(300);

fn items(count: usize) -> Vec<Item> {
    let delay = u64::try_from(BATCH.as_millis()).unwrap();
    (0..count).map(|_| with_params(text("a"), json!({"delay_ms": delay}))).collect()
}

fn job(ground: &Ground, owner: &str, class: Class, count: usize) -> NewJob {
    NewJob { owner: owner.into(), class, published: false, ..ground.job("echo", &items(count)) }
}

/// How many batches there were between the one that had ended when the newcomer came, and the newcomer's own, given what
/// `alice` has waiting. By then `ended` of her jobs have ended: the lane, the queue and the device are full of the others.
async fn batches_before_the_newcomer(class: Class, (jobs, items): (usize, usize), ended: usize) -> u64 {
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
    filler.ask_everywhere();
    let last = ground.last_of(ended).await;

    let single = job(&ground, "bob", Class::Interactive, 1);
    ground.store.submit(std::slice::from_ref(&single)).await.unwrap();
    filler.ask_everywhere();
    assert_eq!(ground.ended(&[single.id]).await[0].status, Status::Succeeded);
    let before = last_batch(&ground, "alice", last).await;
    let own = last_batch(&ground, "bob", single.id).await;
    running.kill();
    tasks.halt();
    own - before - 1
}

/// The number of the last batch that the job had items in.
async fn last_batch(ground: &Ground, owner: &str, id: JobId) -> u64 {
    let account = ground.store.explain(owner, id).await.unwrap().unwrap().account.unwrap();
    account.batches.last().unwrap().number
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_jobs_of_a_thousand_items_delay_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Interactive, (100, 1000), 2).await;
    assert!(batches <= 2, "{batches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_of_a_thousand_items_delays_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Bulk, (100, 1000), 2).await;
    assert!(batches <= 2, "{batches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_single_jobs_delay_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Interactive, (1500, 1), 300).await;
    assert!(batches <= 2, "{batches}");
}
