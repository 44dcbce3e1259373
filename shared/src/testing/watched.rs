//! A store that counts what it is asked, that can be away, and whose calls can fail one by one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::bulk::{BadLine, Bulk, Cut, NewBulk, SliceAnswers, Unanswered};
use crate::cache::CacheKey;
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::file::{File, FileStatus, NewFile, NewPart, NewUpload, Part, Piece, Upload};
use crate::id::{
    BulkId, DeliveryId, FileId, Ids, JobId, KeyId, PartId, ScheduleId, UploadId, WebhookId, WorkerId,
};
use crate::job::{Attempt, Claimed, Cost, Job, NewJob, Settlement};
use crate::model::{Model, ModelCard};
use crate::rate::{Ask, Lease};
use crate::registry::{Content, ContentDigest, ModelFile, NewModel, Registered};
use crate::residency::{Loaded, Wish, Wished};
use crate::schedule::{Fired, Firing, NewFiring, Schedule};
use crate::store::Residency;
use crate::store::{
    After, Ahead, Answering, ApiKey, Attempts, Beat, BulkCancelOutcome, BulkPage, Bulks, Cache,
    CancelOutcome, Cancellation, Closing, Completion, DeleteOutcome, Deliveries, Delivery, DeliveryState,
    Depth, Depths, Endpoint, EndpointChange, Expiry, Fanned, FileFilter, FilePage, Files, Filter, Handed,
    Handover, Jobs, KeptAt, Keys, Leadership, Load, Loads, Models, NewEndpoint, NewKept, NewKey, NewSegment,
    Noted, Outgoing, Pace, Page, PartOutcome, Rates, Reaped, Replay, Retention, Room, Route, RouteState,
    ScheduleOutcome, ScheduleTerms, Schedules, SegmentLock, Segments, Settled, Signing, Slicing, Storage,
    Store, StoreError, StoreResult, Stored, Submitted, Tested, Try, Uploads, Webhooks, Worker, Workers,
};
use crate::store::{Again, Became, QueueState, Queues, Recall, Recent, Revival};
use crate::store::{CopyOutcome, PutOutcome, Registry, Removal};
use crate::store::{Cursor, EventFilter, EventLog, EventPage, Explain, Explained, Followed, Logged};
use async_trait::async_trait;
use tokio::sync::{RwLock, RwLockWriteGuard};

/// What befalls one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The store is not asked.
    Before,
    /// The store has done what it was asked, but its answer is lost.
    After,
    /// The store refuses, now and whenever it is asked again.
    Refused,
}

/// Says what befalls each call.
struct Faults(Box<dyn Fn(&'static str) -> Fault + Send + Sync>);

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}

/// A store that counts what it is asked, that can be away, and whose calls can fail one by one.
#[derive(Debug)]
pub struct Watched {
    behind: Arc<dyn Store>,
    calls: Mutex<BTreeMap<&'static str, usize>>,
    away: AtomicBool,
    panicking: AtomicBool,
    /// Held by a test while submissions shall not be stored.
    gate: RwLock<()>,
    faults: OnceLock<Faults>,
}

impl Watched {
    /// Before this one.
    pub fn new(behind: Arc<dyn Store>) -> Self {
        Self {
            behind,
            calls: Mutex::default(),
            away: AtomicBool::new(false),
            panicking: AtomicBool::new(false),
            gate: RwLock::default(),
            faults: OnceLock::new(),
        }
    }

    /// The store itself, where a test looks without being counted.
    pub fn behind(&self) -> &Arc<dyn Store> {
        &self.behind
    }

    /// From now on nothing can be asked, or everything can again.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// From now on whoever asks panics.
    pub fn set_panicking(&self) {
        self.panicking.store(true, Ordering::SeqCst);
    }

    /// From now on this says what befalls each call; it is said once.
    pub fn set_faults(&self, faults: impl Fn(&'static str) -> Fault + Send + Sync + 'static) {
        assert!(self.faults.set(Faults(Box::new(faults))).is_ok(), "faults are set once");
    }

    /// Submissions are not stored until the guard is dropped.
    pub async fn close(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().await
    }

    /// How often this was asked.
    pub fn calls(&self, method: &str) -> usize {
        self.calls.lock().expect("no test panics in here").get(method).copied().unwrap_or(0)
    }

    /// Everything that was asked.
    pub fn all_calls(&self) -> BTreeMap<&'static str, usize> {
        self.calls.lock().expect("no test panics in here").clone()
    }

    /// Begins to count anew.
    pub fn forget_calls(&self) {
        self.calls.lock().expect("no test panics in here").clear();
    }

    async fn ask(&self, method: &'static str) -> StoreResult<&Arc<dyn Store>> {
        *self.calls.lock().expect("no test panics in here").entry(method).or_default() += 1;
        assert!(!self.panicking.load(Ordering::SeqCst), "a secret of the store's");
        if method == "submit" {
            drop(self.gate.read().await);
        }
        if self.away.load(Ordering::SeqCst) {
            return Err(away());
        }
        Ok(&self.behind)
    }
}

/// What a driver says of a database that does not answer; its words are nobody else's to see.
fn away() -> StoreError {
    let secret = "postgres://forebay:secret@db/forebay does not answer".to_owned();
    StoreError::Unavailable(sqlx::Error::Protocol(secret))
}

/// Each method asks the store behind, if that is not away.
macro_rules! pass_on {
    ($trait:ident: $($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)+) => {
        #[async_trait]
        impl $trait for Watched {
            $(
                async fn $method(&self, $($name: $type),*) -> StoreResult<$answer> {
                    let fault = self.faults.get().map_or(Fault::None, |faults| (faults.0)(stringify!($method)));
                    let store = self.ask(stringify!($method)).await?;
                    match fault {
                        Fault::None => store.$method($($name),*).await,
                        Fault::Before => Err(away()),
                        Fault::After => store.$method($($name),*).await.and(Err(away())),
                        Fault::Refused => Err(StoreError::Conflict { constraint: "a_test".to_owned() }),
                    }
                }
            )+
        }
    };
}

impl Store for Watched {
    fn now(&self) -> Timestamp {
        self.behind.now()
    }
}

pass_on!(Jobs:
    submit(jobs: &[NewJob]) -> Vec<Submitted>;
    standing(jobs: &[NewJob]) -> Vec<Option<Submitted>>;
    job(owner: &str, id: JobId) -> Option<Job>;
    jobs(owner: &str, filter: &Filter, page: Page) -> Vec<Job>;
    attempts(owner: &str, id: JobId) -> Vec<Attempt>;
    named(owner: &str, client_ids: &[String]) -> Vec<(String, JobId)>;
    cancel(owner: &str, id: JobId) -> CancelOutcome;
    delete(owner: &str, id: JobId) -> DeleteOutcome;
    watch(owner: &str, id: JobId, waiter: &str) -> Option<Job>;
    ended(ids: &[JobId]) -> Vec<Job>;
);
pass_on!(Explain:
    explain(owner: &str, id: JobId) -> Option<Explained>;
);
pass_on!(EventLog:
    events(owner: &str, filter: &EventFilter, after: Cursor, limit: u32) -> EventPage;
    tail(followed: &Followed, after: Option<Cursor>, limit: u32) -> EventPage;
    job_events(owner: &str, job: JobId, after: i64) -> Vec<Logged>;
    purge_events(before: Timestamp, limit: u32) -> u64;
);
pass_on!(Recall:
    cancel_all(owner: &str, filter: &Filter, limit: u32) -> Vec<Job>;
    cancel_queue(model: &str, limit: u32) -> Vec<Job>;
);
pass_on!(Revival:
    retry_all(owner: &str, filter: &Filter, again: Again, limit: u32) -> Vec<Job>;
);
pass_on!(Queues:
    pause(model: &str) -> ();
    drain_queue(model: &str) -> ();
    resume(model: &str) -> bool;
    queues() -> Vec<QueueState>;
);
pass_on!(Bulks:
    create_bulk(bulk: &NewBulk) -> Option<Bulk>;
    bulk(owner: &str, id: BulkId) -> Option<Bulk>;
    bulks(owner: &str, page: BulkPage) -> Vec<Bulk>;
    cancel_bulk(owner: &str, id: BulkId) -> BulkCancelOutcome;
    purge_bulks(limit: u32) -> u64;
);
pass_on!(Slicing:
    unread_bulks(limit: u32) -> Vec<Bulk>;
    slice_paces() -> Vec<Pace>;
    refuse_bulk(id: BulkId, errors: &[BadLine]) -> bool;
    cut_bulk(id: BulkId, cut: &Cut) -> bool;
);
pass_on!(Answering:
    settle_slice(worker: WorkerId, settlement: &Settlement, answers: SliceAnswers, segment: &NewSegment) -> Settled;
    unanswered_slices(id: BulkId, limit: u32) -> Vec<Unanswered>;
    answer_slice(job: JobId, object: &str, bytes: u64) -> bool;
);
pass_on!(Closing:
    expire_bulks(limit: u32) -> Vec<BulkId>;
    finalize_bulks(limit: u32) -> Vec<Bulk>;
    end_bulk(id: BulkId) -> Option<Bulk>;
);
pass_on!(Expiry:
    expire(limit: u32) -> Vec<Job>;
);
pass_on!(Retention:
    purge(limit: u32) -> u64;
    garbage(limit: u32) -> Vec<String>;
    forget_garbage(keys: &[String]) -> ();
    named_objects(ids: &[JobId]) -> Vec<String>;
);
pass_on!(Attempts:
    claim(worker: WorkerId, ids: &[JobId]) -> Vec<Claimed>;
    settle(worker: WorkerId, settlements: &[Settlement], segment: Option<&NewSegment>) -> Vec<Settled>;
    release(worker: WorkerId, unbegun: &[(JobId, u32)]) -> u64;
    postpone(worker: WorkerId, unbegun: &[(JobId, u32)], delay: Duration) -> u64;
    disclaim(worker: WorkerId, ids: &[JobId]) -> u64;
);
pass_on!(Handover:
    routes(overdue: Duration) -> Vec<RouteState>;
    due(route: &Route, room: Cost, limit: u32) -> Handed;
    unpublish(ids: &[JobId]) -> u64;
    recover(route: &Route, overdue: Duration, kept: u64) -> u64;
);
pass_on!(Loads:
    loads() -> Vec<Load>;
    fold_loads() -> u64;
);
pass_on!(Depths:
    ahead(owner: &str, id: JobId) -> Option<Ahead>;
    depths() -> Vec<Depth>;
);
pass_on!(Recent:
    recent(owner: &str) -> Vec<Became>;
);
pass_on!(Workers:
    register(id: WorkerId, host: &str, models: &[String], life: Duration) -> ();
    serve(id: WorkerId, models: &[String]) -> ();
    beat(id: WorkerId, life: Duration) -> Beat;
    report(id: WorkerId, rates: &BTreeMap<String, f64>) -> ();
    drain(id: WorkerId) -> ();
    retire(id: WorkerId) -> u64;
    note(id: WorkerId, noted: &Noted) -> bool;
    reap() -> Reaped;
    bury(host: &str) -> u64;
    workers() -> Vec<Worker>;
    writers(ids: &[WorkerId]) -> Vec<WorkerId>;
);
pass_on!(Segments:
    lock_segment(key: &str) -> Option<Box<dyn SegmentLock>>;
    pending_segments(limit: u32) -> Vec<String>;
    recorded_segments(keys: &[String]) -> Vec<String>;
);
pass_on!(Files:
    create_file(file: &NewFile, room: Option<u64>) -> Stored<File>;
    add_pieces(owner: &str, id: FileId, pieces: &[(u32, Piece)]) -> bool;
    mark_file(owner: &str, id: FileId, status: FileStatus) -> bool;
    file(owner: &str, id: FileId) -> Option<File>;
    content(owner: &str, id: FileId) -> Option<(File, Vec<Piece>)>;
    files(owner: &str, filter: &FileFilter, page: FilePage) -> Vec<File>;
    delete_file(owner: &str, id: FileId) -> bool;
    expire_files(limit: u32) -> u64;
    stored_bytes(owner: &str) -> u64;
    named_files(objects: &[String]) -> Vec<String>;
);
pass_on!(Storage:
    count_storage() -> ();
    is_full(owner: &str, room: u64) -> bool;
);
pass_on!(Registry:
    touch_contents(digests: &[ContentDigest]) -> Vec<Content>;
    record_content(content: &Content) -> Content;
    is_taken(owner: Option<&str>, name: &str) -> bool;
    put_model(model: &NewModel) -> PutOutcome;
    registered(owner: Option<&str>, name: &str) -> Option<Registered>;
    registered_files(owner: Option<&str>, name: &str) -> Vec<(ModelFile, Content)>;
    models_besides(owner: &str, name: &str) -> u64;
    all_registered() -> Vec<Registered>;
    copy_model(from: (Option<&str>, &str), to: (Option<&str>, &str)) -> CopyOutcome;
    delete_model(owner: Option<&str>, name: &str) -> Removal;
    forget_content(digest: ContentDigest) -> Removal;
    forget_contents(age: Duration, limit: u32) -> u64;
    named_contents(objects: &[String]) -> Vec<String>;
);
pass_on!(Cache:
    cached(asked: &[(String, CacheKey)]) -> Vec<((String, CacheKey), KeptAt)>;
    keep_cached(answers: &[NewKept], life: Duration) -> Vec<CacheKey>;
    expire_cached(limit: u32) -> u64;
    trim_cached(most: u64, limit: u32) -> u64;
    forget_cached(owner: &str, limit: u32) -> u64;
    named_cached(objects: &[String]) -> Vec<String>;
);
pass_on!(Uploads:
    create_upload(upload: &NewUpload) -> Upload;
    upload(owner: &str, id: UploadId) -> Option<Upload>;
    add_part(owner: &str, part: &NewPart, most: u64, room: Option<u64>) -> PartOutcome;
    parts(owner: &str, id: UploadId, parts: &[PartId]) -> Vec<Part>;
    complete_upload(owner: &str, id: UploadId, parts: &[PartId], file: FileId) -> Completion;
    cancel_upload(owner: &str, id: UploadId) -> Cancellation;
    expire_uploads(limit: u32) -> u64;
);
pass_on!(Keys:
    create_key(key: &NewKey) -> ();
    key_by_hash(hash: &[u8; 32]) -> Option<ApiKey>;
    keys() -> Vec<ApiKey>;
    revoke_key(id: KeyId) -> bool;
);
pass_on!(Residency:
    wish(model: &str, wish: Wish) -> ();
    wishes() -> Vec<Wished>;
    tell_loaded(id: WorkerId, loaded: &BTreeMap<String, Loaded>) -> ();
);
pass_on!(Models:
    announce(cards: &[ModelCard]) -> ();
    announce_registered(card: &ModelCard, digest: ContentDigest) -> bool;
    models() -> Vec<Model>;
);
pass_on!(Webhooks:
    create_webhook(endpoint: &NewEndpoint, most: u32) -> bool;
    webhooks(owner: &str) -> Vec<Endpoint>;
    webhook(owner: &str, id: WebhookId) -> Option<Endpoint>;
    change_webhook(owner: &str, id: WebhookId, change: &EndpointChange) -> Option<Endpoint>;
    delete_webhook(owner: &str, id: WebhookId) -> bool;
    rotate_webhook(owner: &str, id: WebhookId, fresh: &Secret, overlap: Duration) -> Option<Endpoint>;
    signing(owner: &str, fresh: &Signing) -> Signing;
    rotate_signing(owner: &str, fresh: &Secret, overlap: Duration) -> Option<Signing>;
);
pass_on!(Deliveries:
    fan_out(chunk: u32, ids: &Ids) -> Fanned;
    claim_deliveries(room: Room, lease: Duration) -> Vec<Outgoing>;
    keep_body(id: DeliveryId, body: &str, job: Option<JobId>) -> Option<String>;
    defer_delivery(id: DeliveryId, tries: u32, next_at: Timestamp) -> ();
    record_try(outgoing: &Outgoing, tried: &Try, after: After, patience: Timestamp) -> Option<DeliveryState>;
    record_test(test: &Tested, tried: &Try) -> ();
    deliveries(
        owner: &str,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        after: Option<DeliveryId>,
        limit: u32
    ) -> Vec<Delivery>;
    tries(owner: &str, of: &[DeliveryId]) -> Vec<(DeliveryId, Try)>;
    replay(owner: &str, webhook: WebhookId, which: Replay, limit: u32) -> u64;
    purge_deliveries(before: Timestamp, limit: u32) -> u64;
);
pass_on!(Schedules:
    create_schedule(
        id: ScheduleId, owner: &str, terms: &ScheduleTerms, next_at: Option<Timestamp>, most: u32
    ) -> ScheduleOutcome;
    schedule(owner: &str, id: ScheduleId) -> Option<Schedule>;
    schedules(owner: &str, after: Option<ScheduleId>, limit: u32) -> Vec<Schedule>;
    change_schedule(
        read: &Schedule, terms: &ScheduleTerms, next_at: Option<Option<Timestamp>>
    ) -> ScheduleOutcome;
    delete_schedule(owner: &str, id: ScheduleId) -> bool;
    schedules_until(until: Timestamp, limit: u32) -> Vec<Schedule>;
    fire(read: &Schedule, firings: &[NewFiring], next_at: Option<Timestamp>) -> Option<Vec<JobId>>;
    fire_now(owner: &str, id: ScheduleId, fired: &Fired) -> Option<Firing>;
    firings(owner: &str, id: ScheduleId, before: Option<Timestamp>, limit: u32) -> Vec<Firing>;
    forget_firings(before: Timestamp, limit: u32) -> u64;
);
pass_on!(Rates:
    lease_rate(name: &str, ask: Ask) -> Lease;
    forget_idle_rates() -> u64;
);
pass_on!(Leadership:
    lead(name: &str, holder: &str, life: Duration) -> bool;
    resign(name: &str, holder: &str) -> ();
    forget_lapsed() -> u64;
);
