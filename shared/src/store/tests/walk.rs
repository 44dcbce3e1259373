//! A walk through the state machine: any calls in any order, each checked against the table of moves.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::Clock;
use crate::id::{JobId, WorkerId};
use crate::job::{Claimed, Class, Cost, Deadline, Ending, Failure, FailureCode, Job, Move, Status};
use crate::store::conformance::{Ground, LIFE, away, ended};
use crate::store::{
    Again, CancelOutcome, Cursor, DeleteOutcome, EventFilter, Filter, Noted, Page, RetryOutcome, Route,
    Settled,
};

/// One call; numbers choose among what there is.
#[derive(Clone, Debug)]
pub enum Op {
    Submit { count: u8, marked: bool, bulk: bool, start_within: Option<u16>, finish_within: Option<u16> },
    Register,
    Due { bulk: bool },
    Claim { worker: u8, from: u8, count: u8 },
    Settle { lease: u8, how: How },
    Release { lease: u8 },
    Disclaim { worker: u8 },
    Beat { worker: u8 },
    Note { lease: u8 },
    Drain { worker: u8 },
    Retire { worker: u8 },
    Reap,
    Cancel { job: u8 },
    CancelAll,
    CancelQueue,
    Expire,
    Retry { job: u8, finish_within: Option<u16> },
    RetryAll,
    Delete { job: u8 },
    Purge,
    Unpublish { job: u8 },
    Recover { bulk: bool },
    Pause,
    Resume,
    DrainQueue,
    Bury,
    Advance { seconds: u16 },
}

/// How an attempt ends, as its worker says.
#[derive(Clone, Copy, Debug)]
pub enum How {
    Succeeded,
    Failed,
    Retry,
    Cancelled,
    Expired,
}

impl Op {
    /// The moves that calls make, by call.
    pub const MOVES: [&'static [Move]; 7] = [
        &[Move::Claim],
        &[Move::Succeed, Move::Fail, Move::Retry, Move::Cancel, Move::Expire],
        &[Move::Release, Move::Cancel, Move::Expire],
        &[Move::Reap, Move::Cancel, Move::Expire, Move::Fail],
        &[Move::Cancel],
        &[Move::Expire],
        &[Move::Revive],
    ];

    fn moves(&self) -> &'static [Move] {
        let [claim, settle, give_back, reap, cancel, expire, revive] = Self::MOVES;
        match self {
            Self::Claim { .. } => claim,
            Self::Settle { .. } => settle,
            Self::Release { .. } | Self::Disclaim { .. } | Self::Retire { .. } => give_back,
            Self::Reap => reap,
            Self::Cancel { .. } | Self::CancelAll | Self::CancelQueue => cancel,
            Self::Expire => expire,
            Self::Retry { .. } | Self::RetryAll => revive,
            _ => &[],
        }
    }

    /// Any call; those without which nothing happens are the likeliest.
    pub fn any() -> impl Strategy<Value = Self> {
        let soon = || proptest::option::weighted(0.2, 1u16..100);
        let how = prop_oneof![
            4 => Just(How::Succeeded), 2 => Just(How::Failed), 2 => Just(How::Retry),
            1 => Just(How::Cancelled), 1 => Just(How::Expired)
        ];
        let work = prop_oneof![
            3 => (1u8..5, any::<bool>(), any::<bool>(), soon(), soon()).prop_map(
                |(count, marked, bulk, start_within, finish_within)| Self::Submit {
                    count, marked, bulk, start_within, finish_within
                }
            ),
            2 => Just(Self::Register),
            2 => any::<bool>().prop_map(|bulk| Self::Due { bulk }),
            4 => (any::<u8>(), any::<u8>(), 1u8..8)
                .prop_map(|(worker, from, count)| Self::Claim { worker, from, count }),
            4 => (any::<u8>(), how).prop_map(|(lease, how)| Self::Settle { lease, how }),
            2 => prop_oneof![Just(1u16), Just(5), Just(15), Just(60), Just(3600)]
                .prop_map(|seconds| Self::Advance { seconds }),
        ];
        let trouble = prop_oneof![
            1 => any::<u8>().prop_map(|lease| Self::Release { lease }),
            1 => any::<u8>().prop_map(|worker| Self::Disclaim { worker }),
            1 => any::<u8>().prop_map(|worker| Self::Beat { worker }),
            1 => any::<u8>().prop_map(|lease| Self::Note { lease }),
            1 => any::<u8>().prop_map(|worker| Self::Drain { worker }),
            1 => any::<u8>().prop_map(|worker| Self::Retire { worker }),
            2 => Just(Self::Reap),
            2 => any::<u8>().prop_map(|job| Self::Cancel { job }),
            1 => Just(Self::CancelAll),
            1 => Just(Self::CancelQueue),
            1 => Just(Self::Expire),
            2 => (any::<u8>(), soon()).prop_map(|(job, finish_within)| Self::Retry { job, finish_within }),
            1 => Just(Self::RetryAll),
            1 => any::<u8>().prop_map(|job| Self::Delete { job }),
            1 => Just(Self::Purge),
            1 => any::<u8>().prop_map(|job| Self::Unpublish { job }),
            1 => any::<bool>().prop_map(|bulk| Self::Recover { bulk }),
            1 => Just(Self::Pause),
            1 => Just(Self::DrainQueue),
            1 => Just(Self::Bury),
            2 => Just(Self::Resume),
        ];
        prop_oneof![3 => work, 2 => trouble]
    }
}

/// A walk, and what it knows.
pub struct Walk {
    ground: Ground,
    /// Every job that is to be there, as it stood after the last call.
    jobs: BTreeMap<JobId, Job>,
    workers: Vec<WorkerId>,
    /// Every lease that was ever granted.
    leases: Vec<Claimed>,
}

fn pick<T>(of: &[T], number: u8) -> Option<&T> {
    of.get(usize::from(number) % of.len().max(1))
}

fn route(bulk: bool) -> Route {
    Route { model: "echo".into(), class: if bulk { Class::Bulk } else { Class::Interactive } }
}

impl Walk {
    pub async fn new(ground: Ground) -> Self {
        let workers = vec![ground.worker().await];
        Self { ground, jobs: BTreeMap::new(), workers, leases: Vec::new() }
    }

    fn job(&self, number: u8) -> Option<JobId> {
        let ids: Vec<_> = self.jobs.keys().copied().collect();
        pick(&ids, number).copied()
    }

    fn worker(&self, number: u8) -> WorkerId {
        *pick(&self.workers, number).expect("there is always one")
    }

    /// Makes the call, and compares every job with what the call may have done to it.
    pub async fn take(&mut self, op: Op) {
        let moves = op.moves();
        let (added, removed) = self.call(op.clone()).await;
        let rows = self.rows().await;
        for (id, before) in &self.jobs {
            let Some(now) = rows.get(id) else {
                assert!(removed.contains(id), "{id} is lost by {op:?}");
                continue;
            };
            assert!(!removed.contains(id), "{id} is said to be gone after {op:?}");
            if now.version == before.version {
                assert_eq!(now.status, before.status, "{id} moves in silence by {op:?}");
                continue;
            }
            assert_eq!(now.version, before.version + 1, "{id} makes one move by {op:?}");
            let legal = moves.iter().any(|step| before.status.after(*step) == Some(now.status));
            assert!(legal, "{id} goes from {} to {} by {op:?}", before.status, now.status);
        }
        assert!(rows.keys().all(|id| self.jobs.contains_key(id) || added.contains(id)), "a job of nobody's");
        assert!(added.iter().all(|id| rows.contains_key(id)), "a job that was accepted is lost by {op:?}");
        self.jobs = rows;
        self.assert_sound(&op).await;
    }

    /// Makes the call; answers with the jobs that it is to add and to remove.
    async fn call(&mut self, op: Op) -> (Vec<JobId>, Vec<JobId>) {
        let store = self.ground.store.clone();
        let now = self.ground.clock.now();
        let after = |within: Option<u16>| within.map(|seconds| now.plus(Duration::from_secs(seconds.into())));
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        match op {
            Op::Submit { count, marked, bulk, start_within, finish_within } => {
                let mut jobs: Vec<_> = (0..count).map(|_| self.ground.job()).collect();
                for job in &mut jobs {
                    (job.published, job.class) = (marked, route(bulk).class);
                    (job.start_by, job.finish_by) = (after(start_within), after(finish_within));
                    added.push(job.id);
                }
                store.submit(&jobs).await.unwrap();
            }
            Op::Register => self.workers.push(self.ground.worker().await),
            Op::Due { bulk } => drop(store.due(&route(bulk), Cost::new(4), 3).await.unwrap()),
            Op::Claim { worker, from, count } => self.claim(self.worker(worker), from, count).await,
            Op::Settle { lease, how } => self.settle(lease, how).await,
            Op::Release { lease } => {
                if let Some(claimed) = pick(&self.leases, lease) {
                    store
                        .release(claimed.lease.worker, &[(claimed.id, claimed.lease.attempt)])
                        .await
                        .unwrap();
                }
            }
            Op::Disclaim { worker } => {
                let ids: Vec<_> = self.jobs.keys().copied().collect();
                store.disclaim(self.worker(worker), &ids).await.unwrap();
            }
            Op::Beat { worker } => drop(store.beat(self.worker(worker), LIFE).await.unwrap()),
            Op::Note { lease } => {
                if let Some(claimed) = pick(&self.leases, lease) {
                    store.note(claimed.lease.worker, &Noted(vec![(claimed.id, vec![0])])).await.unwrap();
                }
            }
            Op::Drain { worker } => store.drain(self.worker(worker)).await.unwrap(),
            Op::Retire { worker } => drop(store.retire(self.worker(worker)).await.unwrap()),
            Op::Reap => drop(store.reap().await.unwrap()),
            Op::Cancel { job } => {
                if let Some(id) = self.job(job) {
                    let outcome = store.cancel("alice", id).await.unwrap();
                    assert_ne!(outcome, CancelOutcome::Unknown);
                }
            }
            Op::CancelAll => drop(store.cancel_all("alice", &Filter::default(), 100).await.unwrap()),
            Op::CancelQueue => drop(store.cancel_queue("echo", 100).await.unwrap()),
            Op::Expire => drop(store.expire(100).await.unwrap()),
            Op::Retry { job, finish_within } => {
                if let Some(id) = self.job(job) {
                    let again = Again { ended_by: now, start_by: None, finish_by: after(finish_within) };
                    let outcome = store.retry("alice", id, again).await.unwrap();
                    let legal = self.jobs[&id].status.after(Move::Revive).is_some();
                    assert_eq!(matches!(outcome, RetryOutcome::Queued(_)), legal, "{outcome:?}");
                }
            }
            Op::RetryAll => {
                let again = Again { ended_by: now, start_by: None, finish_by: None };
                drop(store.retry_all("alice", &Filter::default(), again, 100).await.unwrap());
            }
            Op::Delete { job } => {
                if let Some(id) = self.job(job) {
                    let outcome = store.delete("alice", id).await.unwrap();
                    let runs = self.jobs[&id].status == Status::Running;
                    let meant = if runs { DeleteOutcome::Running } else { DeleteOutcome::Deleted };
                    assert_eq!(outcome, meant);
                    removed.extend((!runs).then_some(id));
                }
            }
            Op::Purge => {
                store.purge(1000).await.unwrap();
                let over = self.jobs.values().filter(|job| job.purge_at.is_some_and(|at| at <= now));
                removed.extend(over.map(|job| job.id));
            }
            Op::Unpublish { job } => {
                if let Some(id) = self.job(job) {
                    store.unpublish(&[id]).await.unwrap();
                }
            }
            Op::Recover { bulk } => drop(store.recover(&route(bulk), Duration::ZERO, 0).await.unwrap()),
            Op::Pause => store.pause("echo").await.unwrap(),
            Op::Resume => drop(store.resume("echo").await.unwrap()),
            Op::DrainQueue => store.drain_queue("echo").await.unwrap(),
            Op::Bury => drop(store.bury("here").await.unwrap()),
            Op::Advance { seconds } => self.ground.clock.advance(Duration::from_secs(seconds.into())),
        }
        (added, removed)
    }

    async fn claim(&mut self, worker: WorkerId, from: u8, count: u8) {
        let all: Vec<_> = self.jobs.keys().copied().collect();
        let from = usize::from(from) % all.len().max(1);
        let among: Vec<_> = all.into_iter().skip(from).take(count.into()).collect();
        let claimed = self.ground.store.claim(worker, &among).await.unwrap();
        for claim in &claimed {
            let before = &self.jobs[&claim.id];
            assert_eq!((before.status, before.attempt + 1), (Status::Queued, claim.lease.attempt));
            assert!(before.available_at <= claim.claimed_at, "it was not due yet");
            assert!(before.finish_by.is_none_or(|late| late > claim.claimed_at), "it was late");
        }
        self.leases.extend(claimed);
    }

    async fn settle(&mut self, lease: u8, how: How) {
        let Some(claimed) = pick(&self.leases, lease).cloned() else { return };
        let ending = match how {
            How::Succeeded => Ending::Succeeded,
            How::Failed => Ending::Failed(Failure::permanent(FailureCode::InferenceFailed, "no")),
            How::Retry => Ending::Retry(away(), Duration::from_secs(2)),
            How::Cancelled => Ending::Cancelled,
            How::Expired => Ending::Expired(Deadline::FinishBy.failure()),
        };
        let worker = claimed.lease.worker;
        let segment = self.ground.segment(worker, 10);
        let settlement = ended(&claimed, ending);
        let segment = settlement.range.is_some().then_some(&segment);
        let settled = self.ground.store.settle(worker, &[settlement], segment).await.unwrap().remove(0);
        let now = self.ground.store.job("alice", claimed.id).await.unwrap();
        match (settled, self.jobs.get(&claimed.id)) {
            (Settled::Done { status, version, .. }, Some(_)) => {
                let now = now.expect("what was settled is there");
                assert_eq!((now.status, now.version), (status, version));
            }
            (Settled::Stale(_), Some(before)) => assert_eq!(now.as_ref(), Some(before), "stale is nothing"),
            (Settled::Stale(_), None) => {}
            (Settled::Done { .. }, None) => panic!("a job that is gone was settled"),
        }
    }

    async fn rows(&self) -> BTreeMap<JobId, Job> {
        let page = Page { after: None, limit: 10_000 };
        let jobs = self.ground.store.jobs("alice", &Filter::default(), page).await.unwrap();
        jobs.into_iter().map(|job| (job.id, job)).collect()
    }

    /// What holds of every job at every time.
    async fn assert_sound(&self, op: &Op) {
        for job in self.jobs.values() {
            let ended = job.status.is_terminal();
            assert_eq!(job.finished_at.is_some(), ended, "after {op:?}: {job:?}");
            assert_eq!(job.purge_at.is_some(), ended, "after {op:?}: {job:?}");
            assert_eq!(job.result.is_some(), job.status == Status::Succeeded, "after {op:?}: {job:?}");
            assert!(job.status != Status::Running || job.started_at.is_some(), "after {op:?}: {job:?}");
            let history = self.ground.store.attempts("alice", job.id).await.unwrap();
            assert!(history.is_sorted_by(|one, next| one.number < next.number), "after {op:?}: {history:?}");
            assert!(history.iter().all(|attempt| attempt.number <= job.attempt), "after {op:?}: {history:?}");
        }
        let depths = self.ground.store.depths().await.unwrap();
        let count = |status| self.jobs.values().filter(|job| job.status == status).count() as u64;
        let told = |of: fn(&crate::store::Depth) -> u64| depths.iter().map(of).sum::<u64>();
        assert_eq!(told(|depth| depth.queued), count(Status::Queued), "after {op:?}");
        assert_eq!(told(|depth| depth.running), count(Status::Running), "after {op:?}");
    }

    /// Nobody interferes any more: every job ends.
    pub async fn settle_down(&mut self) {
        self.take(Op::Resume).await;
        self.take(Op::Advance { seconds: 600 }).await;
        self.take(Op::Reap).await;
        self.take(Op::Register).await;
        for _ in 0..200 {
            if self.jobs.values().all(|job| job.status.is_terminal()) {
                return;
            }
            self.take(Op::Expire).await;
            for bulk in [false, true] {
                self.take(Op::Recover { bulk }).await;
                self.take(Op::Due { bulk }).await;
            }
            let worker = u8::try_from(self.workers.len() - 1).unwrap();
            self.take(Op::Claim { worker, from: 0, count: u8::MAX }).await;
            let held = self.jobs.values().filter(|job| job.status == Status::Running).map(|job| job.id);
            for id in held.collect::<Vec<_>>() {
                let lease = self.leases.iter().rposition(|lease| lease.id == id).unwrap();
                // More leases than a byte counts would be chosen wrongly; so the one that is meant comes to the front.
                self.leases.swap(0, lease);
                self.take(Op::Settle { lease: 0, how: How::Succeeded }).await;
            }
        }
        panic!("some jobs never end: {:#?}", self.jobs);
    }

    /// Every move of every job that is left was told, once, in order, and is one of the table's.
    pub async fn assert_told(&self) {
        let ids: Vec<_> = self.jobs.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let count = usize::try_from(self.jobs.values().map(|job| job.version).sum::<i64>()).unwrap();
        let filter = EventFilter { jobs: ids, ..EventFilter::default() };
        let told = async {
            loop {
                let page = self.ground.store.events("alice", &filter, Cursor::START, 10_000).await.unwrap();
                if page.events.len() >= count {
                    return page.events;
                }
                tokio::task::yield_now().await;
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(30), told).await.expect("all is told");
        assert_eq!(told.len(), count, "nothing is told twice");
        let mut stood: BTreeMap<JobId, (Status, i64)> = BTreeMap::new();
        for event in told {
            let (id, status) = (event.job.unwrap(), event.kind.status().unwrap());
            match stood.insert(id, (status, event.version)) {
                None => assert_eq!((status, event.version), (Status::Queued, 1)),
                Some((before, version)) => {
                    assert_eq!(event.version, version + 1);
                    let legal = Move::ALL.iter().any(|step| before.after(*step) == Some(status));
                    assert!(legal, "{id} went from {before} to {status}");
                }
            }
        }
        for (id, job) in &self.jobs {
            assert_eq!(stood[id], (job.status, job.version));
        }
    }
}
