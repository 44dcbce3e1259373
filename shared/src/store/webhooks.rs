//! Webhook endpoints, and what messages are signed with.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::id::WebhookId;
use crate::job::EventType;
use crate::words::words;

/// Secrets that count: the present one and, for a while, the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secrets {
    present: Secret,
    former: Option<(Secret, Timestamp)>,
}

impl Secrets {
    /// A first secret.
    pub fn new(present: Secret) -> Self {
        Self { present, former: None }
    }

    /// The present one, which is shown once.
    pub fn present(&self) -> &Secret {
        &self.present
    }

    /// Those that sign at `now`, the present one first.
    pub fn at(&self, now: Timestamp) -> Vec<Secret> {
        let former = self.former.iter().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&self.present).chain(former).cloned().collect()
    }

    /// `fresh` takes the present one's place, which counts until `until`.
    #[must_use]
    pub fn rotated(self, fresh: Secret, until: Timestamp) -> Self {
        Self { present: fresh, former: Some((self.present, until)) }
    }
}

/// Secrets as their column has them; nothing else writes secrets down.
#[derive(Serialize, Deserialize)]
pub(super) struct Written {
    present: String,
    former: Option<(String, Timestamp)>,
}

impl From<&Secrets> for Written {
    fn from(secrets: &Secrets) -> Self {
        let former = secrets.former.as_ref();
        Self {
            present: secrets.present.expose().to_owned(),
            former: former.map(|(secret, until)| (secret.expose().to_owned(), *until)),
        }
    }
}

impl From<Written> for Secrets {
    fn from(written: Written) -> Self {
        let former = written.former.map(|(secret, until)| (Secret::new(secret), until));
        Self { present: Secret::new(written.present), former }
    }
}

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disabled {
    /// Its owner wished so.
    Owner,
    /// It answered 410.
    Gone,
    /// It failed for too long.
    Failing,
}

words!(Disabled, "reason", Owner = "owner", Gone = "gone", Failing = "failing");

/// An endpoint that is about to be made.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub owner: String,
    /// Where it is.
    pub url: String,
    /// What it is told of.
    pub events: Vec<EventType>,
    /// What its messages are signed with.
    pub secret: Secret,
}

/// An endpoint as its row tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub owner: String,
    /// Where it is.
    pub url: String,
    /// What it is told of.
    pub events: Vec<EventType>,
    /// What its messages are signed with.
    pub secrets: Secrets,
    /// Since when it is told nothing, and why.
    pub disabled: Option<(Timestamp, Disabled)>,
    /// Since when nothing got through, if the last try failed.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner changed it last.
    pub updated_at: Timestamp,
}

/// What is to be different about an endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointChange {
    /// Where it is.
    pub url: Option<String>,
    /// What it is told of.
    pub events: Option<Vec<EventType>>,
    /// Whether it is told nothing.
    pub disabled: Option<bool>,
}

/// What an owner's messages are signed with, beside an endpoint's own secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// For jobs' own webhooks.
    pub secrets: Secrets,
    /// `whsk_…`
    pub key: Secret,
}

/// Endpoints and secrets. Every method names the owner.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Makes an endpoint, unless its owner has `most` already.
    async fn create_webhook(&self, endpoint: &NewEndpoint, most: u32) -> StoreResult<bool>;

    /// The owner's endpoints, oldest first.
    async fn webhooks(&self, owner: &str) -> StoreResult<Vec<Endpoint>>;

    /// The owner's endpoint.
    async fn webhook(&self, owner: &str, id: WebhookId) -> StoreResult<Option<Endpoint>>;

    /// Changes the owner's endpoint. One that is disabled skips what was on its way to it; one that is enabled again
    /// begins with a clean slate.
    async fn change_webhook(
        &self,
        owner: &str,
        id: WebhookId,
        change: &EndpointChange,
    ) -> StoreResult<Option<Endpoint>>;

    /// Removes the owner's endpoint with its deliveries.
    async fn delete_webhook(&self, owner: &str, id: WebhookId) -> StoreResult<bool>;

    /// Gives the owner's endpoint another secret; the present one counts for `overlap` longer.
    async fn rotate_webhook(
        &self,
        owner: &str,
        id: WebhookId,
        fresh: &Secret,
        overlap: Duration,
    ) -> StoreResult<Option<Endpoint>>;

    /// What the owner's messages are signed with; `fresh` from now on, if there was nothing yet.
    async fn signing(&self, owner: &str, fresh: &Signing) -> StoreResult<Signing>;

    /// Gives the owner another secret; the present one counts for `overlap` longer. `None`: there was nothing yet.
    async fn rotate_signing(
        &self,
        owner: &str,
        fresh: &Secret,
        overlap: Duration,
    ) -> StoreResult<Option<Signing>>;
}
