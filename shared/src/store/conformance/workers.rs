//! Workers and their leases.

use std::time::Duration;

use super::{Ground, LIFE, ended};
use crate::clock::Clock;
use crate::id::JobId;
use crate::job::{Class, Cost, Ending, FailureCode, Isolation, Status};
use crate::store::{Beat, Noted, Reaped, Route};

pub(super) async fn hand_over(ground: &Ground, id: JobId) {
    let route = Route { model: "echo".into(), class: Class::Interactive };
    let due = ground.store.due(&route, Cost::new(1000), 1000).await.unwrap().jobs;
    assert!(due.iter().any(|due| due.id == id), "what was given back is due");
}

pub async fn a_beat_prolongs_the_lease(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    for _ in 0..3 {
        ground.clock.advance(LIFE / 2);
        assert_eq!(ground.store.beat(worker, LIFE).await.unwrap(), Beat::Alive(vec![]));
    }
    assert_eq!(ground.store.reap().await.unwrap(), Reaped::default());
    assert!(
        ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&ground.segment(worker, 10))).await
    );
}

pub async fn a_lapsed_worker_never_revives(ground: &Ground) {
    let worker = ground.worker().await;
    ground.clock.advance(LIFE);
    assert_eq!(ground.store.beat(worker, LIFE).await.unwrap(), Beat::Lapsed);
    ground.store.reap().await.unwrap();
    assert_eq!(ground.store.beat(worker, LIFE).await.unwrap(), Beat::Lapsed);
    assert!(!ground.store.note(worker, &Noted::default()).await.unwrap());
    assert!(ground.store.writers(&[worker]).await.unwrap().is_empty());
}

pub async fn a_beat_brings_back_cancellations(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    ground.store.cancel("alice", claimed.id).await.unwrap();
    assert_eq!(ground.store.beat(worker, LIFE).await.unwrap(), Beat::Alive(vec![claimed.id]));
}

pub async fn reaping_gives_jobs_back_as_suspects(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert_eq!(claimed.suspects.isolation(0), Isolation::None);
    ground.clock.advance(LIFE);
    let reaped = ground.store.reap().await.unwrap();
    assert_eq!((reaped.workers, reaped.jobs), (vec![worker], 1));
    let job = ground.read(claimed.id).await;
    assert_eq!((job.status, job.attempt, job.version), (Status::Queued, 1, 3));
    let history = ground.store.attempts("alice", claimed.id).await.unwrap();
    assert_eq!(history.iter().map(|attempt| attempt.code).collect::<Vec<_>>(), [FailureCode::LeaseLost]);

    hand_over(ground, claimed.id).await;
    let next = ground.worker().await;
    let again = ground.store.claim(next, &[claimed.id]).await.unwrap().remove(0);
    assert_eq!((again.lease.attempt, again.failures), (2, 0), "a crash is no failure of the job's");
    assert_eq!(again.suspects.isolation(0), Isolation::Apart);
}

pub async fn noted_items_run_alone(ground: &Ground) {
    let ids = ground.submitted(2).await;
    for crash in 0..3 {
        let worker = ground.worker().await;
        assert_eq!(ground.store.claim(worker, &ids).await.unwrap().len(), 2);
        if crash > 0 {
            assert!(ground.store.note(worker, &Noted(vec![(ids[0], vec![0])])).await.unwrap());
        }
        ground.clock.advance(LIFE);
        assert_eq!(ground.store.reap().await.unwrap().jobs, 2);
        hand_over(ground, ids[0]).await;
    }
    let worker = ground.worker().await;
    let mut claimed = ground.store.claim(worker, &ids).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.id);
    assert_eq!(claimed[0].suspects.isolation(0), Isolation::Alone(1));
    assert_eq!(claimed[1].suspects.isolation(0), Isolation::Apart);
}

pub async fn reaping_spares_the_living(ground: &Ground) {
    let (_, claimed) = ground.claimed().await;
    ground.clock.advance(LIFE.checked_sub(Duration::from_micros(1)).unwrap());
    assert_eq!(ground.store.reap().await.unwrap(), Reaped::default());
    assert_eq!(ground.read(claimed.id).await.status, Status::Running);
}

pub async fn a_cancelled_orphan_ends(ground: &Ground) {
    let (_, claimed) = ground.claimed().await;
    ground.store.cancel("alice", claimed.id).await.unwrap();
    ground.clock.advance(LIFE);
    let reaped = ground.store.reap().await.unwrap();
    let job = ground.read(claimed.id).await;
    assert_eq!(job.status, Status::Cancelled);
    assert!(job.finished_at.is_some() && job.purge_at.is_some());
    assert_eq!(reaped.ended, [job.id]);
}

pub async fn a_retired_worker_gives_its_jobs_back_unsuspected(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert_eq!(ground.store.retire(worker).await.unwrap(), 1);
    assert_eq!(ground.store.retire(worker).await.unwrap(), 0);
    hand_over(ground, claimed.id).await;
    let next = ground.worker().await;
    let again = ground.store.claim(next, &[claimed.id]).await.unwrap().remove(0);
    assert_eq!(again.lease.attempt, 1);
    assert!(again.suspects.is_none());
}

pub async fn a_cancelled_job_that_is_given_back_ends(ground: &Ground) {
    let (worker, disclaimed) = ground.claimed().await;
    let ids = ground.submitted(2).await;
    let (released, retired) = (ids[0], ids[1]);
    assert_eq!(ground.store.claim(worker, &ids).await.unwrap().len(), 2);
    for id in [disclaimed.id, released, retired] {
        ground.store.cancel("alice", id).await.unwrap();
    }
    assert_eq!(ground.store.disclaim(worker, &[disclaimed.id]).await.unwrap(), 1);
    assert_eq!(ground.store.release(worker, &[(released, 1)]).await.unwrap(), 1);
    assert_eq!(ground.store.retire(worker).await.unwrap(), 1);
    for id in [disclaimed.id, released, retired] {
        let job = ground.read(id).await;
        assert_eq!((job.status, job.finished_at), (Status::Cancelled, Some(ground.clock.now())));
        assert!(job.purge_at.is_some() && job.started_at.is_none());
    }
}

pub async fn the_buried_are_reaped_at_once(ground: &Ground) {
    let (worker, _) = ground.claimed().await;
    assert_eq!(ground.store.bury("elsewhere").await.unwrap(), 0);
    assert_eq!(ground.store.bury("here").await.unwrap(), 1);
    assert_eq!(ground.store.reap().await.unwrap().workers, [worker]);
}

pub async fn living_workers_are_listed(ground: &Ground) {
    let (one, other, gone) = (ground.worker().await, ground.worker().await, ground.worker().await);
    ground.store.retire(gone).await.unwrap();
    ground.store.drain(other).await.unwrap();
    let listed = ground.store.workers().await.unwrap();
    let mut ids: Vec<_> = listed.iter().map(|worker| worker.id).collect();
    ids.sort();
    let mut expected = vec![one, other];
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(listed[0].models, ["echo"]);
    let mut writers = ground.store.writers(&[one, other, gone]).await.unwrap();
    writers.sort();
    assert_eq!(writers, expected);
}

pub async fn workers_tell_how_fast_they_are(ground: &Ground) {
    let card = crate::testing::card("echo", crate::job::Kind::Echo);
    ground.store.announce(&[card]).await.unwrap();
    for rate in [10.5, 20.0] {
        let worker = ground.worker().await;
        ground.store.report(worker, &[("echo".to_owned(), rate)].into()).await.unwrap();
    }
    let models = ground.store.models().await.unwrap();
    assert!((models[0].rate - 30.5).abs() < 1e-9, "{}", models[0].rate);
    ground.clock.advance(LIFE);
    assert!(ground.store.models().await.unwrap()[0].rate.abs() < 1e-9, "who is gone does nothing");
}
