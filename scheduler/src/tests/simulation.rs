//! Seeded lives of a whole service, in which nearly everything goes wrong that may.
//!
//! The store, the queue and the scheduler's chores are the real ones; clients, workers and their deaths are played. Calls of
//! the store fail before or after they took effect, messages are lost, repeated and refused, workers die, freeze and wake,
//! clocks step. Then the trouble ends, and everything that was accepted must have ended: once, told in full, with its
//! result, and with nothing left over. `FOREBAY_SIMULATION_SEED` repeats one life.

mod flaky;
mod player;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use forebay_shared::entropy::{Entropy, SeededEntropy};
use forebay_shared::id::Ids;
use forebay_shared::job::{Cost, Job, Keep, Move};
use forebay_shared::store::{Again, Filter, Page, RetryOutcome, Store};
use forebay_shared::testing::{Fault, Watched, asked};
use futures::FutureExt;

use super::*;
use flaky::Flaky;
use player::Player;

/// What happens in one life before the trouble ends.
const STEPS: usize = 300;
/// How often a life may be looked after until all has ended.
const ROUNDS: usize = 400;
/// Workers that live at once.
const WORKERS: usize = 3;

/// Chance, and whether there is trouble at all.
#[derive(Debug)]
struct Trouble {
    dice: SeededEntropy,
    on: AtomicBool,
}

impl Trouble {
    /// One of so many, all equally likely.
    fn pick(&self, of: usize) -> usize {
        let mut bytes = [0; 8];
        self.dice.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % of.max(1) as u64).unwrap()
    }

    /// Whether the one in so many strikes.
    fn strikes(&self, in_so_many: usize) -> bool {
        self.on.load(Ordering::SeqCst) && self.pick(in_so_many) == 0
    }

    /// What befalls a call of the store.
    fn befalls(&self) -> Fault {
        match (self.strikes(20), self.on.load(Ordering::SeqCst)) {
            (false, _) | (_, false) => Fault::None,
            (true, true) if self.pick(2) == 0 => Fault::Before,
            (true, true) => Fault::After,
        }
    }
}

/// A life that is being lived.
struct World {
    trouble: Arc<Trouble>,
    /// The store that everybody asks.
    store: Arc<dyn Store>,
    /// The store behind it, for who looks.
    truth: Arc<dyn Store>,
    ground: Ground,
    queue: Arc<Flaky>,
    blobs: Blobs,
    chores: Arc<Chores>,
    players: Vec<Player>,
    /// Workers that were taken for dead and may not be.
    frozen: Vec<Player>,
    /// What clients were told is accepted, with how often they asked for another life.
    accepted: BTreeMap<JobId, usize>,
    /// What clients asked for and have heard nothing of.
    unheard: BTreeSet<JobId>,
    /// The attempts of which a worker heard that their success counts.
    succeeded: BTreeMap<JobId, u32>,
    /// How long a message may take.
    patience: Duration,
    _folder: tempfile::TempDir,
}

fn routes() -> [Route; 2] {
    Class::ALL.map(|class| Route { model: "echo".to_owned(), class })
}

impl World {
    async fn new(ground: Ground, queue: Arc<dyn Queue>, seed: u64, patience: Duration) -> Self {
        let trouble = Arc::new(Trouble { dice: SeededEntropy::new(seed), on: AtomicBool::new(false) });
        let truth = ground.store.clone();
        truth.announce(&[card("echo", Kind::Echo)]).await.unwrap();
        let (watched, fate) = (Watched::new(truth.clone()), trouble.clone());
        watched.set_faults(move |_| fate.befalls());
        let store: Arc<dyn Store> = Arc::new(watched);
        let ids = Ids::new(Arc::new(ground.clock.clone()), Arc::new(SeededEntropy::new(seed)));
        let ground = Ground { store: store.clone(), ids, ..ground };
        let queue = Arc::new(Flaky::new(queue, trouble.clone()));
        let (events, blobs) = (Arc::new(LocalEvents::new()), Blobs::in_memory());
        let chores = chores("one", &ground, &queue, &events, &blobs);
        trouble.on.store(true, Ordering::SeqCst);
        Self {
            trouble,
            store,
            truth,
            ground,
            queue,
            blobs,
            chores,
            players: Vec::new(),
            frozen: Vec::new(),
            accepted: BTreeMap::new(),
            unheard: BTreeSet::new(),
            succeeded: BTreeMap::new(),
            patience,
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    fn pick(&self, of: usize) -> usize {
        self.trouble.pick(of)
    }

    fn some_job(&self) -> Option<JobId> {
        self.accepted.keys().nth(self.pick(self.accepted.len())).copied()
    }

    async fn step(&mut self) {
        match self.pick(24) {
            0..=3 => self.submit().await,
            4..=7 => self.with_a_player(|world, player| Box::pin(world.take(player))).await,
            8..=11 => self.with_a_player(|world, player| Box::pin(world.finish(player))).await,
            12 => self.die(),
            13 => self.wake().await,
            14 => self.retire().await,
            15 => self.cancel().await,
            16 => self.retry().await,
            17 => self.delete().await,
            18 => self.chores.clone().fill().await,
            19 => self.chores.clone().repair().await,
            20 => self.chores.clone().expire().await,
            21 => self.order().await,
            _ => self.pass_time().await,
        }
    }

    /// Time passes, and those who live say so; now and then the clock is put back.
    async fn pass_time(&mut self) {
        if self.trouble.strikes(8) {
            self.ground.clock.set_back(Duration::from_millis(500));
        } else {
            let millis = [10, 200, 1000, 3000, 8000, 20_000][self.pick(6)];
            self.ground.clock.advance(Duration::from_millis(millis));
        }
        self.beat_all().await;
    }

    /// The api's door, and its hand-over to the queue, before which it may die.
    async fn submit(&mut self) {
        let mut jobs: Vec<_> = (0..=self.pick(4)).map(|_| self.ground.job()).collect();
        let now = self.ground.clock.now();
        let soon = |seconds: usize| now.plus(Duration::from_secs(seconds as u64));
        for job in &mut jobs {
            job.class = Class::ALL[self.pick(2)];
            job.cost = Cost::new(1 + self.pick(20) as u64);
            job.max_attempts = u16::try_from(1 + self.pick(3)).unwrap();
            job.keep = Keep::all(24 * HOUR);
            job.run_at = (self.pick(6) == 0).then(|| soon(self.pick(30)));
            job.start_by = (self.pick(10) == 0).then(|| soon(10 + self.pick(50)));
            job.finish_by = (self.pick(10) == 0).then(|| soon(20 + self.pick(50)));
            let route = Route { model: job.model.clone(), class: job.class };
            job.published = job.run_at.is_none() && self.chores.parts.filler.admit(&route, job.cost);
        }
        let ids = jobs.iter().map(|job| job.id);
        if self.store.submit(&jobs).await.is_err() {
            return self.unheard.extend(ids);
        }
        self.accepted.extend(ids.map(|id| (id, 0)));
        for job in jobs.iter().filter(|job| job.published) {
            if self.trouble.strikes(10) {
                return;
            }
            let route = Route { model: job.model.clone(), class: job.class };
            let message = Message { job_id: job.id, owner: job.owner.clone(), trace: None };
            let refused = self.queue.publish(&route, &[message]).await;
            // A mark that cannot be cleared is found wrong later.
            let _ = self.store.unpublish(&refused).await;
        }
    }

    async fn cancel(&mut self) {
        if let Some(id) = self.some_job() {
            let _ = self.store.cancel("alice", id).await;
        }
    }

    async fn retry(&mut self) {
        let Some(id) = self.some_job() else { return };
        let again = Again { ended_by: self.ground.clock.now(), start_by: None, finish_by: None };
        match self.store.retry("alice", id, again).await {
            Ok(RetryOutcome::Refused(_) | RetryOutcome::Unknown) => {}
            // Whoever has not heard may have been obeyed.
            Ok(RetryOutcome::Queued(_)) | Err(_) => *self.accepted.entry(id).or_default() += 1,
        }
    }

    async fn delete(&mut self) {
        let Some(id) = self.some_job() else { return };
        if self.pick(3) > 0 {
            return;
        }
        match self.store.delete("alice", id).await {
            Ok(DeleteOutcome::Running) => return,
            Ok(DeleteOutcome::Deleted | DeleteOutcome::Unknown) => {}
            Err(_) => drop(self.unheard.insert(id)),
        }
        self.accepted.remove(&id);
        self.succeeded.remove(&id);
    }

    /// Somebody stops the queue, or lets it go.
    async fn order(&mut self) {
        let _ = match self.pick(4) {
            0 => self.store.pause("echo").await,
            _ => self.store.resume("echo").await.map(drop),
        };
    }

    /// The trouble is over: whoever is left is looked after until everything has ended.
    async fn settle_down(&mut self) {
        self.trouble.on.store(false, Ordering::SeqCst);
        self.order_to_go().await;
        self.players.clear();
        for _ in 0..ROUNDS {
            self.ground.clock.advance(Duration::from_secs(2));
            self.beat_all().await;
            self.chores.clone().repair().await;
            self.chores.clone().expire().await;
            self.chores.clone().fill().await;
            self.with_a_player(|world, player| {
                Box::pin(async move {
                    world.take(player).await;
                    while !player.held.is_empty() {
                        world.finish(player).await;
                    }
                })
            })
            .await;
            if self.rows().await.values().all(|job| job.status.is_terminal()) && self.is_drained().await {
                return;
            }
        }
        let left: Vec<_> = self.rows().await.into_values().filter(|job| !job.status.is_terminal()).collect();
        panic!("after {ROUNDS} rounds there is something left: {left:#?}");
    }

    async fn order_to_go(&self) {
        self.store.resume("echo").await.unwrap();
    }

    async fn is_drained(&self) -> bool {
        let mut left = 0;
        for route in routes() {
            left += self.queue.depth(&route).await.unwrap();
        }
        left == 0
    }

    async fn rows(&self) -> BTreeMap<JobId, Job> {
        let page = Page { after: None, limit: 10_000 };
        let jobs = self.truth.jobs("alice", &Filter::default(), page).await.unwrap();
        jobs.into_iter().map(|job| (job.id, job)).collect()
    }

    async fn assert_all_is_well(&self) {
        let rows = self.rows().await;
        for (id, lives) in &self.accepted {
            let job = rows.get(id).unwrap_or_else(|| panic!("{id} was accepted and is lost"));
            self.assert_told(job, *lives).await;
            self.assert_kept(job).await;
        }
        let known = |id| self.accepted.contains_key(id) || self.unheard.contains(id);
        assert!(rows.keys().all(known), "there is a job that nobody asked for");
        for (id, attempt) in &self.succeeded {
            let job = &rows[id];
            assert_eq!(
                (job.status, job.attempt),
                (Status::Succeeded, *attempt),
                "a success counts once told"
            );
        }
        assert_eq!(self.truth.depths().await.unwrap(), [], "nothing waits, nothing runs");
        for state in self.truth.routes(Duration::ZERO).await.unwrap() {
            let left = (state.published, state.overdue, state.waiting);
            assert_eq!(left, (Cost::default(), 0, false), "{:?}", state.route);
        }
        assert_eq!(self.truth.reap().await.unwrap().jobs, 0, "the dead hold nothing");
    }

    /// It ended once in each of its lives, and every move was told once, in order.
    async fn assert_told(&self, job: &Job, lives: usize) {
        let events = self.truth.job_events("alice", job.id, 0).await.unwrap();
        let versions: Vec<_> = events.iter().map(|event| event.version).collect();
        assert_eq!(versions, (1..=job.version).collect::<Vec<_>>(), "{job:?}");
        let moves: Vec<_> = events.iter().filter_map(|event| event.kind.status()).collect();
        assert_eq!((moves.first(), moves.last()), (Some(&Status::Queued), Some(&job.status)));
        for pair in moves.windows(2) {
            let legal = Move::ALL.iter().any(|step| pair[0].after(*step) == Some(pair[1]));
            assert!(legal, "{} went from {} to {}", job.id, pair[0], pair[1]);
        }
        let ends = moves.iter().filter(|status| status.is_terminal()).count();
        assert!((1..=lives + 1).contains(&ends), "{} ended {ends} times in {} lives", job.id, lives + 1);
    }

    /// The result of the attempt that counts is there, whole.
    async fn assert_kept(&self, job: &Job) {
        assert_eq!(job.result.is_some(), job.status == Status::Succeeded, "{job:?}");
        if let Some(at) = &job.result {
            let kept = self.blobs.range(&at.segment, at.offset..at.offset + at.length).await.unwrap();
            assert_eq!(kept, player::result(job.id, job.attempt), "{job:?}");
        }
        let history = self.truth.attempts("alice", job.id).await.unwrap();
        assert!(history.is_sorted_by(|one, next| one.number < next.number), "{history:?}");
    }
}

/// Lives one life, and says which it was if it goes wrong.
async fn live(seed: u64, world: impl Future<Output = World>) {
    let life = async {
        let mut world = world.await;
        for _ in 0..STEPS {
            world.step().await;
        }
        assert!(world.accepted.len() > 50, "much has happened");
        world.settle_down().await;
        assert!(world.succeeded.len() > 10, "much has succeeded");
        world.assert_all_is_well().await;
    };
    if let Err(wrong) = AssertUnwindSafe(life).catch_unwind().await {
        eprintln!("FOREBAY_SIMULATION_SEED={seed} repeats this life");
        std::panic::resume_unwind(wrong);
    }
}

/// SQLite and a queue inside the process.
async fn embedded(seed: u64) -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::default();
    let file = folder.path().join("forebay.db");
    let store = Sqlite::open(&file, Arc::new(clock.clone()), &Tasks::new()).await.unwrap();
    let ground = Ground::new(Arc::new(store), clock);
    let world = World::new(ground, Arc::new(LocalQueue::new()), seed, Duration::ZERO).await;
    World { _folder: folder, ..world }
}

/// Postgres and RabbitMQ.
#[cfg(feature = "services")]
async fn fleet(seed: u64) -> World {
    use forebay_shared::amqp::Link;
    use forebay_shared::queue::AmqpQueue;
    use forebay_shared::store::Postgres;
    use forebay_shared::testing::Services;
    let services = Services::running();
    let (database, broker, clock) = (services.database().await, services.queue(), ManualClock::default());
    Postgres::migrate(&database).await.unwrap();
    let store = Postgres::with_clock(&database, Arc::new(clock.clone())).await.unwrap();
    let queue = AmqpQueue::new(&broker, Link::new(broker.url.clone(), "simulation"));
    World::new(Ground::new(Arc::new(store), clock), Arc::new(queue), seed, Duration::from_millis(20)).await
}

/// The one that was asked for, or these.
fn seeds(usual: std::ops::Range<u64>) -> Vec<u64> {
    let one = asked("FOREBAY_SIMULATION_SEED").map(|seed| seed.parse().expect("a seed is a number"));
    one.map_or_else(|| usual.collect(), |seed| vec![seed])
}

#[tokio::test]
async fn whatever_goes_wrong_what_was_accepted_ends_once_and_nothing_is_left() {
    for seed in seeds(0..if cfg!(feature = "long") { 100 } else { 8 }) {
        live(seed, embedded(seed)).await;
    }
}

#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_in_a_fleet_what_was_accepted_ends_once_and_nothing_is_left() {
    for seed in seeds(0..if cfg!(feature = "long") { 20 } else { 2 }) {
        live(seed, fleet(seed)).await;
    }
}
