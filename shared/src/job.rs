//! The durable unit of work, in the words every program uses.
//!
//! Plain data and pure policy: nothing here knows a database, a broker or a model.

mod account;
mod attempt;
mod cost;
mod deadline;
mod event;
mod failure;
pub mod fair;
mod fate;
mod input;
mod keep;
mod kind;
mod outcome;
mod output;
mod params;
mod rank;
mod retry;
mod settlement;
mod status;
mod suspicion;
mod tensor;
mod timings;
mod webhook;

pub use account::{Account, Apart, BatchAccount, CloseReason, TOLD};
pub use attempt::{Attempt, Lease};
pub use cost::Cost;
pub use deadline::Deadline;
pub use event::EventType;
pub use failure::{Failure, FailureCode};
pub use fate::{Fate, MOST_LOSSES, Orphan};
pub use input::{ImageSource, Input, Item, Items, ItemsAt};
pub use keep::Keep;
pub use kind::{Kind, Modality};
pub use outcome::{ItemError, MediaFile, Outcome, read_result, result_document};
pub use output::{BoundingBox, Detected, Entity, Label, Output, Piece, Point, Segment, TextLine};
pub use params::{
    AggregationStrategy, BackgroundRemovalParams, EchoParams, EmbeddingOutput, FunctionToApply,
    ImageClassificationParams, ImageEmbeddingParams, ImageSegmentationParams, ImageToImageParams,
    LosslessFormat, Missing, ModelPullParams, ObjectDetectionParams, OcrParams, ParamError, Params,
    PictureFormat, Precision, Removed, RerankParams, Side, StyleName, TensorParams, TextClassificationParams,
    TextEmbeddingParams, TextSimilarityParams, TokenClassificationParams, ZeroShotClassificationParams,
};
pub use rank::{STEP, rank};
pub use retry::{Backoff, ErrorClass, RetryPolicy, Verdict};
pub use settlement::{Ending, Settlement};
pub use status::{Class, Move, Status};
pub use suspicion::{Isolation, OWN_CRASHES, Suspects};
pub use tensor::{Datatype, Encoding, Tensor, TensorBody, TensorError, TensorSpec, check_inputs};
pub use timings::Timings;
pub use webhook::Webhook;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::id::{BulkId, JobId, KeyId};

/// A JSON object.
pub type Object = Map<String, Value>;

/// A validated submission: what the store needs to make a row.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The id under which the client will ask.
    pub id: JobId,
    /// Whose job it is.
    pub owner: String,
    /// The model's own name, its alias resolved.
    pub model: String,
    /// What the model was when the job was submitted.
    pub model_digest: String,
    /// Which of the model's two queues it travels in.
    pub class: Class,
    /// −10…10; higher goes first.
    pub priority: i16,
    /// How many items it has.
    pub item_count: u32,
    /// Where its items stand.
    pub items: ItemsAt,
    /// What the items cost together, in the unit that fills the device.
    pub cost: Cost,
    /// Parameters for every item; an item's own stand over them.
    pub params: Object,
    /// The client's own words about the job.
    pub metadata: Object,
    /// Objects in the blob store that belong to this job alone.
    pub blobs: Vec<String>,
    /// Bytes of those objects.
    pub blob_bytes: u64,
    /// The `Idempotency-Key` and what it stands for.
    pub idempotency: Option<Idempotency>,
    /// How many failed attempts end it.
    pub max_attempts: u16,
    /// Who wants to hear when it ends: an `events::Address`.
    pub waiter: Option<String>,
    /// Whether it is handed to the queue at once, or waits for room there.
    pub published: bool,
    /// How long the finished job is kept.
    pub keep: Keep,
    /// The client's own id of it, unique among the owner's jobs; then it has no `idempotency`.
    pub client_id: Option<ClientId>,
    /// The API key that submitted it.
    pub key: Option<KeyId>,
    /// Not before this instant; at once by default.
    pub run_at: Option<Timestamp>,
    /// Not begun by then, it expires.
    pub start_by: Option<Timestamp>,
    /// Not ended by then, it expires.
    pub finish_by: Option<Timestamp>,
    /// Whom else to tell.
    pub webhook: Option<Webhook>,
    /// The bulk that it is a slice of.
    pub bulk: Option<BulkId>,
    /// W3C `traceparent` of the submission.
    pub trace: Option<String>,
}

/// A client's promise that a repeated submission is the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The header's value.
    pub key: String,
    /// SHA-256 of the submission, to tell a repeat from a misuse.
    pub fingerprint: [u8; 32],
    /// Until when the key is remembered.
    pub expires_at: Timestamp,
}

/// The client's own id of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientId {
    /// As the client writes it.
    pub id: String,
    /// SHA-256 of the submission, to tell a repeat from a misuse.
    pub fingerprint: [u8; 32],
}

/// A job as its row tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose job it is.
    pub owner: String,
    /// The model's own name.
    pub model: String,
    /// What the model was when the job was submitted.
    pub model_digest: String,
    /// Which of the model's two queues it travels in.
    pub class: Class,
    /// −10…10; higher goes first.
    pub priority: i16,
    /// Where it stands.
    pub status: Status,
    /// Grows with every change of status; the id of its events.
    pub version: i64,
    /// How many items it has.
    pub item_count: u32,
    /// Items with an output.
    pub succeeded: u32,
    /// Items with an error.
    pub failed: u32,
    /// The number of the attempt that is running or was last.
    pub attempt: u32,
    /// How many failed attempts end it.
    pub max_attempts: u16,
    /// Parameters for every item.
    pub params: Object,
    /// The client's own words.
    pub metadata: Object,
    /// Whether a running job has been asked to stop.
    pub cancel_requested: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Not before this instant.
    pub available_at: Timestamp,
    /// When its latest attempt began.
    pub started_at: Option<Timestamp>,
    /// When it reached a terminal status.
    pub finished_at: Option<Timestamp>,
    /// When it will be forgotten.
    pub purge_at: Option<Timestamp>,
    /// Why it failed, or why its last attempt did.
    pub error: Option<Failure>,
    /// Where its result stands.
    pub result: Option<ResultAt>,
    /// Pictures and other media that its result names.
    pub files: Vec<MediaFile>,
    /// Where its time went.
    pub timings: Option<Timings>,
    /// Who wants to hear when it ends: `events::Address`es.
    pub waiters: Vec<String>,
    /// The client's own id of it.
    pub client_id: Option<String>,
    /// Not begun by then, it expires.
    pub start_by: Option<Timestamp>,
    /// Not ended by then, it expires.
    pub finish_by: Option<Timestamp>,
    /// Whom else to tell.
    pub webhook: Option<Webhook>,
    /// The bulk that it is a slice of.
    pub bulk: Option<BulkId>,
    /// When `version` grew last.
    pub changed_at: Timestamp,
}

impl NewJob {
    /// Whether it may be an earlier submission's job, sent again.
    pub fn is_named(&self) -> bool {
        self.idempotency.is_some() || self.client_id.is_some()
    }

    /// The job as it stands once it is accepted at `now`.
    pub fn queued(&self, now: Timestamp) -> Job {
        Job {
            id: self.id,
            owner: self.owner.clone(),
            model: self.model.clone(),
            model_digest: self.model_digest.clone(),
            class: self.class,
            priority: self.priority,
            status: Status::Queued,
            version: 1,
            item_count: self.item_count,
            succeeded: 0,
            failed: 0,
            attempt: 0,
            max_attempts: self.max_attempts,
            params: self.params.clone(),
            metadata: self.metadata.clone(),
            cancel_requested: false,
            created_at: now,
            available_at: self.available_at(now),
            started_at: None,
            finished_at: None,
            purge_at: None,
            error: None,
            result: None,
            files: Vec::new(),
            timings: None,
            waiters: self.waiter.iter().cloned().collect(),
            client_id: self.client_id.as_ref().map(|client| client.id.clone()),
            start_by: self.start_by,
            finish_by: self.finish_by,
            webhook: self.webhook.clone(),
            bulk: self.bulk,
            changed_at: now,
        }
    }

    /// From when on it may run, if it is accepted at `now`.
    pub fn available_at(&self, now: Timestamp) -> Timestamp {
        self.run_at.map_or(now, |run_at| run_at.max(now))
    }

    /// The nearest instant by which something has to have happened.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.start_by.into_iter().chain(self.finish_by).min()
    }

    /// Its place among what waits, if it is accepted at `now`.
    pub fn rank(&self, now: Timestamp) -> Timestamp {
        rank(self.available_at(now), self.priority, self.deadline())
    }
}

/// The range of a segment that holds one job's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultAt {
    /// The segment's key in the blob store.
    pub segment: String,
    /// First byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// A job that the store has granted to a worker for one attempt.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id.
    pub id: JobId,
    /// Whose job it is; batches share the device between owners.
    pub owner: String,
    /// The right to settle it.
    pub lease: Lease,
    /// The model's own name.
    pub model: String,
    /// Which queue it came through.
    pub class: Class,
    /// −10…10; higher goes first.
    pub priority: i16,
    /// Its place among its owner's jobs, the earlier the sooner.
    pub rank: Timestamp,
    /// How many items it has.
    pub item_count: u32,
    /// Where its items stand.
    pub items: ItemsAt,
    /// What they cost together.
    pub cost: Cost,
    /// The bulk that it is a slice of.
    pub bulk: Option<BulkId>,
    /// Not ended by then, it expires.
    pub finish_by: Option<Timestamp>,
    /// Parameters for every item.
    pub params: Object,
    /// Failed attempts so far.
    pub failures: u16,
    /// How many failed attempts end it.
    pub max_attempts: u16,
    /// Items that were on a device when its worker died.
    pub suspects: Suspects,
    /// Since when it could have run.
    pub available_at: Timestamp,
    /// When this attempt was granted.
    pub claimed_at: Timestamp,
    /// Who wants to hear of it: `events::Address`es.
    pub waiters: Vec<String>,
    /// W3C `traceparent` of the submission.
    pub trace: Option<String>,
}
