//! What each tick does to a real database, on a clock that tests turn.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use forebay_shared::blobs::Blobs;
use forebay_shared::cache::CacheKey;
use forebay_shared::catalog::Catalog;
use forebay_shared::clock::{Clock, ManualClock, SystemClock, Timestamp};
use forebay_shared::config::{CacheConfig, FetchConfig, ModelConfig, Size, Span, WebhookConfig};
use forebay_shared::entropy::SeededEntropy;
use forebay_shared::events::{Event, Events, LocalEvents};
use forebay_shared::fetch::Fetcher;
use forebay_shared::file::{FileStatus, NewFile, NewPart, NewUpload, Piece, Purpose, UploadStatus};
use forebay_shared::handover::{Filler, OVERDUE};
use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::{Claimed, Class, Ending, FailureCode, Kind, Status};
use forebay_shared::model::ModelCard;
use forebay_shared::queue::{LocalQueue, Message, Producer, Queue};
use forebay_shared::registry::{Content, ContentDigest, ModelFile, NewModel};
use forebay_shared::segment::SegmentBuilder;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::conformance::{Ground, LIFE, ended};
use forebay_shared::store::{DeleteOutcome, KeptAt, NewKept, Route, Sqlite};
use forebay_shared::testing::{bulk_config, cache_config, card, no_moderation};
use futures::TryStreamExt;
use metrics_exporter_prometheus::PrometheusBuilder;

mod consistency;
mod pulls;
mod schedules;
mod simulation;

use crate::config::SchedulerConfig;
use crate::{Chores, SchedulerParts};

mod bulk;

const HOUR: Duration = Duration::from_hours(1);

/// A scheduler whose ticks tests make.
pub(crate) struct Bench {
    pub(crate) ground: Ground,
    queue: Arc<LocalQueue>,
    events: Arc<LocalEvents>,
    pub(crate) blobs: Blobs,
    pub(crate) chores: Arc<Chores>,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        // Objects bear the system's time, so the database's must begin there.
        Self::at(SystemClock.now()).await
    }

    async fn at(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, tasks) = (ManualClock::at(now), Tasks::new());
        let store = Sqlite::open(&folder.path().join("forebay.db"), Arc::new(clock.clone()), &tasks).await;
        let ground = Ground::new(Arc::new(store.unwrap()), clock);
        Self::on(ground, Blobs::in_memory(), folder).await
    }

    /// On these stores.
    async fn on(ground: Ground, blobs: Blobs, folder: tempfile::TempDir) -> Self {
        ground.store.announce(&[card("echo", Kind::Echo)]).await.unwrap();
        let (queue, events) = (Arc::new(LocalQueue::new()), Arc::new(LocalEvents::new()));
        let chores = chores("one", &ground, &queue, &events, &blobs);
        Self { ground, queue, events, blobs, chores, _folder: folder }
    }

    pub(crate) fn replica(&self, name: &str) -> Arc<Chores> {
        chores(name, &self.ground, &self.queue, &self.events, &self.blobs)
    }

    /// A worker that has claimed and settled a job, with its result in a segment of its own.
    async fn settled(&self) -> (WorkerId, JobId, String) {
        let (worker, claimed) = self.ground.claimed().await;
        let key = self.settle(worker, &claimed).await;
        (worker, claimed.id, key)
    }

    async fn settle(&self, worker: WorkerId, claimed: &Claimed) -> String {
        let mut builder = SegmentBuilder::default();
        builder.push(b"0123456789");
        let (segment, bytes) = builder.finish(worker, u64::from(claimed.lease.attempt));
        self.blobs.put(&segment.key, bytes).await.unwrap();
        assert!(self.ground.settle(worker, ended(claimed, Ending::Succeeded), Some(&segment)).await);
        segment.key
    }

    async fn is_there(&self, key: &str) -> bool {
        self.blobs.get(key).await.is_ok()
    }

    async fn status(&self, id: JobId) -> Status {
        self.ground.read(id).await.status
    }
}

/// Receivers on loopback are permitted, but for one address.
fn fetch_config() -> FetchConfig {
    FetchConfig {
        allow: vec!["127.0.0.1/32".parse().unwrap()],
        timeout: Span::new(Duration::from_secs(5)),
        max_redirects: 3,
        max_bytes: Size::new(1 << 20),
    }
}

/// The defaults of `cli/config.default.toml`, but for a timeout that a test would not like to wait for.
fn webhook_config() -> WebhookConfig {
    let minutes =
        [5, 30, 120, 300, 600, 840, 1200, 1440].map(|minutes| Span::new(Duration::from_mins(minutes)));
    WebhookConfig {
        https_only: false,
        public_url: "https://forebay.example".to_owned(),
        max_endpoints: 50,
        inline_result: Size::new(16 << 10),
        timeout: Span::new(Duration::from_secs(2)),
        schedule: std::iter::once(Span::new(Duration::from_secs(5))).chain(minutes).collect(),
        jitter: 0.2,
        throttle: Span::new(Duration::from_mins(1)),
        disable_after: Span::new(Duration::from_hours(120)),
        rotation: Span::new(Duration::from_hours(24)),
        concurrency: 64,
        per_owner: 16,
        per_receiver: 4,
        lease: Span::new(Duration::from_mins(1)),
        kept_answer: Size::new(1024),
        keep: Span::new(Duration::from_hours(336)),
    }
}

fn chores(
    name: &str,
    ground: &Ground,
    queue: &Arc<impl Producer>,
    events: &Arc<LocalEvents>,
    blobs: &Blobs,
) -> Arc<Chores> {
    let (store, tasks) = (ground.store.clone(), Tasks::new());
    let producer: Arc<dyn Producer> = queue.clone();
    let catalog = Arc::new(Catalog::new(store.clone(), ModelConfig::default()));
    let filler = Filler::new(store.clone(), catalog.clone(), producer.clone(), tasks.clone());
    let webhooks = webhook_config();
    let parts = SchedulerParts {
        store,
        catalog,
        ids: ground.ids.clone(),
        producer,
        filler,
        events: events.clone(),
        blobs: blobs.clone(),
        keep_events: 24 * HOUR,
        count_storage: true,
        fetcher: Fetcher::new(&fetch_config()),
        webhooks,
        entropy: Arc::new(SeededEntropy::new(3)),
        bulk: Arc::new(bulk_config()),
        cache: CacheConfig { enabled: true, ..cache_config() },
        moderation: Arc::new(no_moderation()),
        puller: pulls::puller(ground, events, blobs, &tasks),
        name: name.to_owned(),
        tasks,
    };
    let second = Span::new(Duration::from_secs(1));
    let config = SchedulerConfig {
        fill: second,
        fire: second,
        repair: second,
        expire: second,
        tell: second,
        bulk: second,
        pull: second,
        retain: second,
        firings: Span::new(HOUR),
        sweep: second,
        sweep_age: Span::new(HOUR),
        measure: second,
        lead: Span::new(Duration::from_secs(10)),
    };
    Arc::new(Chores::new(config, parts))
}

fn route() -> Route {
    Route { model: "echo".to_owned(), class: Class::Interactive }
}

#[tokio::test]
async fn a_job_that_waits_is_handed_over_once() {
    let bench = Bench::new().await;
    let mut job = bench.ground.job();
    job.published = false;
    bench.ground.store.submit(&[job]).await.unwrap();
    bench.chores.clone().fill().await;
    bench.chores.clone().fill().await;
    assert_eq!(bench.queue.depth(&route()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_dead_workers_job_is_handed_over_again() {
    let bench = Bench::new().await;
    let (_, claimed) = bench.ground.claimed().await;
    bench.chores.clone().repair().await;
    assert_eq!(bench.status(claimed.id).await, Status::Running, "the living are spared");
    bench.ground.clock.advance(LIFE);
    bench.chores.clone().repair().await;
    assert_eq!(bench.status(claimed.id).await, Status::Queued);
    assert_eq!(bench.queue.depth(&route()).await.unwrap(), 1);
}

#[tokio::test]
async fn who_waits_for_a_cancelled_orphan_is_told() {
    let bench = Bench::new().await;
    let mut news = bench.events.subscribe();
    let mut job = bench.ground.job();
    job.waiter = Some(bench.events.address().to_owned());
    let id = job.id;
    bench.ground.store.submit(&[job]).await.unwrap();
    let worker = bench.ground.worker().await;
    bench.ground.store.claim(worker, &[id]).await.unwrap();
    bench.ground.store.cancel("alice", id).await.unwrap();
    bench.ground.clock.advance(LIFE);
    bench.chores.clone().repair().await;
    let news = news.recv().await.unwrap();
    let Event::Ended(told) = &*news else { panic!("not an end") };
    assert_eq!((told.id, told.status), (id, Status::Cancelled));
}

#[tokio::test]
async fn who_waits_for_a_late_job_is_told() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    let bench = Bench::new().await;
    let mut news = bench.events.subscribe();
    let mut job = bench.ground.job();
    job.waiter = Some(bench.events.address().to_owned());
    job.start_by = Some(bench.ground.clock.now().plus(Duration::from_secs(1)));
    let id = job.id;
    bench.ground.store.submit(&[job]).await.unwrap();
    bench.chores.clone().expire().await;
    assert_eq!(bench.status(id).await, Status::Queued, "it is in time yet");
    bench.ground.clock.advance(Duration::from_secs(1));
    bench.chores.clone().expire().await;
    let news = news.recv().await.unwrap();
    let Event::Ended(told) = &*news else { panic!("not an end") };
    assert_eq!((told.id, told.status), (id, Status::Expired));
    assert_eq!(told.error.as_ref().map(|(code, _)| *code), Some(FailureCode::StartByPassed));
    let counted = metrics.render();
    assert!(counted.contains(r#"forebay_items_dropped_total{reason="expired"} 1"#), "{counted}");
}

#[tokio::test]
async fn lost_messages_are_handed_over_again_and_those_in_the_queue_are_not() {
    let bench = Bench::new().await;
    let ids = bench.ground.submitted(3).await;
    let last = Message { job_id: ids[2], owner: "alice".into(), trace: None };
    assert!(bench.queue.publish(&route(), &[last]).await.is_empty());
    bench.chores.clone().repair().await;
    assert_eq!(bench.queue.depth(&route()).await.unwrap(), 1, "young marks are trusted");
    bench.ground.clock.advance(OVERDUE);
    bench.chores.clone().repair().await;
    let mut consumer = bench.queue.consume(&route(), 100).await.unwrap();
    let delivery = consumer.receive(100).await.unwrap();
    let told: Vec<_> = delivery.messages.iter().map(|message| message.job_id).collect();
    assert_eq!(told, [ids[2], ids[0], ids[1]]);
}

#[tokio::test]
async fn past_retention_rows_and_objects_go() {
    let bench = Bench::new().await;
    let (_, id, key) = bench.settled().await;
    bench.chores.clone().retain().await;
    assert!(bench.is_there(&key).await);
    assert!(bench.ground.store.is_full("alice", 10).await.unwrap(), "its owner keeps it");
    bench.ground.clock.advance(HOUR);
    bench.chores.clone().retain().await;
    assert!(!bench.ground.store.is_full("alice", 1).await.unwrap());
    assert!(bench.ground.store.job("alice", id).await.unwrap().is_none());
    assert!(!bench.is_there(&key).await);
}

#[tokio::test]
async fn events_that_webhooks_have_not_passed_are_kept_however_old_they_are() {
    let bench = Bench::new().await;
    let (_, id, _) = bench.settled().await;
    bench.ground.clock.advance(100 * HOUR);
    bench.chores.clone().retain().await;
    assert_eq!(bench.ground.store.job_events("alice", id, 0).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_deleted_jobs_bytes_go_and_its_neighbours_stay() {
    let bench = Bench::new().await;
    let (_, id, key) = bench.settled().await;
    let input = format!("inputs/{id}/0");
    bench.blobs.put(&input, Bytes::from_static(b"a picture")).await.unwrap();
    assert_eq!(bench.ground.store.delete("alice", id).await.unwrap(), DeleteOutcome::Deleted);
    bench.chores.clone().retain().await;
    assert!(!bench.is_there(&key).await);
}

#[tokio::test]
async fn objects_without_a_row_are_swept_once_they_are_old_and_their_writer_is_gone() {
    let bench = Bench::new().await;
    let (dead, _, named) = bench.settled().await;
    let gone = JobId(bench.ground.ids.uuid());
    let orphans =
        [format!("segments/{dead}/0000000099"), format!("inputs/{gone}/0"), format!("media/{dead}/{gone}/0")];
    for key in &orphans {
        bench.blobs.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    bench.ground.store.retire(dead).await.unwrap();
    bench.chores.clone().sweep().await;
    assert!(bench.is_there(&orphans[0]).await, "it is young");
    bench.ground.clock.advance(HOUR + Duration::from_mins(1));
    let living = bench.ground.worker().await;
    let spared = format!("segments/{living}/0000000001");
    bench.blobs.put(&spared, Bytes::from_static(b"x")).await.unwrap();
    bench.chores.clone().sweep().await;
    for key in &orphans {
        assert!(!bench.is_there(key).await, "{key} goes");
    }
    assert!(bench.is_there(&named).await, "a row names it");
    assert!(bench.is_there(&spared).await, "its writer may be about to record it");
}

fn file(bench: &Bench, life: Option<Duration>) -> NewFile {
    let id = bench.ground.ids.file();
    NewFile {
        id,
        owner: "alice".to_owned(),
        filename: "lines.jsonl".to_owned(),
        purpose: Purpose::Batch,
        status: FileStatus::Processed,
        pieces: vec![Piece::own(format!("files/{}", id.0), 10)],
        life,
    }
}

fn upload(bench: &Bench) -> NewUpload {
    NewUpload {
        id: bench.ground.ids.upload(),
        owner: "alice".to_owned(),
        filename: "lines.jsonl".to_owned(),
        purpose: Purpose::Batch,
        bytes: 10,
        mime_type: "text/jsonl".to_owned(),
        file_life: None,
        life: HOUR,
    }
}

#[tokio::test]
async fn files_and_uploads_that_are_past_their_time_go_with_their_objects() {
    let bench = Bench::new().await;
    let store = &bench.ground.store;
    let (short, long, late) = (file(&bench, Some(HOUR)), file(&bench, None), upload(&bench));
    let id = bench.ground.ids.part();
    let part = NewPart { id, upload: late.id, object: format!("files/{}", id.0), bytes: 10 };
    for key in [&short.pieces[0].object, &long.pieces[0].object, &part.object] {
        bench.blobs.put(key, Bytes::from_static(b"0123456789")).await.unwrap();
    }
    store.create_file(&short, None).await.unwrap();
    store.create_file(&long, None).await.unwrap();
    store.create_upload(&late).await.unwrap();
    store.add_part("alice", &part, 10, None).await.unwrap();
    bench.chores.clone().retain().await;
    assert!(bench.is_there(&short.pieces[0].object).await && bench.is_there(&part.object).await);
    bench.ground.clock.advance(HOUR);
    bench.chores.clone().retain().await;
    assert!(!bench.is_there(&short.pieces[0].object).await && !bench.is_there(&part.object).await);
    assert!(bench.is_there(&long.pieces[0].object).await, "it is kept until it is deleted");
    assert_eq!(store.upload("alice", late.id).await.unwrap().unwrap().status, UploadStatus::Expired);
}

#[tokio::test]
async fn a_file_outlives_the_jobs_whose_results_it_is_made_of() {
    let bench = Bench::new().await;
    let (_, _, segment) = bench.settled().await;
    let output = NewFile { pieces: vec![Piece::of_segment(&segment, 2, 4)], ..file(&bench, None) };
    bench.ground.store.create_file(&output, None).await.unwrap();
    bench.ground.clock.advance(HOUR);
    bench.chores.clone().retain().await;
    let (_, pieces) = bench.ground.store.content("alice", output.id).await.unwrap().unwrap();
    let content: Vec<Bytes> = bench.blobs.content(&pieces, 0..4).await.unwrap().try_collect().await.unwrap();
    assert_eq!(content.concat(), b"2345", "its job is gone");
    assert!(bench.ground.store.delete_file("alice", output.id).await.unwrap());
    bench.chores.clone().retain().await;
    assert!(!bench.is_there(&segment).await);
}

#[tokio::test]
async fn what_died_between_an_object_and_its_row_leaves_no_object_for_long() {
    let bench = Bench::new().await;
    let (stored, begun) = (file(&bench, None), upload(&bench));
    let id = bench.ground.ids.part();
    let part = NewPart { id, upload: begun.id, object: format!("files/{}", id.0), bytes: 10 };
    let orphan = format!("files/{}", bench.ground.ids.uuid());
    for key in [&stored.pieces[0].object, &part.object, &orphan] {
        bench.blobs.put(key, Bytes::from_static(b"0123456789")).await.unwrap();
    }
    bench.ground.store.create_file(&stored, None).await.unwrap();
    bench.ground.store.create_upload(&begun).await.unwrap();
    bench.ground.store.add_part("alice", &part, 10, None).await.unwrap();
    bench.chores.clone().sweep().await;
    assert!(bench.is_there(&orphan).await, "its row may be about to come");
    bench.ground.clock.advance(HOUR + Duration::from_mins(1));
    bench.chores.clone().sweep().await;
    assert!(!bench.is_there(&orphan).await);
    assert!(bench.is_there(&stored.pieces[0].object).await && bench.is_there(&part.object).await);
}

#[tokio::test]
async fn only_the_leader_repairs_and_another_follows_when_it_resigns() {
    let bench = Bench::new().await;
    let second = bench.replica("two");
    assert!(bench.chores.leader.leads().await);
    let (_, claimed) = bench.ground.claimed().await;
    bench.ground.clock.advance(Duration::from_secs(9));
    assert!(bench.chores.leader.leads().await);
    bench.ground.clock.advance(LIFE.saturating_sub(Duration::from_secs(9)));
    second.clone().repair().await;
    assert_eq!(bench.status(claimed.id).await, Status::Running, "it does not lead");
    bench.chores.leader.resign().await;
    bench.ground.clock.advance(Duration::from_secs(1));
    second.repair().await;
    assert_eq!(bench.status(claimed.id).await, Status::Queued);
}

#[tokio::test]
async fn kept_answers_go_in_time_and_for_room_and_their_objects_with_them() {
    let bench = Bench::new().await;
    let keep = async |number: u8, bytes: u64, life| {
        let object = format!("cache/{}/{number}", bench.ground.ids.worker());
        bench.blobs.put(&object, Bytes::from_static(b"answer")).await.unwrap();
        let at = KeptAt::Object { key: object.clone(), offset: 0, length: bytes };
        let answer = NewKept { owner: "alice".to_owned(), key: CacheKey([number; 32]), at };
        bench.ground.store.keep_cached(&[answer], life).await.unwrap();
        object
    };
    let most = cache_config().max_bytes.bytes();
    let short = keep(1, 10, HOUR).await;
    let (old, young) = (keep(2, most / 2, 2 * HOUR).await, keep(3, most / 2 + 10, 3 * HOUR).await);
    let unnamed = format!("cache/{}/1", bench.ground.ids.worker());
    bench.blobs.put(&unnamed, Bytes::from_static(b"answer")).await.unwrap();

    bench.chores.clone().retain().await;
    assert!(!bench.is_there(&short).await && !bench.is_there(&old).await, "all together took too much");
    assert!(bench.is_there(&young).await);
    bench.ground.clock.advance(HOUR + Duration::from_mins(1));
    bench.chores.clone().sweep().await;
    assert!(bench.is_there(&young).await && !bench.is_there(&unnamed).await);
    bench.ground.clock.advance(2 * HOUR);
    // Were the cache turned off by now, it would be the sweep that finds what is over.
    bench.chores.clone().sweep().await;
    bench.chores.clone().retain().await;
    assert!(!bench.is_there(&young).await);
}

#[tokio::test]
async fn files_of_models_go_when_no_model_has_them_and_what_an_import_stores_is_spared() {
    let bench = Bench::new().await;
    let (store, ids) = (&bench.ground.store, &bench.ground.ids);
    let content = |number: u8| Content::at(ContentDigest([number; 32]), ids.uuid(), 7);
    let [named, abandoned, wanted, unrecorded] = [1, 2, 3, 4].map(content);
    for content in [&named, &abandoned, &wanted, &unrecorded] {
        bench.blobs.put(&content.object, Bytes::from_static(b"weights")).await.unwrap();
    }
    for content in [&named, &abandoned, &wanted] {
        store.record_content(content).await.unwrap();
    }
    let file = ModelFile { path: "model.onnx".to_owned(), digest: named.digest, bytes: 7 };
    let (name, source) = ("mood".to_owned(), "test".to_owned());
    store.put_model(&NewModel { owner: None, name, source, files: vec![file], card: None }).await.unwrap();
    bench.chores.clone().sweep().await;
    for content in [&named, &abandoned, &wanted, &unrecorded] {
        assert!(bench.is_there(&content.object).await, "it is young");
    }
    bench.ground.clock.advance(HOUR + Duration::from_mins(1));
    store.touch_contents(&[wanted.digest]).await.unwrap();
    bench.chores.clone().sweep().await;
    bench.chores.clone().retain().await;
    assert!(bench.is_there(&named.object).await && bench.is_there(&wanted.object).await);
    assert!(!bench.is_there(&abandoned.object).await && !bench.is_there(&unrecorded.object).await);
    store.delete_model(None, "mood").await.unwrap();
    bench.chores.clone().sweep().await;
    bench.chores.clone().retain().await;
    assert!(!bench.is_there(&named.object).await, "nobody has it any more");
}
