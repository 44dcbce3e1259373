//! Deadlines: what has passed does not run.

use std::time::Duration;

use super::{Ground, LIFE, away, ended};
use crate::clock::{Clock, Timestamp};
use crate::id::{JobId, WorkerId};
use crate::job::{Claimed, Deadline, Ending, FailureCode, Job, MOST_LOSSES, Status};
use crate::store::{Noted, Settled};

const SECOND: Duration = Duration::from_secs(1);

/// A job with these deadlines, so many seconds from now, that is handed over.
async fn limited(ground: &Ground, start_by: Option<u32>, finish_by: Option<u32>) -> JobId {
    let mut job = ground.job();
    let at = |seconds: Option<u32>| seconds.map(|seconds| ground.clock.now().plus(SECOND * seconds));
    (job.start_by, job.finish_by) = (at(start_by), at(finish_by));
    ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
    job.id
}

async fn claim(ground: &Ground, id: JobId) -> Option<(WorkerId, Claimed)> {
    let worker = ground.worker().await;
    let claimed = ground.store.claim(worker, &[id]).await.unwrap().pop();
    claimed.map(|claimed| (worker, claimed))
}

/// It has expired for this reason, as a job that ended now.
async fn assert_expired(ground: &Ground, id: JobId, deadline: Deadline) -> Job {
    let job = ground.read(id).await;
    let why = deadline.failure();
    assert_eq!((job.status, job.error.clone()), (Status::Expired, Some(why)));
    assert_eq!(job.finished_at, Some(ground.clock.now()));
    assert_eq!(job.purge_at, Some(ground.clock.now().plus(Duration::from_hours(1))));
    job
}

async fn expired(ground: &Ground) -> Vec<JobId> {
    let mut ids: Vec<_> = ground.store.expire(100).await.unwrap().into_iter().map(|job| job.id).collect();
    ids.sort();
    ids
}

pub async fn deadlines_read_back_as_they_were(ground: &Ground) {
    let id = limited(ground, Some(1), Some(2)).await;
    let job = ground.read(id).await;
    let now: Timestamp = ground.clock.now();
    assert_eq!((job.start_by, job.finish_by), (Some(now.plus(SECOND)), Some(now.plus(SECOND * 2))));
    let (_, claimed) = claim(ground, id).await.expect("it is in time");
    assert_eq!(claimed.finish_by, job.finish_by);
}

pub async fn what_is_late_is_not_claimed(ground: &Ground) {
    let ids = [limited(ground, Some(1), None).await, limited(ground, None, Some(1)).await];
    ground.clock.advance(SECOND);
    for id in ids {
        assert!(claim(ground, id).await.is_none());
    }
}

pub async fn what_is_late_expires_with_its_reason(ground: &Ground) {
    let (start, finish) = (limited(ground, Some(1), Some(9)).await, limited(ground, None, Some(1)).await);
    let both = limited(ground, Some(1), Some(1)).await;
    let free = ground.submitted(1).await[0];
    assert!(expired(ground).await.is_empty(), "nothing is late yet");
    ground.clock.advance(SECOND);
    assert_eq!(expired(ground).await, [start, finish, both]);
    assert!(expired(ground).await.is_empty(), "once is enough");
    assert_eq!(assert_expired(ground, start, Deadline::StartBy).await.version, 2);
    assert_expired(ground, finish, Deadline::FinishBy).await;
    assert_expired(ground, both, Deadline::FinishBy).await;
    assert_eq!(ground.read(free).await.status, Status::Queued);
}

pub async fn an_expiry_takes_no_more_than_asked(ground: &Ground) {
    for _ in 0..3 {
        limited(ground, Some(1), None).await;
    }
    ground.clock.advance(SECOND);
    assert_eq!(ground.store.expire(2).await.unwrap().len(), 2);
    assert_eq!(ground.store.expire(2).await.unwrap().len(), 1);
}

pub async fn start_by_is_about_the_first_attempt(ground: &Ground) {
    let id = limited(ground, Some(1), None).await;
    let (worker, claimed) = claim(ground, id).await.expect("it is in time");
    assert!(ground.settle(worker, ended(&claimed, Ending::Retry(away(), SECOND)), None).await);
    ground.clock.advance(SECOND * 2);
    assert!(expired(ground).await.is_empty(), "it has begun in time");
    super::workers::hand_over(ground, id).await;
    assert!(claim(ground, id).await.is_some());
}

pub async fn what_was_given_back_unbegun_has_not_begun(ground: &Ground) {
    let id = limited(ground, Some(1), None).await;
    let (worker, _) = claim(ground, id).await.expect("it is in time");
    assert_eq!(ground.store.release(worker, &[(id, 1)]).await.unwrap(), 1);
    ground.clock.advance(SECOND);
    assert_eq!(expired(ground).await, [id]);
}

pub async fn a_running_job_is_its_workers_to_expire(ground: &Ground) {
    let id = limited(ground, None, Some(1)).await;
    let (worker, claimed) = claim(ground, id).await.expect("it is in time");
    ground.clock.advance(SECOND);
    assert!(expired(ground).await.is_empty());
    let mut settlement = ended(&claimed, Ending::Expired(Deadline::FinishBy.failure()));
    (settlement.succeeded, settlement.range) = (1, Some((0, 10)));
    assert!(ground.settle(worker, settlement, Some(&ground.segment(worker, 10))).await);
    let job = assert_expired(ground, id, Deadline::FinishBy).await;
    assert!(job.result.is_some(), "what was finished is kept");
    assert_eq!(job.succeeded, 1);
}

pub async fn a_late_retry_expires_and_its_failure_is_kept(ground: &Ground) {
    let id = limited(ground, None, Some(1)).await;
    let (worker, claimed) = claim(ground, id).await.expect("it is in time");
    ground.clock.advance(SECOND);
    let retry = ended(&claimed, Ending::Retry(away(), Duration::ZERO));
    let settled = ground.store.settle(worker, &[retry], None).await.unwrap();
    assert!(matches!(settled[..], [Settled::Done { status: Status::Expired, .. }]), "{settled:?}");
    assert_expired(ground, id, Deadline::FinishBy).await;
    let history = ground.store.attempts("alice", id).await.unwrap();
    assert_eq!(history.iter().map(|attempt| attempt.code).collect::<Vec<_>>(), [away().code]);
}

pub async fn what_is_given_back_late_expires(ground: &Ground) {
    let [disclaimed, released, retired] = [
        limited(ground, None, Some(1)).await,
        limited(ground, None, Some(1)).await,
        limited(ground, None, Some(1)).await,
    ];
    let worker = ground.worker().await;
    assert_eq!(ground.store.claim(worker, &[disclaimed, released, retired]).await.unwrap().len(), 3);
    ground.clock.advance(SECOND);
    assert_eq!(ground.store.disclaim(worker, &[disclaimed]).await.unwrap(), 1);
    assert_eq!(ground.store.release(worker, &[(released, 1)]).await.unwrap(), 1);
    assert_eq!(ground.store.retire(worker).await.unwrap(), 1);
    for id in [disclaimed, released, retired] {
        assert_expired(ground, id, Deadline::FinishBy).await;
    }
}

pub async fn a_late_orphan_expires(ground: &Ground) {
    let id = limited(ground, None, Some(1)).await;
    claim(ground, id).await.expect("it is in time");
    ground.clock.advance(LIFE);
    assert_eq!(ground.store.reap().await.unwrap().ended, [id]);
    assert_expired(ground, id, Deadline::FinishBy).await;
}

pub async fn a_job_that_costs_worker_after_worker_for_no_reason_is_given_up(ground: &Ground) {
    let id = ground.submitted(1).await[0];
    for loss in 1..=MOST_LOSSES {
        claim(ground, id).await.expect("it runs again");
        ground.clock.advance(LIFE);
        ground.store.reap().await.unwrap();
        if loss < MOST_LOSSES {
            super::workers::hand_over(ground, id).await;
        }
    }
    let job = ground.read(id).await;
    assert_eq!((job.status, job.failed), (Status::Failed, 1));
    assert_eq!(job.error.map(|error| error.code), Some(FailureCode::LeaseLost));
    let history = ground.store.attempts("alice", id).await.unwrap();
    assert_eq!(history.len(), usize::from(MOST_LOSSES));
}

pub async fn a_death_that_is_explained_is_not_held_against_the_neighbours(ground: &Ground) {
    let ids = ground.submitted(2).await;
    for _ in 0..MOST_LOSSES + 5 {
        let worker = ground.worker().await;
        assert_eq!(ground.store.claim(worker, &ids).await.unwrap().len(), 2);
        assert!(ground.store.note(worker, &Noted(vec![(ids[0], vec![0])])).await.unwrap());
        ground.clock.advance(LIFE);
        ground.store.reap().await.unwrap();
        super::workers::hand_over(ground, ids[1]).await;
    }
    assert_eq!(ground.read(ids[1]).await.status, Status::Queued);
}
