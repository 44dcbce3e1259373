//! A worker on SQLite, a queue inside the process and blobs in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::blobs::Blobs;
use forebay_shared::clock::SystemClock;
use forebay_shared::config::{CacheConfig, FetchConfig, Size, Span};
use forebay_shared::entropy::OsEntropy;
use forebay_shared::events::{Event, Events, LocalEvents};
use forebay_shared::fetch::Fetcher;
use forebay_shared::id::{Ids, JobId};
use forebay_shared::job::{Class, Cost, Input, Item, ItemsAt, Job, NewJob, Object, Status};
use forebay_shared::queue::{LocalQueue, Message, Producer, Queue};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Attempts, Handover, Jobs, Noted, Route, Sqlite, Store, Submitted, Workers};
use forebay_shared::testing::{cache_config, fresh_ids, no_moderation, sample_job};
use forebay_worker::config::{RetryConfig, WorkerConfig};
use forebay_worker::model::Provider;
use forebay_worker::{Worker, WorkerParts};
use serde_json::Value;
use tokio::sync::broadcast;

/// How long a test waits for what must come, on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Everything around a worker.
pub struct Ground {
    pub store: Arc<Sqlite>,
    pub queue: LocalQueue,
    pub events: LocalEvents,
    pub blobs: Blobs,
    pub ids: Ids,
    pub config: WorkerConfig,
    pub cache: CacheConfig,
    pub news: broadcast::Receiver<Arc<Event>>,
    folder: tempfile::TempDir,
    data: PathBuf,
    keepers: Tasks,
}

/// A worker that runs.
pub struct Running {
    pub tasks: Tasks,
    pub done: tokio::task::JoinHandle<()>,
}

impl Ground {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keepers = Tasks::new();
        let file = folder.path().join("forebay.db");
        let store = Sqlite::open(&file, Arc::new(SystemClock), &keepers).await.unwrap();
        let events = LocalEvents::new();
        Self {
            store: Arc::new(store),
            queue: LocalQueue::new(),
            news: events.subscribe(),
            events,
            blobs: Blobs::in_memory(),
            ids: fresh_ids(),
            config: config(),
            cache: cache_config(),
            data: folder.path().to_owned(),
            folder,
            keepers,
        }
    }

    /// The same with some of the starter models, as `cargo xtask setup` makes them.
    pub async fn with_models(names: &[&str]) -> Self {
        let mut ground = Self::new().await;
        ground.config.models = names.iter().map(|name| (*name).to_owned()).collect();
        ground.data = data();
        ground
    }

    /// Starts a worker.
    pub async fn start(&self) -> Running {
        self.start_on(Arc::new(self.queue.clone())).await
    }

    /// Starts a worker that takes its work from this queue.
    pub async fn start_on(&self, queue: Arc<dyn Queue>) -> Running {
        self.start_between(self.store.clone(), queue).await
    }

    /// Starts a worker that sees this store.
    pub async fn start_before(&self, store: Arc<dyn Store>) -> Running {
        self.start_between(store, Arc::new(self.queue.clone())).await
    }

    async fn start_between(&self, store: Arc<dyn Store>, queue: Arc<dyn Queue>) -> Running {
        let tasks = Tasks::new();
        let fetch = FetchConfig {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            timeout: Span::new(Duration::from_secs(2)),
            max_redirects: 3,
            max_bytes: Size::new(1 << 20),
        };
        let parts = WorkerParts {
            store,
            queue,
            events: Arc::new(self.events.clone()),
            blobs: self.blobs.clone(),
            fetcher: Fetcher::new(&fetch),
            moderation: Arc::new(no_moderation()),
            cache: self.cache.clone(),
            disk_reserve: Size::new(0),
            ids: self.ids.clone(),
            entropy: Arc::new(OsEntropy),
            host: "here".into(),
            tasks: tasks.clone(),
        };
        let worker = Worker::open(self.config.clone(), parts, &self.data).await.unwrap();
        let done = tasks.spawn("worker", worker.run());
        Running { tasks, done }
    }

    /// A job of these items for `model`, with somebody waiting for it.
    pub fn job(&self, model: &str, items: &[Item]) -> NewJob {
        NewJob {
            model: model.to_owned(),
            item_count: u32::try_from(items.len()).unwrap(),
            cost: Cost::of(items, &Object::new()),
            items: ItemsAt::Row(ItemsAt::encode(items)),
            waiter: Some(self.events.address().to_owned()),
            ..sample_job(&self.ids, "alice")
        }
    }

    /// Submits jobs and hands them over.
    pub async fn submit(&self, jobs: &[NewJob]) -> Vec<JobId> {
        for submitted in self.store.submit(jobs).await.unwrap() {
            assert!(matches!(submitted, Submitted::Created(_)));
        }
        for job in jobs.iter().filter(|job| job.published) {
            let route = Route { model: job.model.clone(), class: job.class };
            assert!(
                self.queue
                    .publish(&route, &[Message { job_id: job.id, owner: "alice".into(), trace: None }])
                    .await
                    .is_empty()
            );
        }
        jobs.iter().map(|job| job.id).collect()
    }

    /// Waits until all of these jobs have ended; answers with them in the order of `ids`.
    pub async fn ended(&mut self, ids: &[JobId]) -> Vec<Job> {
        let all = async {
            loop {
                let ended = self.store.ended(ids).await.unwrap();
                if ended.len() == ids.len() {
                    return ended;
                }
                // Woken by any event; the rows say whether it was the last.
                let _ = tokio::time::timeout(Duration::from_millis(200), self.news.recv()).await;
            }
        };
        let mut ended = tokio::time::timeout(PATIENCE, all).await.expect("all jobs end");
        ended.sort_by_key(|job| ids.iter().position(|id| *id == job.id));
        ended
    }

    /// Waits for word that so many jobs have ended; answers with them.
    pub async fn told_of(&mut self, count: usize) -> Vec<JobId> {
        let mut ended = Vec::new();
        let all = async {
            while ended.len() < count {
                if let Event::Ended(job) = &*self.news.recv().await.expect("nothing was missed") {
                    ended.push(job.id);
                }
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("so many jobs end");
        ended
    }

    /// A worker claims the jobs, notes these items and dies.
    pub async fn crash(&self, class: Class, ids: &[JobId], noted: &[(JobId, Vec<u32>)]) {
        let worker = self.ids.worker();
        self.store.register(worker, "doomed", &[], Duration::from_secs(15)).await.unwrap();
        assert_eq!(self.store.claim(worker, ids).await.unwrap().len(), ids.len());
        if !noted.is_empty() {
            assert!(self.store.note(worker, &Noted(noted.to_vec())).await.unwrap());
        }
        self.store.bury("doomed").await.unwrap();
        self.store.reap().await.unwrap();
        let route = Route { model: "echo".into(), class };
        self.store.due(&route, Cost::new(1_000_000), 1000).await.unwrap();
    }

    /// The result document of a job.
    pub async fn result(&self, job: &Job) -> Value {
        let at = job.result.as_ref().expect("the job has a result");
        let bytes = self.blobs.range(&at.segment, at.offset..at.offset + at.length).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Waits until the job has this status.
    pub async fn until(&self, id: JobId, status: Status) {
        let reached = async {
            while self.store.job("alice", id).await.unwrap().is_none_or(|job| job.status != status) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("the job gets {status}"));
    }

    /// No job is left with a lease.
    pub async fn assert_nothing_runs(&self) {
        let depths = forebay_shared::store::Depths::depths(self.store.as_ref()).await.unwrap();
        assert!(depths.iter().all(|depth| depth.running == 0), "{depths:?}");
    }

    /// The worker's data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.keepers.halt();
        let _ = self.folder.path();
    }
}

impl Running {
    /// Stops softly and waits.
    pub async fn stop(self) {
        self.tasks.stop();
        tokio::time::timeout(PATIENCE, self.done).await.expect("the worker stops").unwrap();
        self.tasks.halt();
    }

    /// Stops as a crash does: nothing is settled, released or retired.
    pub fn kill(self) {
        self.done.abort();
        self.tasks.halt();
    }
}

pub fn text(words: &str) -> Item {
    Item { input: Input::Text(words.to_owned()), params: Object::new() }
}

pub fn with_params(item: Item, params: Value) -> Item {
    let Value::Object(params) = params else { panic!("parameters are an object") };
    Item { params, ..item }
}

/// Where `cargo xtask setup` has put the models and the runtime library.
pub fn data() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.forebay");
    assert!(beside.join("models").is_dir(), "the starter models are missing: run `cargo xtask setup`");
    beside
}

fn config() -> WorkerConfig {
    WorkerConfig {
        models_dir: PathBuf::new(),
        models: Vec::new(),
        registry_poll: Span::new(Duration::ZERO),
        echo: true,
        runtime: PathBuf::new(),
        providers: vec![Provider::Cpu],
        threads: 0,
        gpu_memory: Size::new(0),
        shrink_memory: false,
        runs_at_once: 0,
        model_memory: Size::new(0),
        keep_alive: Span::new(Duration::ZERO),
        warm_up: false,
        prefetch: 256,
        hold: 8,
        fetches: 8,
        decode_memory: Size::new(256 << 20),
        max_pixels: 50_000_000,
        beat: Span::new(Duration::from_millis(100)),
        lease: Span::new(Duration::from_secs(15)),
        drain: Span::new(Duration::from_secs(20)),
        retry: RetryConfig {
            base: Span::new(Duration::from_millis(10)),
            max: Span::new(Duration::from_secs(1)),
            fetch_base: Span::new(Duration::from_millis(10)),
            fetch_max: Span::new(Duration::from_secs(5)),
            model_base: Span::new(Duration::from_millis(10)),
            model_max: Span::new(Duration::from_secs(1)),
            jitter: 0.2,
        },
    }
}
