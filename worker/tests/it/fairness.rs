//! One owner's hundred thousand items delay another owner's single job by no more than two batches.

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::catalog::Catalog;
use forebay_shared::config::ModelConfig;
use forebay_shared::handover::Filler;
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, NewJob, Status};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Explain as _, Jobs as _};
use serde_json::json;

use super::ground::{Ground, text, with_params};

/// How long a batch keeps the device: longer than the newcomer's way into the lane takes on a machine with other work, since
/// not his way is measured, but who goes before him once he is there.
const BATCH: Duration = Duration::from_secs(2);

fn job(ground: &Ground, owner: &str, class: Class, count: usize) -> NewJob {
    let delay = u64::try_from(BATCH.as_millis()).unwrap();
    let items: Vec<_> = (0..count).map(|_| with_params(text("a"), json!({"delay_ms": delay}))).collect();
    NewJob { owner: owner.into(), class, published: false, ..ground.job("echo", &items) }
}

/// How many batches there were between the one that had ended when the newcomer came, and the newcomer's own, given what
/// `alice` has waiting. By then `ended` of her jobs have ended: the lane, the queue and the device are full of the others.
async fn batches_before_the_newcomer(class: Class, (jobs, items): (usize, usize), ended: usize) -> u64 {
    let mut ground = Ground::new().await;
    let tasks = Tasks::new();
    let catalog = Arc::new(Catalog::new(ground.store.clone(), ModelConfig::default()));
    let filler = Filler::new(ground.store.clone(), catalog, Arc::new(ground.queue.clone()), tasks.clone());
    let running = ground.start().await;
    tasks.spawn("fill", filler.clone().run(Arc::new(ground.events.clone())));
    let many: Vec<_> = (0..jobs).map(|_| job(&ground, "alice", class, items)).collect();
    for some in many.chunks(100) {
        ground.store.submit(some).await.unwrap();
    }
    filler.ask_everywhere();
    // Jobs of one batch are settled in any order, so the batch that has ended is the latest of theirs.
    let told = ground.told_of(ended).await;

    let single = job(&ground, "bob", Class::Interactive, 1);
    ground.store.submit(std::slice::from_ref(&single)).await.unwrap();
    filler.ask_everywhere();
    assert_eq!(ground.ended(&[single.id]).await[0].status, Status::Succeeded);
    let mut before = 0;
    for id in told {
        before = before.max(last_batch(&ground, "alice", id).await);
    }
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
    let batches = batches_before_the_newcomer(Class::Interactive, (100, 1000), 1).await;
    assert!(batches <= 2, "{batches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_of_a_thousand_items_delays_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Bulk, (100, 1000), 1).await;
    assert!(batches <= 2, "{batches}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_single_jobs_delay_nobody_by_more_than_two_batches() {
    let batches = batches_before_the_newcomer(Class::Interactive, (1500, 1), 300).await;
    assert!(batches <= 2, "{batches}");
}
