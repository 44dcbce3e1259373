//! Pulls from a stand-in hub, each step of which a test can see.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forebay_shared::blobs::Blobs;
use forebay_shared::config::{HubConfig, RegistryConfig, Secret, Size};
use forebay_shared::entropy::SeededEntropy;
use forebay_shared::events::{Event, Events, LocalEvents, Step};
use forebay_shared::fetch::Guard;
use forebay_shared::hub::Hub;
use forebay_shared::id::JobId;
use forebay_shared::job::{
    Backoff, FailureCode, Job, Keep, NewJob, Output, RetryPolicy, Status, read_result,
};
use forebay_shared::registry::{FOLDER, NewPull, Registered, Registrar};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::CancelOutcome;
use forebay_shared::store::conformance::{Ground, LIFE};
use forebay_shared::testing::{Fault, Manner, StandIn, Watched, hub_config, registrar, registry_config};
use tokio::sync::broadcast::Receiver;

use super::{Bench, HOUR};
use crate::Chores;
use crate::pull::{PullParts, Puller};

const GRAPH: &str = "onnx/model.onnx";
const LENGTH: u64 = 400_000;
/// So much of the graph comes before it stalls.
const HELD: u64 = 150_000;
/// How long a test waits for what must come, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What every bench has: a puller that no hub answers.
pub(super) fn puller(
    ground: &Ground,
    events: &Arc<LocalEvents>,
    blobs: &Blobs,
    tasks: &Tasks,
) -> Arc<Puller> {
    Puller::new(parts(ground, events, blobs, tasks))
}

fn parts(ground: &Ground, events: &Arc<LocalEvents>, blobs: &Blobs, tasks: &Tasks) -> PullParts {
    let backoff = Backoff { base: Duration::from_secs(2), max: HOUR, jitter: 0.0 };
    PullParts {
        hub: hub("http://127.0.0.1:9"),
        token_owners: Vec::new(),
        registrar: registrar(ground.store.clone(), blobs, &ground.ids, Path::new("/nowhere")),
        events: events.clone(),
        retry: RetryPolicy { infrastructure: backoff, fetch: backoff, model: backoff },
        entropy: Arc::new(SeededEntropy::new(3)),
        host: "here".to_owned(),
        folder: PathBuf::from("/nowhere"),
        keep: HOUR,
        at_once: 2,
        // A beat each 50 ms, by this machine's clock.
        lease: Duration::from_millis(250),
        tasks: tasks.clone(),
    }
}

fn hub(url: &str) -> Hub {
    let loopback: Guard = "127.0.0.0/8".parse().unwrap();
    Hub::new(&HubConfig { files: 1, ..hub_config(url) }, loopback).unwrap()
}

/// Bytes of which no two ranges are alike.
fn weights() -> Vec<u8> {
    let words = 0..u32::try_from(LENGTH / 4).unwrap();
    words.flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// A scheduler, the hub that it pulls from, and who follows.
struct Scene {
    bench: Bench,
    hub: StandIn,
    puller: Arc<Puller>,
    news: Receiver<Arc<Event>>,
    tasks: Tasks,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|parts| parts).await
    }

    async fn with(change: impl FnOnce(PullParts) -> PullParts) -> Self {
        let model = vec![("config.json", b"{}".to_vec()), (GRAPH, weights())];
        let several = vec![("onnx/a.onnx", b"a".to_vec()), ("onnx/b.onnx", b"b".to_vec())];
        let nothing = vec![("config.json", Vec::new())];
        let hostile =
            ["forebay.toml", "unservable", "onnx/model.onnx"].map(|path| (path, b"x".to_vec())).to_vec();
        let hub = StandIn::serving([
            ("org/toy", model),
            ("org/several", several),
            ("org/none", nothing),
            ("org/hostile", hostile),
        ])
        .await;
        let bench = Bench::new().await;
        let news = bench.events.subscribe();
        let (folder, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
        let parts = Self::parts(&bench, &hub, folder.path(), &tasks);
        let puller = Puller::new(change(parts));
        Self { bench, hub, puller, news, tasks, folder }
    }

    /// One that has a token of the hub's, which it shows for these owners.
    async fn knowing(token: &str, owners: &[&str]) -> Self {
        let mut scene = Self::new().await;
        let parts = Self::parts(&scene.bench, &scene.hub, scene.folder.path(), &scene.tasks);
        let config = HubConfig { token: Secret::new(token), files: 1, ..hub_config(&scene.hub.url) };
        let token_owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
        let hub = Hub::new(&config, "127.0.0.0/8".parse().unwrap()).unwrap();
        scene.puller = Puller::new(PullParts { hub, token_owners, ..parts });
        scene
    }

    /// One whose store does this once to that method, when it is told to.
    async fn troubled(method: &'static str, fault: Fault) -> (Self, Arc<AtomicBool>) {
        let strikes = Arc::new(AtomicBool::new(false));
        let strike = strikes.clone();
        let befalls = move |asked| {
            if asked == method && strike.swap(false, Ordering::SeqCst) { fault } else { Fault::None }
        };
        let scene = Self::with(|parts| {
            let store = Watched::new(parts.registrar.store.clone());
            store.set_faults(befalls);
            let registrar = Registrar { store: Arc::new(store), ..parts.registrar.clone() };
            PullParts { registrar, ..parts }
        });
        (scene.await, strikes)
    }

    fn parts(bench: &Bench, stand_in: &StandIn, folder: &Path, tasks: &Tasks) -> PullParts {
        let parts = parts(&bench.ground, &bench.events, &bench.blobs, tasks);
        PullParts { hub: hub(&stand_in.url), folder: folder.to_owned(), ..parts }
    }

    /// Another process on the same machine.
    fn another(&self) -> Arc<Puller> {
        Puller::new(Self::parts(&self.bench, &self.hub, self.folder.path(), &self.tasks))
    }

    fn job(&self, reference: &str) -> NewJob {
        self.job_by(reference, false)
    }

    fn job_by(&self, reference: &str, by_admin: bool) -> NewJob {
        self.bench.ground.clock.advance(Duration::from_millis(1));
        let (owner, reference) = ("alice".to_owned(), reference.parse().unwrap());
        let pull = NewPull { owner, reference, name: None, everybody: false, by_admin };
        let job = pull.job(self.bench.ground.ids.job(), Keep::all(HOUR)).unwrap();
        NewJob { waiter: Some(self.bench.events.address().to_owned()), ..job }
    }

    async fn submit(&self, reference: &str) -> JobId {
        let job = self.job(reference);
        let id = job.id;
        self.bench.ground.store.submit(&[job]).await.unwrap();
        id
    }

    /// Pulls it now, and waits for its end.
    async fn pulled(&mut self, reference: &str) -> Job {
        let id = self.submit(reference).await;
        self.taken(id).await;
        self.ended(id).await
    }

    /// Looks for pulls, as each tick does, until this one is taken up: another may be about to make room.
    async fn taken(&self, id: JobId) {
        let before = self.bench.ground.read(id).await.version;
        let taken = async {
            while self.bench.ground.read(id).await.version == before {
                self.puller.take().await;
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, taken).await.expect("it is taken up");
    }

    async fn ended(&mut self, id: JobId) -> Job {
        let ended = async {
            loop {
                if let Event::Ended(ended) = &*self.news.recv().await.unwrap()
                    && ended.id == id
                {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("the job ends");
        self.bench.ground.read(id).await
    }

    /// Waits until so many bytes of the graph are there, in this attempt.
    async fn fetched(&mut self, attempt: u32, bytes: u64) {
        let told = async {
            loop {
                if let Event::Progress(progress) = &*self.news.recv().await.unwrap()
                    && let Some(transfer) = &progress.transfer
                    && (transfer.step, transfer.file.as_deref()) == (Step::Download, Some(GRAPH))
                    && (progress.attempt, transfer.completed) >= (attempt, bytes)
                {
                    assert_eq!((transfer.total, progress.done, progress.total), (LENGTH, 0, 1));
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("progress is told");
    }

    async fn output(&self, job: &Job) -> Output {
        let at = job.result.as_ref().expect("it has a result");
        let result = self.bench.blobs.range(&at.segment, at.offset..at.offset + at.length).await.unwrap();
        read_result(&result).unwrap().remove(0).expect("its item has an output")
    }

    async fn registered(&self, name: &str) -> Option<Registered> {
        self.bench.ground.store.registered(Some("alice"), name).await.unwrap()
    }

    /// Waits until the job's first attempt has failed, which nobody is told.
    async fn tried(&self, id: JobId) -> Job {
        self.seen(id, |job| job.status == Status::Queued && job.error.is_some()).await
    }

    /// Waits until the job is like this.
    async fn seen(&self, id: JobId, like: impl Fn(&Job) -> bool) -> Job {
        let seen = async {
            loop {
                let job = self.bench.ground.read(id).await;
                if like(&job) {
                    return job;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.expect("it comes to that")
    }
}

fn failed(job: &Job) -> (Status, FailureCode) {
    (job.status, job.error.as_ref().expect("it says why").code)
}

fn message(job: &Job) -> &str {
    &job.error.as_ref().expect("it says why").message
}

#[tokio::test]
async fn a_pull_is_a_job_and_its_model_is_its_owners() {
    let mut scene = Scene::new().await;
    let job = scene.pulled("org/toy").await;
    assert_eq!((job.status, job.attempt, job.model.as_str()), (Status::Succeeded, 1, "model_pull"));
    let model = scene.registered("org/toy").await.expect("it is there");
    let commit = scene.hub.commit("org/toy");
    assert_eq!(model.owner.as_deref(), Some("alice"));
    assert!(model.source.ends_with(&format!("/org/toy@{commit}:{GRAPH}")), "{}", model.source);
    let (digest, bytes) = (model.digest.to_string(), LENGTH + 2);
    let told = Output::Model { model: "org/toy".to_owned(), digest, bytes, revision: commit, stored: bytes };
    assert_eq!(scene.output(&job).await, told);
    let files = scene.bench.ground.store.registered_files(Some("alice"), "org/toy").await.unwrap();
    let paths: Vec<_> = files.iter().map(|(file, _)| file.path.as_str()).collect();
    assert_eq!(paths, ["config.json", GRAPH]);
    assert_eq!(std::fs::read_dir(scene.folder.path()).unwrap().count(), 0, "nothing is left on the disk");
    let everybodys = scene.bench.ground.store.registered(None, "org/toy").await.unwrap();
    assert_eq!(everybodys, None);
}

#[tokio::test]
async fn two_pulls_of_the_same_fetch_it_once() {
    let mut scene = Scene::new().await;
    let (first, second) = (scene.submit("org/toy").await, scene.submit("org/toy").await);
    scene.puller.take().await;
    let other = scene.another();
    other.take().await;
    let mut stored = Vec::new();
    for id in [first, second] {
        let job = scene.seen(id, |job| job.status != Status::Running).await;
        if job.status == Status::Queued {
            // The other was quicker.
            scene.seen(if id == first { second } else { first }, |job| job.status.is_terminal()).await;
            scene.bench.ground.clock.advance(Duration::from_secs(5));
            other.take().await;
        }
        let job = scene.seen(id, |job| job.status.is_terminal()).await;
        let Output::Model { stored: bytes, .. } = scene.output(&job).await else { panic!("a model") };
        stored.push(bytes);
    }
    stored.sort_unstable();
    assert_eq!(stored, [0, LENGTH + 2]);
    assert_eq!(scene.hub.asked(GRAPH).len(), 1);
    let again = scene.pulled("org/toy").await;
    assert!(matches!(scene.output(&again).await, Output::Model { stored: 0, .. }));
    assert_eq!(scene.hub.asked(GRAPH).len(), 1);
}

#[tokio::test]
async fn one_of_two_schedulers_does_a_pull() {
    let mut scene = Scene::new().await;
    // On another machine: no folder keeps them apart.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Puller::new(Scene::parts(&scene.bench, &scene.hub, elsewhere.path(), &scene.tasks));
    for round in 1..=4 {
        // The same model under one name more, so that there is something to be done.
        let name = Some(format!("toy-{round}"));
        let (owner, reference) = ("alice".to_owned(), "org/toy".parse().unwrap());
        let pull = NewPull { owner, reference, name, everybody: false, by_admin: false };
        let job = pull.job(scene.bench.ground.ids.job(), Keep::all(HOUR)).unwrap();
        let job = NewJob { waiter: Some(scene.bench.events.address().to_owned()), ..job };
        let id = job.id;
        scene.bench.ground.store.submit(&[job]).await.unwrap();
        tokio::join!(scene.puller.take(), other.take());
        let job = scene.ended(id).await;
        assert_eq!((job.status, job.attempt), (Status::Succeeded, 1));
        assert_eq!(scene.hub.asked(GRAPH).len(), round, "it is fetched once");
    }
}

#[tokio::test]
async fn a_hub_that_is_asked_too_often_is_waited_for_and_who_follows_hears_it() {
    let mut scene = Scene::new().await;
    scene.hub.turn_away(1, "retry-after: 1");
    let id = scene.submit("org/toy").await;
    scene.puller.take().await;
    let waits = async {
        loop {
            if let Event::Progress(progress) = &*scene.news.recv().await.unwrap()
                && progress.transfer.as_ref().is_some_and(|transfer| transfer.step == Step::Wait)
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waits).await.expect("it is told");
    let job = scene.ended(id).await;
    assert_eq!((job.status, job.attempt), (Status::Succeeded, 1), "no attempt is lost by it");

    scene.hub.turn_away(1, "retry-after: 7200");
    let id = scene.submit("org/several").await;
    scene.puller.take().await;
    let job = scene.tried(id).await;
    assert_eq!(message(&job), "`127.0.0.1` is asked too often; it wants to be left alone for 2h");
    assert_eq!(job.available_at.since(job.changed_at), HOUR, "as long as a fetch is put off at most");
}

#[tokio::test]
async fn a_second_pull_of_the_same_keeps_no_room_from_others() {
    let mut scene = Scene::new().await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let first = scene.submit("org/toy").await;
    scene.puller.take().await;
    scene.fetched(1, HELD).await;
    let second = scene.submit("org/toy").await;
    scene.puller.take().await;
    let job = scene.seen(second, |job| job.status == Status::Queued && job.version > 1).await;
    assert_eq!((job.attempt, job.available_at.since(job.changed_at)), (0, Duration::from_secs(5)));
    let none = scene.pulled("org/none").await;
    assert_eq!(none.status, Status::Failed, "there was room for it");
    scene.hub.release();
    assert_eq!(scene.ended(first).await.status, Status::Succeeded);
    scene.bench.ground.clock.advance(Duration::from_secs(5));
    scene.puller = scene.another();
    scene.puller.take().await;
    let job = scene.ended(second).await;
    assert_eq!((job.status, job.attempt), (Status::Succeeded, 1));
    assert!(matches!(scene.output(&job).await, Output::Model { stored: 0, .. }));
    assert_eq!(scene.hub.asked(GRAPH).len(), 1);
}

#[tokio::test]
async fn who_begins_to_follow_late_hears_how_far_it_is() {
    let mut scene = Scene::new().await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let quiet = NewJob { waiter: None, ..scene.job("org/toy") };
    let id = quiet.id;
    scene.bench.ground.store.submit(&[quiet]).await.unwrap();
    scene.puller.take().await;
    scene.hub.sending(1).await;
    let address = scene.bench.events.address().to_owned();
    scene.bench.ground.store.watch("alice", id, &address).await.unwrap();
    scene.bench.events.announce(Event::Watched { id, address }).await;
    scene.fetched(1, HELD).await;
    scene.hub.release();
    assert_eq!(scene.ended(id).await.status, Status::Succeeded);
}

#[tokio::test]
async fn whoever_comes_after_a_death_fetches_the_rest() {
    let mut scene = Scene::new().await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let id = scene.submit("org/toy").await;
    scene.puller.take().await;
    scene.fetched(1, HELD).await;
    // It is not heard of for a whole lease.
    scene.bench.ground.clock.advance(LIFE);
    scene.bench.chores.clone().repair().await;
    assert_eq!(scene.bench.ground.read(id).await.status, Status::Queued);
    // The folder is let go when whoever had it hears that its lease is gone; the dead let go at once.
    tokio::time::timeout(PATIENCE, scene.puller.idle()).await.expect("it stops");
    let other = scene.another();
    other.take().await;
    scene.fetched(2, HELD).await;
    scene.hub.release();
    let job = scene.ended(id).await;
    assert_eq!((job.status, job.attempt), (Status::Succeeded, 2));
    let rest = scene.hub.asked(GRAPH).into_iter().find(|asked| asked.from > 0).expect("it goes on");
    assert!(rest.from >= HELD && rest.from + rest.sent == LENGTH, "{rest:?}");
    let attempts = scene.bench.ground.store.attempts("alice", id).await.unwrap();
    assert_eq!(attempts[0].code, FailureCode::LeaseLost);
}

#[tokio::test]
async fn a_pull_that_is_cancelled_stops_and_the_next_goes_on() {
    let mut scene = Scene::new().await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let id = scene.submit("org/toy").await;
    scene.puller.take().await;
    scene.fetched(1, HELD).await;
    let asked = scene.bench.ground.store.cancel("alice", id).await.unwrap();
    assert!(matches!(asked, CancelOutcome::Requested(_)));
    let job = scene.ended(id).await;
    assert_eq!(job.status, Status::Cancelled);
    assert_eq!(scene.registered("org/toy").await, None);
    scene.hub.release();
    assert_eq!(scene.pulled("org/toy").await.status, Status::Succeeded);
    let rest = scene.hub.asked(GRAPH).into_iter().find(|asked| asked.from > 0).expect("it goes on");
    assert!(rest.from >= HELD, "{rest:?}");
}

#[tokio::test]
async fn a_soft_stop_gives_a_pull_back_and_the_attempt_does_not_count() {
    let mut scene = Scene::new().await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let id = scene.submit("org/toy").await;
    scene.puller.take().await;
    scene.fetched(1, HELD).await;
    scene.tasks.stop();
    scene.puller.rest().await;
    let job = scene.bench.ground.read(id).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 0));
    assert_eq!(scene.bench.ground.store.workers().await.unwrap(), [], "its life is over");
}

#[tokio::test]
async fn a_claim_whose_answer_is_lost_leaves_nothing_running() {
    let (mut scene, strikes) = Scene::troubled("claim", Fault::After).await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let first = scene.submit("org/toy").await;
    scene.puller.take().await;
    scene.fetched(1, HELD).await;
    strikes.store(true, Ordering::SeqCst);
    let second = scene.submit("org/none").await;
    scene.puller.take().await;
    let job = scene.bench.ground.read(second).await;
    assert_eq!((job.status, job.attempt), (Status::Queued, 0), "the life goes on, and nobody does it");
    scene.puller.take().await;
    assert_eq!(scene.ended(second).await.status, Status::Failed);
    scene.hub.release();
    assert_eq!(scene.ended(first).await.status, Status::Succeeded);
}

#[tokio::test]
async fn a_pull_whose_end_is_refused_is_given_back() {
    let (mut scene, strikes) = Scene::troubled("settle", Fault::Refused).await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let first = scene.submit("org/toy").await;
    scene.puller.take().await;
    scene.fetched(1, HELD).await;
    strikes.store(true, Ordering::SeqCst);
    let second = scene.submit("org/none").await;
    scene.puller.take().await;
    scene.seen(second, |job| job.status == Status::Queued && job.version > 1).await;
    scene.taken(second).await;
    assert_eq!(scene.ended(second).await.status, Status::Failed);
    scene.hub.release();
    assert_eq!(scene.ended(first).await.status, Status::Succeeded);
}

#[tokio::test]
async fn what_is_no_model_is_refused_and_nothing_is_registered() {
    let mut scene = Scene::new().await;
    let none = scene.pulled("org/none").await;
    assert_eq!(failed(&none), (Status::Failed, FailureCode::UnfitModel));
    assert_eq!(message(&none), "the repository `org/none` has no ONNX file");
    let several = scene.pulled("org/several").await;
    assert!(message(&several).ends_with("name one: `onnx/a.onnx`, `onnx/b.onnx`"), "{}", message(&several));
    let missing = scene.pulled("org/nobody").await;
    assert_eq!(failed(&missing), (Status::Failed, FailureCode::NotInHub));
    let hostile = scene.pulled("org/hostile").await;
    assert_eq!(failed(&hostile), (Status::Failed, FailureCode::UnfitModel));
    assert!(message(&hostile).starts_with("this is no model that can be served: "), "{}", message(&hostile));
    scene.hub.send(GRAPH, Manner::Wrong);
    let wrong = scene.pulled("org/toy").await;
    assert_eq!(failed(&wrong), (Status::Failed, FailureCode::WrongChecksum));
    scene.hub.require("hf_secret");
    let closed = scene.pulled("org/toy").await;
    assert_eq!(failed(&closed), (Status::Failed, FailureCode::HubRefused));
    assert_eq!(scene.bench.ground.store.all_registered().await.unwrap(), []);
    let stored = scene.bench.blobs.folders(FOLDER).await.unwrap();
    assert_eq!(stored, [""; 0], "no byte of it is stored");
}

#[tokio::test]
async fn the_hubs_token_is_sent_for_those_alone_who_may_have_what_it_opens() {
    // Nobody is shown it who is not to have it, though the hub would not mind.
    let mut scene = Scene::knowing("hf_secret", &["bob"]).await;
    assert_eq!(scene.pulled("org/toy").await.status, Status::Succeeded);
    assert!(scene.hub.asked("config.json").iter().all(|asked| !asked.with_token));

    let mut scene = Scene::knowing("hf_secret", &["bob"]).await;
    scene.hub.require("hf_secret");
    let refused = scene.pulled("org/toy").await;
    assert_eq!(failed(&refused), (Status::Failed, FailureCode::HubRefused));
    assert!(
        message(&refused).ends_with("not sent for this owner (hub.token_owners)"),
        "{}",
        message(&refused)
    );
    let by_admin = scene.job_by("org/toy", true);
    let id = by_admin.id;
    scene.bench.ground.store.submit(&[by_admin]).await.unwrap();
    scene.puller.take().await;
    assert_eq!(scene.ended(id).await.status, Status::Succeeded);

    for owner in ["alice", "*"] {
        let mut scene = Scene::knowing("hf_secret", &[owner]).await;
        scene.hub.require("hf_secret");
        assert_eq!(scene.pulled("org/toy").await.status, Status::Succeeded);
    }
}

#[tokio::test]
async fn what_came_with_the_token_is_not_gone_on_with_without_it() {
    let mut scene = Scene::knowing("hf_secret", &[]).await;
    scene.hub.send(GRAPH, Manner::Held(HELD));
    let by_admin = scene.job_by("org/toy", true);
    let id = by_admin.id;
    scene.bench.ground.store.submit(&[by_admin]).await.unwrap();
    scene.puller.take().await;
    scene.fetched(1, HELD).await;
    scene.bench.ground.store.cancel("alice", id).await.unwrap();
    assert_eq!(scene.ended(id).await.status, Status::Cancelled);
    scene.hub.release();
    assert_eq!(scene.pulled("org/toy").await.status, Status::Succeeded);
    assert!(scene.hub.asked(GRAPH).iter().all(|asked| asked.from == 0), "all of it comes again");
}

#[tokio::test]
async fn a_name_that_is_anothers_is_refused_before_anything_is_fetched() {
    let mut scene = Scene::new().await;
    let job = scene.job("org/toy");
    let bobs = NewJob { owner: "bob".to_owned(), ..job };
    let id = bobs.id;
    scene.bench.ground.store.submit(&[bobs]).await.unwrap();
    scene.puller.take().await;
    while scene.bench.ground.store.ended(&[id]).await.unwrap().is_empty() {
        drop(tokio::time::timeout(PATIENCE, scene.news.recv()).await.expect("it ends"));
    }
    assert_eq!(scene.hub.asked(GRAPH).len(), 1);
    let job = scene.pulled("org/toy").await;
    assert_eq!(failed(&job), (Status::Failed, FailureCode::InvalidParams));
    assert_eq!(message(&job), "the name `org/toy` is taken");
    assert_eq!(scene.hub.asked(GRAPH).len(), 1);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_refused_before_it_is_fetched() {
    let limited = |limits| {
        move |parts: PullParts| PullParts {
            registrar: Registrar { limits, ..parts.registrar.clone() },
            ..parts
        }
    };
    let full = RegistryConfig { disk_reserve: Size::new(u64::MAX), ..registry_config() };
    let mut scene = Scene::with(limited(full)).await;
    let job = scene.pulled("org/toy").await;
    assert_eq!(failed(&job), (Status::Failed, FailureCode::DiskFull));
    assert!(message(&job).contains("390.6 KiB more have no room"), "{}", message(&job));
    assert_eq!(scene.hub.paths(), [""; 0]);

    let small = RegistryConfig { max_bytes: Size::new(1000), ..registry_config() };
    let mut scene = Scene::with(limited(small)).await;
    let job = scene.pulled("org/toy").await;
    assert_eq!(failed(&job), (Status::Failed, FailureCode::UnfitModel));
    assert_eq!(message(&job), "the model has 390.6 KiB, and a model may have 1000 B (registry.max_bytes)");
    assert_eq!(scene.hub.paths(), [""; 0]);
}

#[tokio::test]
async fn a_hub_that_is_away_is_asked_again_later() {
    let mut scene = Scene::with(|parts| PullParts { hub: hub("http://127.0.0.1:9"), ..parts }).await;
    let id = scene.submit("org/toy").await;
    scene.puller.take().await;
    let job = scene.tried(id).await;
    assert_eq!(job.error.as_ref().map(|error| error.code), Some(FailureCode::FetchFailed));
    assert_eq!(job.available_at.since(job.changed_at), Duration::from_secs(2));
    scene.puller = scene.another();
    scene.puller.take().await;
    assert_eq!(scene.bench.ground.read(id).await.status, Status::Queued, "its time has not come");
    scene.bench.ground.clock.advance(Duration::from_secs(2));
    scene.puller.take().await;
    assert_eq!(scene.ended(id).await.status, Status::Succeeded);
}

#[tokio::test]
async fn a_pull_can_be_everybodys_and_done_by_whoever_waits_for_it() {
    let scene = Scene::new().await;
    let (owner, reference) = ("default".to_owned(), "org/toy".parse().unwrap());
    let name = Some("toy".to_owned());
    let pull = NewPull { owner, reference, name, everybody: true, by_admin: true };
    let job = pull.job(scene.bench.ground.ids.job(), Keep::all(HOUR)).unwrap();
    let job = scene.puller.pull(job, &forebay_shared::registry::Silent).await.unwrap();
    assert_eq!(job.status, Status::Succeeded);
    let model = scene.bench.ground.store.registered(None, "toy").await.unwrap().expect("it is there");
    assert_eq!(model.owner, None);
}

#[tokio::test]
async fn what_was_marked_by_whoever_died_is_taken_up() {
    let mut scene = Scene::new().await;
    let job = NewJob { published: true, ..scene.job("org/toy") };
    let id = job.id;
    scene.bench.ground.store.submit(&[job]).await.unwrap();
    scene.puller.take().await;
    assert_eq!(scene.bench.ground.read(id).await.status, Status::Queued, "somebody may be about to claim it");
    scene.bench.ground.clock.advance(Duration::from_secs(6));
    scene.puller.take().await;
    assert_eq!(scene.ended(id).await.status, Status::Succeeded);
}

#[tokio::test]
async fn a_paused_queue_pulls_nothing() {
    let mut scene = Scene::new().await;
    scene.bench.ground.store.pause("model_pull").await.unwrap();
    let id = scene.submit("org/toy").await;
    scene.puller.take().await;
    assert_eq!(scene.bench.ground.read(id).await.status, Status::Queued);
    scene.bench.ground.store.resume("model_pull").await.unwrap();
    scene.puller.take().await;
    assert_eq!(scene.ended(id).await.status, Status::Succeeded);
}

#[tokio::test]
async fn every_replica_looks_for_pulls_with_its_tick() {
    let bench = Bench::new().await;
    let follower = bench.replica("two");
    let chores: [&Arc<Chores>; 2] = [&bench.chores, &follower];
    for chores in chores {
        chores.clone().pull().await;
        assert_eq!(bench.ground.store.workers().await.unwrap(), [], "nothing waits, so nobody registers");
    }
}
