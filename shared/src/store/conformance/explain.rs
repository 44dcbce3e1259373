//! What is told of a job's attempts.

use std::time::Duration;

use super::{Ground, away, ended};
use crate::job::{Account, Apart, BatchAccount, CloseReason, Cost, Ending};
use crate::store::Route;

/// One batch of four, two of which were the job's own.
fn account(number: u64) -> Account {
    let batch = BatchAccount {
        number,
        items: 4,
        own: 2,
        cost: 40,
        padding: 10,
        device_ms: 1.5,
        company_ms: 0.5,
        closed: CloseReason::Drained,
        isolation: Apart::None,
        run_ms: Some(12.5),
        split: false,
    };
    Account { batches: vec![batch], count: 1 }
}

pub async fn every_attempts_batches_are_kept(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let mut failed = ended(&claimed, Ending::Retry(away(), Duration::ZERO));
    failed.account = account(1);
    assert!(ground.settle(worker, failed, None).await);
    let route = Route { model: "echo".into(), class: claimed.class };
    ground.store.due(&route, Cost::new(10), 10).await.unwrap();
    let again = ground.store.claim(worker, &[claimed.id]).await.unwrap().remove(0);
    let mut succeeded = ended(&again, Ending::Succeeded);
    succeeded.account = account(2);
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, succeeded, Some(&segment)).await);

    let told = ground.store.explain("alice", claimed.id).await.unwrap().expect("alice has the job");
    assert_eq!(told.job, ground.read(claimed.id).await);
    assert_eq!((told.worker, told.failures, &told.account), (Some(worker), 1, &Some(account(2))));
    assert_eq!(told.attempts.len(), 1);
    assert_eq!((told.attempts[0].attempt.worker, &told.attempts[0].account), (worker, &Some(account(1))));
    assert_eq!(told.attempts[0].timings.map(|timings| timings.run_ms), Some(1.5));
    assert!(ground.store.explain("bob", claimed.id).await.unwrap().is_none());
}

pub async fn a_waiting_job_says_where_it_waits(ground: &Ground) {
    let mut waiting = ground.job();
    waiting.published = false;
    let handed_over = ground.job();
    ground.store.submit(&[waiting.clone(), handed_over.clone()]).await.unwrap();
    let told = async |id| ground.store.explain("alice", id).await.unwrap().unwrap();
    assert_eq!(told(waiting.id).await.handed_over_at, None);
    assert!(told(handed_over.id).await.handed_over_at.is_some());
    assert_eq!((told(waiting.id).await.account, told(waiting.id).await.worker), (None, None));
}

pub async fn an_attempt_whose_worker_died_tells_no_batches(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    ground.clock.advance(super::LIFE);
    ground.store.reap().await.unwrap();
    let told = ground.store.explain("alice", claimed.id).await.unwrap().unwrap();
    assert!(told.suspected);
    assert_eq!((told.attempts[0].attempt.worker, &told.attempts[0].account), (worker, &None));
}
