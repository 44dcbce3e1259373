//! Attempts, each counted and fenced.

use std::time::Duration;

use super::{Ground, LIFE, away, ended};
use crate::clock::Clock;
use crate::job::{Class, Ending, Failure, FailureCode, ResultAt, Status};
use crate::store::{Route, Settled};

pub async fn a_claim_grants_the_next_attempt(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert_eq!((claimed.lease.worker, claimed.lease.attempt), (worker, 1));
    assert_eq!(claimed.claimed_at, ground.clock.now());
    let job = ground.read(claimed.id).await;
    assert_eq!((job.status, job.attempt, job.version), (Status::Running, 1, 2));
}

pub async fn a_dead_job_keeps_what_each_of_its_attempts_ended_of(ground: &Ground) {
    let id = ground.submitted(1).await[0];
    let endings = [
        Some(Ending::Retry(away(), Duration::ZERO)),
        None,
        Some(Ending::Retry(Failure::transient(FailureCode::FetchFailed, "busy"), Duration::ZERO)),
        Some(Ending::Failed(Failure::permanent(FailureCode::InferenceFailed, "no"))),
    ];
    for (n, ending) in endings.into_iter().enumerate() {
        if n > 0 {
            ground.clock.advance(Duration::from_secs(1));
            super::workers::hand_over(ground, id).await;
        }
        let worker = ground.worker().await;
        let claimed = ground.store.claim(worker, &[id]).await.unwrap().remove(0);
        if let Some(ending) = ending {
            assert!(ground.settle(worker, ended(&claimed, ending), None).await);
        } else {
            ground.clock.advance(LIFE);
            ground.store.reap().await.unwrap();
        }
    }
    assert_eq!(ground.read(id).await.status, Status::Failed);
    let history = ground.store.attempts("alice", id).await.unwrap();
    let told: Vec<_> = history.iter().map(|attempt| (attempt.number, attempt.code)).collect();
    assert_eq!(
        told,
        [
            (1, FailureCode::StorageUnavailable),
            (2, FailureCode::LeaseLost),
            (3, FailureCode::FetchFailed),
            (4, FailureCode::InferenceFailed),
        ]
    );
}

pub async fn a_job_is_claimed_once(ground: &Ground) {
    let ids = ground.submitted(20).await;
    let (one, other) = (ground.worker().await, ground.worker().await);
    let (hers, his) = tokio::join!(ground.store.claim(one, &ids), ground.store.claim(other, &ids));
    assert_eq!(hers.unwrap().len() + his.unwrap().len(), 20);
}

pub async fn an_unpublished_job_is_not_claimed(ground: &Ground) {
    let mut job = ground.job();
    job.published = false;
    ground.store.submit(&[job.clone()]).await.unwrap();
    let worker = ground.worker().await;
    assert!(ground.store.claim(worker, &[job.id]).await.unwrap().is_empty());
}

pub async fn a_cancelled_job_is_not_claimed(ground: &Ground) {
    let ids = ground.submitted(1).await;
    ground.store.cancel("alice", ids[0]).await.unwrap();
    let worker = ground.worker().await;
    assert!(ground.store.claim(worker, &ids).await.unwrap().is_empty());
}

pub async fn a_dead_worker_claims_nothing(ground: &Ground) {
    let ids = ground.submitted(1).await;
    let worker = ground.worker().await;
    ground.clock.advance(LIFE);
    assert!(ground.store.claim(worker, &ids).await.unwrap().is_empty());
    assert!(ground.store.claim(ground.ids.worker(), &ids).await.unwrap().is_empty());
}

pub async fn a_draining_worker_claims_nothing_but_settles(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    ground.store.drain(worker).await.unwrap();
    let ids = ground.submitted(1).await;
    assert!(ground.store.claim(worker, &ids).await.unwrap().is_empty());
    assert!(
        ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&ground.segment(worker, 10))).await
    );
}

pub async fn a_success_is_settled_with_its_result(ground: &Ground) {
    let mut job = ground.job();
    job.waiter = Some("api-1".into());
    ground.store.submit(&[job.clone()]).await.unwrap();
    let worker = ground.worker().await;
    let claimed = ground.store.claim(worker, &[job.id]).await.unwrap().remove(0);
    let segment = ground.segment(worker, 10);
    let settlement = ended(&claimed, Ending::Succeeded);
    let settled =
        ground.store.settle(worker, std::slice::from_ref(&settlement), Some(&segment)).await.unwrap();
    assert_eq!(
        settled,
        [Settled::Done {
            id: job.id,
            status: Status::Succeeded,
            version: 3,
            finished_at: Some(ground.clock.now()),
            purge_at: Some(ground.clock.now().plus(job.keep.succeeded)),
            waiters: vec!["api-1".into()]
        }]
    );
    let read = ground.read(job.id).await;
    assert_eq!((read.status, read.succeeded, read.failed), (Status::Succeeded, 1, 0));
    assert_eq!(read.result, Some(ResultAt { segment: segment.key, offset: 0, length: 10 }));
    assert_eq!(read.timings, Some(settlement.timings));
    assert_eq!(read.finished_at, Some(ground.clock.now()));
    assert_eq!(read.purge_at, Some(ground.clock.now().plus(Duration::from_hours(1))));
    assert!(ground.store.attempts("alice", job.id).await.unwrap().is_empty());
}

pub async fn a_retry_waits_for_its_delay(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let delay = Duration::from_secs(5);
    assert!(ground.settle(worker, ended(&claimed, Ending::Retry(away(), delay)), None).await);
    let job = ground.read(claimed.id).await;
    assert_eq!(job.status, Status::Queued);
    assert_eq!(job.available_at, ground.clock.now().plus(delay));
    assert_eq!((job.finished_at, job.purge_at), (None, None));
    // Its old message may still come: it must not start before its time.
    assert!(ground.store.claim(worker, &[claimed.id]).await.unwrap().is_empty());
}

pub async fn failures_are_kept_as_history(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert!(ground.settle(worker, ended(&claimed, Ending::Retry(away(), Duration::ZERO)), None).await);
    ground.store.announce(&[crate::testing::card("echo", crate::job::Kind::Echo)]).await.unwrap();
    let route = Route { model: "echo".into(), class: Class::Interactive };
    ground.store.due(&route, crate::job::Cost::new(10), 10).await.unwrap();
    let again = ground.store.claim(worker, &[claimed.id]).await.unwrap().remove(0);
    assert_eq!((again.lease.attempt, again.failures), (2, 1));
    let failure = Failure::permanent(FailureCode::InferenceFailed, "no");
    assert!(ground.settle(worker, ended(&again, Ending::Failed(failure)), None).await);

    let job = ground.read(claimed.id).await;
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.error.map(|error| error.code), Some(FailureCode::InferenceFailed));
    let history = ground.store.attempts("alice", claimed.id).await.unwrap();
    let told: Vec<_> = history.iter().map(|attempt| (attempt.number, attempt.code)).collect();
    assert_eq!(told, [(1, FailureCode::StorageUnavailable), (2, FailureCode::InferenceFailed)]);
}

pub async fn a_stale_lease_cannot_settle(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    ground.clock.advance(LIFE);
    let segment = ground.segment(worker, 10);
    assert!(!ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&segment)).await);
    assert_eq!(ground.read(claimed.id).await.status, Status::Running);
    assert!(ground.store.recorded_segments(&[segment.key]).await.unwrap().is_empty());
}

pub async fn a_zombie_cannot_settle_what_another_runs(ground: &Ground) {
    let (zombie, claimed) = ground.claimed().await;
    ground.clock.advance(LIFE);
    assert_eq!(ground.store.reap().await.unwrap().jobs, 1);
    ground.store.announce(&[crate::testing::card("echo", crate::job::Kind::Echo)]).await.unwrap();
    let route = Route { model: "echo".into(), class: Class::Interactive };
    ground.store.due(&route, crate::job::Cost::new(10), 10).await.unwrap();
    let worker = ground.worker().await;
    let again = ground.store.claim(worker, &[claimed.id]).await.unwrap().remove(0);
    assert_eq!(again.lease.attempt, 2);
    assert!(
        !ground.settle(zombie, ended(&claimed, Ending::Succeeded), Some(&ground.segment(zombie, 10))).await
    );
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, ended(&again, Ending::Succeeded), Some(&segment)).await);
    assert_eq!(ground.read(claimed.id).await.result.map(|at| at.segment), Some(segment.key));
}

pub async fn repeating_a_settlement_is_harmless(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&segment)).await);
    let before = ground.read(claimed.id).await;
    assert!(ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&segment)).await);
    assert_eq!(ground.read(claimed.id).await, before);
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().is_none(), "nothing may be blanked");
}

pub async fn a_settled_job_is_not_settled_otherwise(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert!(
        ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&ground.segment(worker, 10))).await
    );
    let failure = Failure::permanent(FailureCode::Internal, "no");
    assert!(!ground.settle(worker, ended(&claimed, Ending::Failed(failure)), None).await);
    assert_eq!(ground.read(claimed.id).await.status, Status::Succeeded);
}

pub async fn a_cancelled_retry_ends(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    ground.store.cancel("alice", claimed.id).await.unwrap();
    assert!(ground.settle(worker, ended(&claimed, Ending::Retry(away(), Duration::ZERO)), None).await);
    let job = ground.read(claimed.id).await;
    assert_eq!(job.status, Status::Cancelled);
    assert!(job.purge_at.is_some());
}

pub async fn a_group_settles_those_that_still_count(ground: &Ground) {
    let ids = ground.submitted(3).await;
    let worker = ground.worker().await;
    let mut claimed = ground.store.claim(worker, &ids).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.id);
    assert_eq!(ground.store.release(worker, &[(ids[1], 1)]).await.unwrap(), 1);
    let segment = ground.segment(worker, 30);
    let settlements: Vec<_> = claimed
        .iter()
        .zip([0, 10, 20])
        .map(|(claimed, offset)| {
            let mut settlement = ended(claimed, Ending::Succeeded);
            settlement.range = Some((offset, 10));
            settlement
        })
        .collect();
    let settled = ground.store.settle(worker, &settlements, Some(&segment)).await.unwrap();
    assert!(
        matches!(&settled[..], [Settled::Done { .. }, Settled::Stale(stale), Settled::Done { .. }] if *stale == ids[1]),
        "{settled:?}"
    );
    assert_eq!(ground.read(ids[2]).await.result.map(|at| at.offset), Some(20));
}

pub async fn a_release_does_not_count_as_an_attempt(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert_eq!(ground.store.release(worker, &[(claimed.id, 1)]).await.unwrap(), 1);
    let job = ground.read(claimed.id).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 0));
    assert!(
        !ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&ground.segment(worker, 10))).await
    );
    assert!(ground.store.attempts("alice", claimed.id).await.unwrap().is_empty());
}

pub async fn a_claim_whose_answer_was_lost_is_given_back(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let other = ground.submitted(1).await[0];
    assert_eq!(ground.store.disclaim(ground.ids.worker(), &[claimed.id]).await.unwrap(), 0);
    assert_eq!(ground.store.disclaim(worker, &[claimed.id, other]).await.unwrap(), 1);
    let job = ground.read(claimed.id).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 0));
}

pub async fn a_stale_release_does_nothing(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert_eq!(ground.store.release(worker, &[(claimed.id, 2)]).await.unwrap(), 0);
    assert_eq!(ground.store.release(ground.ids.worker(), &[(claimed.id, 1)]).await.unwrap(), 0);
    assert_eq!(ground.read(claimed.id).await.status, Status::Running);
}

pub async fn what_is_postponed_is_due_later_and_its_attempt_does_not_count(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let (route, delay) =
        (Route { model: claimed.model.clone(), class: Class::Interactive }, Duration::from_secs(5));
    let due = async || {
        let due = ground.store.due(&route, crate::job::Cost::new(10), 10).await.unwrap();
        due.jobs.iter().map(|due| due.id).collect::<Vec<_>>()
    };
    assert_eq!(ground.store.postpone(worker, &[(claimed.id, 2)], delay).await.unwrap(), 0, "a stale one");
    assert_eq!(ground.store.postpone(worker, &[(claimed.id, 1)], delay).await.unwrap(), 1);
    let job = ground.read(claimed.id).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 0));
    assert_eq!(job.available_at.since(ground.clock.now()), delay);
    assert!(ground.store.attempts("alice", claimed.id).await.unwrap().is_empty());
    assert!(due().await.is_empty());
    ground.clock.advance(delay);
    assert_eq!(due().await, [claimed.id]);
    ground.store.claim(worker, &[claimed.id]).await.unwrap();
    ground.store.cancel("alice", claimed.id).await.unwrap();
    assert_eq!(ground.store.postpone(worker, &[(claimed.id, 1)], delay).await.unwrap(), 1);
    assert_eq!(ground.read(claimed.id).await.status, Status::Cancelled);
}
