//! Sends messages that are due: leased, bounded, at least once.
//!
//! A message is granted for as long as a lease, told, and recorded. Whoever dies between telling and recording leaves a
//! lease that lapses, and the message is told again: under the same id, in the same words.

mod message;

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::clock::Timestamp;
use forebay_shared::config::{Secret, WebhookConfig};
use forebay_shared::store::{After, DeliveryState, Outgoing, Room, Secrets, Signing, StoreResult, Try};
use forebay_shared::webhook::{
    Heard, Keys, Next, Postman, Reply, Schedule, SignError, SigningKey, new_secret, sign,
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::SchedulerParts;

/// How often somebody looks for what is due, if nobody wakes it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a message waits whose result cannot be read at the moment.
const DEFERRED: Duration = Duration::from_secs(5);
/// How long messages that are under way may take after a soft stop. What takes longer is told again by another.
const LAST: Duration = Duration::from_secs(5);

/// This replica's part in sending.
#[derive(Debug)]
pub(crate) struct Sender {
    parts: SchedulerParts,
    config: WebhookConfig,
    schedule: Schedule,
    postman: Postman,
    places: Arc<Semaphore>,
    woken: Notify,
}

impl Sender {
    pub(crate) fn new(parts: SchedulerParts) -> Arc<Self> {
        let config = parts.webhooks.clone();
        Arc::new(Self {
            schedule: config.schedule(),
            postman: Postman::new(parts.fetcher.clone(), &config),
            places: Arc::new(Semaphore::new(config.concurrency as usize)),
            woken: Notify::new(),
            config,
            parts,
        })
    }

    /// There may be something to send.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Sends until a soft stop.
    pub(crate) async fn run(self: Arc<Self>) {
        while !self.parts.tasks.is_stopping() {
            if let Err(error) = self.launch().await {
                tracing::warn!(%error, "messages to webhooks cannot be sent at the moment");
            }
            tokio::select! {
                () = self.parts.tasks.stopping() => {}
                () = self.woken.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        if tokio::time::timeout(LAST, self.idle()).await.is_err() {
            tracing::info!("messages to webhooks are left under way; they will be sent again");
        }
    }

    /// Has what is due granted, as far as there is room, and sends it beside the caller. Answers how many.
    pub(crate) async fn launch(self: &Arc<Self>) -> StoreResult<usize> {
        let here = u32::try_from(self.places.available_permits()).unwrap_or(u32::MAX);
        if here == 0 {
            return Ok(0);
        }
        let room = Room { here, per_owner: self.config.per_owner, per_receiver: self.config.per_receiver };
        let granted = self.parts.store.claim_deliveries(room, self.config.lease.get()).await?;
        let count = granted.len();
        for outgoing in granted {
            let Ok(place) = self.places.clone().try_acquire_owned() else {
                // Nobody else takes places; if somebody did, the lease would bring it back.
                break;
            };
            let sender = self.clone();
            self.parts.tasks.spawn("webhook", async move { sender.send(outgoing, place).await });
        }
        Ok(count)
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed.
        let _ = self.places.acquire_many(self.config.concurrency).await;
    }

    async fn send(&self, outgoing: Outgoing, place: OwnedSemaphorePermit) {
        if let Err(error) = self.try_send(&outgoing).await {
            tracing::warn!(%error, delivery = %outgoing.id, "a message to a webhook is left for later");
        }
        drop(place);
        self.wake();
    }

    async fn try_send(&self, outgoing: &Outgoing) -> StoreResult<()> {
        let store = &self.parts.store;
        let Some(message) = self.message(outgoing).await? else {
            let later = store.now().plus(DEFERRED);
            return store.defer_delivery(outgoing.id, outgoing.tries, later).await;
        };
        let at = store.now();
        let signed =
            self.keys(outgoing, at).await?.and_then(|keys| sign(outgoing.id, at, message.as_bytes(), &keys));
        let reply = match signed {
            Ok(signature) => self.postman.post(&outgoing.url, &message, &signature).await,
            Err(error) => unsigned(error),
        };
        self.record(outgoing, at, reply).await
    }

    /// What the message is signed with; an owner's own are made when they are first needed.
    async fn keys(&self, outgoing: &Outgoing, now: Timestamp) -> StoreResult<Result<Keys, SignError>> {
        let (secrets, key): (Secrets, Secret) = match (outgoing.secrets.clone(), outgoing.key.clone()) {
            (Some(secrets), Some(key)) => (secrets, key),
            (secrets, _) => {
                let entropy = self.parts.entropy.as_ref();
                let fresh = Signing {
                    secrets: Secrets::new(new_secret(entropy)),
                    key: SigningKey::generate(entropy).secret(),
                };
                let signing = self.parts.store.signing(&outgoing.owner, &fresh).await?;
                (secrets.unwrap_or(signing.secrets), signing.key)
            }
        };
        Ok(SigningKey::read(&key).map(|signing| Keys { secrets: secrets.at(now), signing }))
    }

    async fn record(&self, outgoing: &Outgoing, at: Timestamp, reply: Reply) -> StoreResult<()> {
        let now = self.parts.store.now();
        let next = self.schedule.decide(&reply.heard, outgoing.step + 1, now, self.parts.entropy.fraction());
        let after = match next {
            Next::Delivered => After::Delivered,
            Next::Retry(delay) => After::Retry(now.plus(delay)),
            Next::GiveUp => After::GiveUp,
            Next::Gone => After::Gone,
        };
        let tried = tried(outgoing.tries + 1, at, reply);
        let patience = now.minus(self.config.disable_after.get());
        let state = self.parts.store.record_try(outgoing, &tried, after, patience).await?;
        let outcome = match state {
            Some(DeliveryState::Succeeded) => "delivered",
            Some(DeliveryState::Pending) => "retried",
            Some(DeliveryState::Failed) => "failed",
            Some(DeliveryState::Skipped) => "skipped",
            None => "repeated",
        };
        metrics::counter!("forebay_webhook_deliveries_total", "outcome" => outcome).increment(1);
        if state == Some(DeliveryState::Succeeded) {
            let lag = now.since(outgoing.event.at).as_secs_f64();
            metrics::histogram!("forebay_webhook_lag_seconds").record(lag);
        }
        Ok(())
    }
}

fn tried(number: u32, at: Timestamp, reply: Reply) -> Try {
    let status = match reply.heard {
        Heard::Status { status, .. } => Some(status),
        Heard::Timeout | Heard::Unreachable => None,
    };
    let took_ms = reply.took.as_secs_f64() * 1000.0;
    Try { number, at, took_ms, status, answer: reply.answer, error: reply.error }
}

/// A message that cannot be signed is as good as one that cannot be sent.
fn unsigned(error: SignError) -> Reply {
    tracing::error!(%error, "a message to a webhook cannot be signed");
    Reply {
        heard: Heard::Unreachable,
        took: Duration::ZERO,
        answer: String::new(),
        error: Some(error.to_string()),
    }
}
