//! Messages on their way to receivers: made of events, leased, tried, kept, played again.

mod choice;

use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::{Secrets, StoreResult};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::id::{DeliveryId, Ids, JobId, WebhookId};
use crate::job::EventType;
use crate::webhook::Happening;
use crate::words::words;
pub(super) use choice::{Waiting, choose};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be tried.
    Pending,
    /// The receiver has it.
    Succeeded,
    /// Every try failed.
    Failed,
    /// Its endpoint was disabled before it got through.
    Skipped,
}

words!(
    DeliveryState,
    "state of a delivery",
    Pending = "pending",
    Succeeded = "succeeded",
    Failed = "failed",
    Skipped = "skipped",
);

/// What one look at the events made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fanned {
    /// Events that were passed.
    pub events: u64,
    /// Deliveries that were made of them.
    pub deliveries: u64,
}

/// How many deliveries may be under way.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// More of this replica's.
    pub here: u32,
    /// Of one owner's, all replicas together.
    pub per_owner: u32,
    /// To one receiver of an owner's, all replicas together.
    pub per_receiver: u32,
}

/// A delivery that was granted to a sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Its id.
    pub id: DeliveryId,
    /// Whose it is.
    pub owner: String,
    /// The endpoint; `None`: the job's own.
    pub webhook: Option<WebhookId>,
    /// Where it goes.
    pub url: String,
    /// What it tells.
    pub event: Happening,
    /// What it says, once it was tried.
    pub body: Option<String>,
    /// Tries so far.
    pub tries: u32,
    /// Tries since it was last put on its way.
    pub step: u32,
    /// The endpoint's secrets, or the owner's; `None`: the owner has none yet.
    pub secrets: Option<Secrets>,
    /// The owner's `whsk_…`, if there is one yet.
    pub key: Option<Secret>,
}

/// One try.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// The first bytes of the answer.
    pub answer: String,
    /// Why there was none.
    pub error: Option<String>,
}

/// A message of the test button's.
#[derive(Clone, Debug)]
pub struct Tested {
    /// Its id.
    pub id: DeliveryId,
    /// Whose it is.
    pub owner: String,
    /// The endpoint.
    pub webhook: WebhookId,
    /// Where it went.
    pub url: String,
    /// What it said.
    pub body: String,
    /// Whether it got through.
    pub delivered: bool,
}

/// What follows a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The receiver has it.
    Delivered,
    /// Another try at this instant.
    Retry(Timestamp),
    /// No other try.
    GiveUp,
    /// No other try, and the endpoint is told nothing any more.
    Gone,
}

/// A delivery as its row tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// What it tells; `None`: somebody pressed the test button.
    pub kind: Option<EventType>,
    /// Of which job.
    pub job: Option<JobId>,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it got through, or was given up.
    pub ended_at: Option<Timestamp>,
}

/// Which deliveries are put on their way once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// This one.
    One(DeliveryId),
    /// Those made from an instant on and before another that stand so; `None`: those that did not get through.
    Range(Timestamp, Timestamp, Option<DeliveryState>),
}

/// What is bounded together: scheme, host and port.
pub(super) fn receiver(url: &str) -> String {
    Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

/// Messages on their way to receivers.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Makes deliveries of up to `chunk` events that were not looked at yet, and passes them: all in one transaction, so
    /// that whoever dies has done it or not.
    async fn fan_out(&self, chunk: u32, ids: &Ids) -> StoreResult<Fanned>;

    /// Grants deliveries that are due to a sender, for as long as `lease`; those due longest go first. What it does not
    /// record by then is granted again.
    async fn claim_deliveries(&self, room: Room, lease: Duration) -> StoreResult<Vec<Outgoing>>;

    /// Keeps what a delivery says, and answers with what it says: what was kept before stands. `None`: it tells of a job
    /// that has just been deleted, whose result must not be kept.
    async fn keep_body(&self, id: DeliveryId, body: &str, job: Option<JobId>) -> StoreResult<Option<String>>;

    /// Gives a delivery back untried, until `next_at`.
    async fn defer_delivery(&self, id: DeliveryId, tries: u32, next_at: Timestamp) -> StoreResult<()>;

    /// Records a try and what follows. An endpoint that has failed since `patience` or before is disabled. `None`: the
    /// delivery has gone on without this sender.
    async fn record_try(
        &self,
        outgoing: &Outgoing,
        tried: &Try,
        after: After,
        patience: Timestamp,
    ) -> StoreResult<Option<DeliveryState>>;

    /// Records a try that nobody asked for but the test button.
    async fn record_test(&self, test: &Tested, tried: &Try) -> StoreResult<()>;

    /// Deliveries to the owner's endpoint, newest first, from before `after` on.
    async fn deliveries(
        &self,
        owner: &str,
        webhook: WebhookId,
        state: Option<DeliveryState>,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>>;

    /// Tries of these deliveries of the owner's, in order.
    async fn tries(&self, owner: &str, of: &[DeliveryId]) -> StoreResult<Vec<(DeliveryId, Try)>>;

    /// Puts deliveries to the owner's endpoint on their way once more, up to `limit`. Answers how many.
    async fn replay(&self, owner: &str, webhook: WebhookId, which: Replay, limit: u32) -> StoreResult<u64>;

    /// Forgets up to `limit` deliveries that ended before an instant, with their tries. Answers how many.
    async fn purge_deliveries(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}
