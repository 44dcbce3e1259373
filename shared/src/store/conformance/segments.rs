//! Segments: counted, blanked, removed.

use super::{Ground, ended};
use crate::id::{JobId, WorkerId};
use crate::job::Ending;
use crate::store::{Blank, DeleteOutcome, NewSegment, Settled};

/// Two jobs in one segment.
async fn pair(ground: &Ground) -> (WorkerId, Vec<JobId>, NewSegment) {
    let ids = ground.submitted(2).await;
    let worker = ground.worker().await;
    let mut claimed = ground.store.claim(worker, &ids).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.id);
    let segment = ground.segment(worker, 20);
    let settlements: Vec<_> = claimed
        .iter()
        .zip([0, 10])
        .map(|(claimed, offset)| {
            let mut settlement = ended(claimed, Ending::Succeeded);
            settlement.range = Some((offset, 10));
            settlement
        })
        .collect();
    let settled = ground.store.settle(worker, &settlements, Some(&segment)).await.unwrap();
    assert!(settled.iter().all(|settled| matches!(settled, Settled::Done { .. })));
    (worker, ids, segment)
}

pub async fn a_deleted_job_is_blanked(ground: &Ground) {
    let (_, ids, segment) = pair(ground).await;
    assert_eq!(ground.store.delete("alice", ids[1]).await.unwrap(), DeleteOutcome::Deleted);
    assert_eq!(ground.store.pending_segments(10).await.unwrap(), [segment.key.as_str()]);
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("there is a blank to write");
    assert_eq!(lock.plan(), [Blank { offset: 10, length: 10 }]);
    assert!(!lock.is_dead());
    lock.done().await.unwrap();
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().is_none());
    assert!(ground.store.pending_segments(10).await.unwrap().is_empty());
    assert_eq!(
        ground.store.recorded_segments(std::slice::from_ref(&segment.key)).await.unwrap(),
        [segment.key]
    );
}

pub async fn a_segment_dies_with_its_last_job(ground: &Ground) {
    let (_, ids, segment) = pair(ground).await;
    for id in ids {
        ground.store.delete("alice", id).await.unwrap();
    }
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("it is to be removed");
    assert!(lock.is_dead());
    lock.done().await.unwrap();
    assert!(ground.store.recorded_segments(&[segment.key]).await.unwrap().is_empty());
    assert!(ground.store.pending_segments(10).await.unwrap().is_empty());
}

pub async fn a_living_segment_needs_nothing(ground: &Ground) {
    let (_, _, segment) = pair(ground).await;
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().is_none());
    assert!(ground.store.lock_segment("segments/unknown").await.unwrap().is_none());
    assert!(ground.store.pending_segments(10).await.unwrap().is_empty());
}

pub async fn an_undone_lock_leaves_the_work(ground: &Ground) {
    let (_, ids, segment) = pair(ground).await;
    ground.store.delete("alice", ids[0]).await.unwrap();
    drop(ground.store.lock_segment(&segment.key).await.unwrap().expect("there is a blank to write"));
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().is_some());
}

pub async fn stale_results_are_blanked(ground: &Ground) {
    let ids = ground.submitted(2).await;
    let worker = ground.worker().await;
    let mut claimed = ground.store.claim(worker, &ids).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.id);
    ground.store.release(worker, &[(ids[0], 1)]).await.unwrap();
    let segment = ground.segment(worker, 20);
    let mut second = ended(&claimed[1], Ending::Succeeded);
    second.range = Some((10, 10));
    let group = [ended(&claimed[0], Ending::Succeeded), second];
    ground.store.settle(worker, &group, Some(&segment)).await.unwrap();
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("the stale result is to go");
    assert_eq!(lock.plan(), [Blank { offset: 0, length: 10 }]);
}
