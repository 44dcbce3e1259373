//! Handing queued jobs to the broker.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::{Ground, away, ended};
use crate::clock::{Clock, Timestamp};
use crate::id::JobId;
use crate::job::{Class, Cost, Ending, Kind, NewJob, fair};
use crate::store::Route;
use crate::testing::card;

const OVERDUE: Duration = Duration::from_secs(5);

pub(super) fn route() -> Route {
    Route { model: "echo".into(), class: Class::Interactive }
}

pub(super) async fn waiting(
    ground: &Ground,
    count: usize,
    change: impl Fn(usize, &mut NewJob),
) -> Vec<JobId> {
    let mut jobs: Vec<_> = (0..count).map(|_| ground.job()).collect();
    for (index, job) in jobs.iter_mut().enumerate() {
        job.published = false;
        change(index, job);
    }
    ground.store.submit(&jobs).await.unwrap();
    jobs.iter().map(|job| job.id).collect()
}

pub(super) async fn due(ground: &Ground, room: u64) -> Vec<JobId> {
    let handed = ground.store.due(&route(), Cost::new(room), 100).await.unwrap();
    handed.jobs.into_iter().map(|due| due.id).collect()
}

pub async fn what_is_published_is_not_due(ground: &Ground) {
    ground.submitted(1).await;
    let ids = waiting(ground, 1, |_, _| {}).await;
    assert_eq!(due(ground, 100).await, ids);
    assert!(due(ground, 100).await.is_empty());
}

pub async fn due_jobs_come_by_priority_then_age(ground: &Ground) {
    let ids = waiting(ground, 3, |index, job| job.priority = [0, 5, 0][index]).await;
    assert_eq!(due(ground, 100).await, [ids[1], ids[0], ids[2]]);
}

pub async fn due_stops_when_the_room_is_used_up(ground: &Ground) {
    let ids = waiting(ground, 4, |_, job| job.cost = Cost::new(3)).await;
    assert_eq!(due(ground, 6).await, ids[..2]);
    assert!(due(ground, 0).await.is_empty());
    assert_eq!(ground.store.due(&route(), Cost::new(100), 1).await.unwrap().jobs.len(), 1);
}

pub async fn a_hand_over_says_how_the_route_stands(ground: &Ground) {
    waiting(ground, 3, |_, job| job.cost = Cost::new(3)).await;
    let stand = async |window| {
        let handed = ground.store.due(&route(), Cost::new(window), 100).await.unwrap();
        (handed.jobs.len(), handed.published.units(), handed.waiting)
    };
    assert_eq!(stand(6).await, (2, 6, true));
    assert_eq!(stand(6).await, (0, 6, true), "the window is full");
    assert_eq!(stand(100).await, (1, 9, false));
    assert_eq!(stand(100).await, (0, 9, false), "nothing waits");
}

pub async fn a_job_too_large_for_the_room_still_goes_alone(ground: &Ground) {
    let ids = waiting(ground, 2, |_, job| job.cost = Cost::new(1000)).await;
    assert_eq!(due(ground, 1).await, ids[..1]);
}

pub async fn concurrent_callers_get_different_jobs(ground: &Ground) {
    let ids = waiting(ground, 20, |_, _| {}).await;
    let (hers, his) = tokio::join!(due(ground, 10), due(ground, 10));
    let mut all = [hers, his].concat();
    // One caller may have looked at rows that it then had no room for; they are there the next time.
    all.extend(due(ground, 100).await);
    all.sort();
    assert_eq!(all, ids, "each job once");
}

pub async fn callers_at_once_fill_one_window(ground: &Ground) {
    waiting(ground, 50, |_, _| {}).await;
    assert_eq!(due(ground, 1).await.len(), 1);
    let call = || due(ground, 10);
    let (mine, hers, his, theirs) = tokio::join!(call(), call(), call(), call());
    let mut all = [mine, hers, his, theirs].concat();
    assert_eq!(all.len(), 9, "each sees what the others handed over");
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 9, "each job once");
}

pub async fn a_retry_is_not_due_before_its_time(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert!(ground.settle(worker, ended(&claimed, Ending::Retry(away(), OVERDUE)), None).await);
    assert!(due(ground, 100).await.is_empty());
    ground.clock.advance(OVERDUE);
    assert_eq!(due(ground, 100).await, [claimed.id]);
}

pub async fn a_job_for_later_is_not_due_before_its_time(ground: &Ground) {
    let later = ground.clock.now().plus(OVERDUE);
    let ids = waiting(ground, 3, |index, job| {
        job.owner = ["alice", "alice", "bob"][index].into();
        job.run_at = (index > 0).then_some(later);
    })
    .await;
    assert_eq!(due(ground, 100).await, ids[..1]);
    ground.clock.advance(OVERDUE);
    assert_eq!(due(ground, 100).await.len(), 2);
}

pub async fn the_nearer_deadline_is_due_first(ground: &Ground) {
    let at = |minutes| ground.clock.now().plus(Duration::from_mins(minutes));
    let (soon, later) = (at(1), at(3));
    let ids = waiting(ground, 3, |index, job| {
        job.start_by = [None, Some(later), None][index];
        job.finish_by = [None, None, Some(soon)][index];
    })
    .await;
    assert_eq!(due(ground, 100).await, [ids[2], ids[1], ids[0]]);
}

pub async fn owners_take_turns_whatever_each_has(ground: &Ground) {
    let ids = waiting(ground, 8, |index, job| job.owner = ["alice", "bob"][index / 6].into()).await;
    assert_eq!(due(ground, 4).await, [ids[0], ids[6], ids[1], ids[7]]);
}

pub async fn a_newcomer_is_due_though_the_window_is_full(ground: &Ground) {
    let ids = waiting(ground, 5, |index, job| {
        job.owner = ["alice", "bob"][index / 3].into();
        job.cost = Cost::new([1000, 1][index / 3]);
    })
    .await;
    let alices: Vec<_> = due(ground, 600).await;
    assert_eq!(alices, [ids[0], ids[3]], "one of each, since the first uses up the window");
    assert!(due(ground, 600).await.is_empty());
}

pub async fn a_key_has_no_more_under_way_than_it_may(ground: &Ground) {
    let key = super::keys::limited(ground, Some(2), None).await;
    let ids = waiting(ground, 5, |index, job| {
        job.key = (index < 4).then_some(key);
        job.owner = "alice".into();
    })
    .await;
    assert_eq!(due(ground, 100).await, [ids[0], ids[1], ids[4]], "what no limit holds goes on");
    let worker = ground.worker().await;
    let claimed = ground.store.claim(worker, &ids[..1]).await.unwrap();
    assert!(due(ground, 100).await.is_empty(), "what runs counts like what is handed over");
    assert!(ground.settle(worker, ended(&claimed[0], Ending::Failed(away())), None).await);
    assert_eq!(due(ground, 100).await, ids[2..3]);
}

/// A hundred and fifty random jobs of five owners, handed over in random windows, go in the order that the policy says.
pub async fn due_jobs_come_as_the_policy_says(ground: &Ground) {
    let mut random = Random(42);
    let mut model = Model::default();
    let worker = ground.worker().await;
    for _ in 0..15 {
        let mut jobs: Vec<_> = (0..10).map(|_| ground.job()).collect();
        for job in &mut jobs {
            job.published = false;
            job.owner = format!("owner{}", random.below(5));
            job.cost = Cost::new(random.below(50));
            job.priority = i16::try_from(random.below(21)).unwrap() - 10;
            model.add(job, ground.clock.now());
        }
        ground.store.submit(&jobs).await.unwrap();
        for _ in 0..random.below(3) {
            let window = Cost::new(random.below(200));
            let handed = due(ground, window.units()).await;
            assert_eq!(handed, model.due(window, 100));
            if random.below(2) == 0 {
                assert_eq!(ground.store.claim(worker, &handed).await.unwrap().len(), handed.len());
                model.claimed(&handed);
            }
        }
    }
}

/// What a route is expected to do.
#[derive(Default)]
struct Model {
    waiting: Vec<(String, fair::Waiting<JobId>)>,
    out: HashMap<JobId, (String, Cost)>,
    served: HashMap<String, u64>,
    clock: u64,
}

impl Model {
    fn add(&mut self, job: &NewJob, now: Timestamp) {
        let waiting = fair::Waiting { job: job.id, rank: job.rank(now), cost: job.cost };
        self.waiting.push((job.owner.clone(), waiting));
        self.waiting.sort_by_key(|(owner, job)| (owner.clone(), job.rank, job.job));
    }

    fn claimed(&mut self, ids: &[JobId]) {
        self.out.retain(|id, _| !ids.contains(id));
    }

    fn due(&mut self, window: Cost, limit: usize) -> Vec<JobId> {
        let mut lines: Vec<fair::Line<JobId>> = Vec::new();
        for (owner, job) in &self.waiting {
            if lines.last().is_none_or(|line| line.owner != *owner) {
                let queue = fair::Queue { quota: u64::MAX, waiting: VecDeque::new(), more: false };
                lines.push(fair::Line {
                    owner: owner.clone(),
                    served: self.served.get(owner).copied().unwrap_or(0),
                    out: self.out.values().filter(|(whose, _)| whose == owner).map(|(_, cost)| *cost).sum(),
                    queues: vec![queue],
                });
            }
            lines.last_mut().unwrap().queues[0].waiting.push_back(job.clone());
        }
        let out = self.out.values().map(|(_, cost)| *cost).sum();
        let mut owners: HashMap<&str, Cost> = HashMap::new();
        for (owner, cost) in self.out.values() {
            let sum = owners.entry(owner).or_default();
            *sum = *sum + *cost;
        }
        let crowd = owners.values().map(|cost| (*cost).min(fair::seat(window))).sum();
        let room = fair::Room { window, out, crowd, limit };
        let fair::Choice::Go(fair::Going { jobs, served, clock, .. }) = fair::choose(lines, self.clock, room)
        else {
            panic!("all is known")
        };
        self.clock = clock;
        self.served.extend(served);
        for id in &jobs {
            let place = self.waiting.iter().position(|(_, job)| job.job == *id).unwrap();
            let (owner, job) = self.waiting.remove(place);
            self.out.insert(*id, (owner, job.cost));
        }
        jobs
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // A linear congruence (Knuth's MMIX): the same on every run.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

pub async fn routes_tell_what_is_handed_over_and_what_waits(ground: &Ground) {
    ground.store.announce(&[card("echo", Kind::Echo)]).await.unwrap();
    let mut published = ground.job();
    published.cost = Cost::new(7);
    ground.store.submit(&[published]).await.unwrap();
    ground.clock.advance(OVERDUE);
    waiting(ground, 1, |_, job| job.class = Class::Bulk).await;
    let routes = ground.store.routes(OVERDUE).await.unwrap();
    let told: Vec<_> = routes
        .into_iter()
        .map(|state| (state.route.class, state.published.units(), state.overdue, state.waiting))
        .collect();
    assert_eq!(told, [(Class::Interactive, 7, 1, false), (Class::Bulk, 0, 0, true)]);
}

pub async fn a_refused_publication_is_due_again(ground: &Ground) {
    let ids = ground.submitted(2).await;
    assert_eq!(ground.store.unpublish(&ids[..1]).await.unwrap(), 1);
    assert_eq!(due(ground, 100).await, ids[..1]);
}

pub async fn lost_messages_are_recovered_oldest_first(ground: &Ground) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.extend(ground.submitted(1).await);
    }
    assert_eq!(ground.store.recover(&route(), OVERDUE, 0).await.unwrap(), 0, "young marks are trusted");
    ground.clock.advance(OVERDUE);
    assert_eq!(ground.store.recover(&route(), OVERDUE, 1).await.unwrap(), 3);
    assert_eq!(due(ground, 100).await, ids[..3]);
}
