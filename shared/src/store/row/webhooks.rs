//! Endpoints, deliveries and their tries.

use std::collections::VecDeque;

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::Place;
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::id::{BulkId, DeliveryId, JobId, WebhookId};
use crate::store::deliveries::{Waiting, receiver};
use crate::store::webhooks::Written;
use crate::store::{Delivery, Endpoint, Outgoing, Secrets, Signing, StoreResult, Try};
use crate::webhook::{Happening, TEST};

/// The columns of [`EndpointRow`], the same text on both databases.
macro_rules! endpoint_columns {
    () => {
        "id, owner, url, events, secrets, disabled_at, disabled_for, failing_since, created_at, updated_at"
    };
}

pub(in crate::store) use endpoint_columns;

#[derive(FromRow)]
pub(in crate::store) struct EndpointRow {
    id: WebhookId,
    owner: String,
    url: String,
    events: Json<Value>,
    secrets: Json<Value>,
    disabled_at: Option<Timestamp>,
    disabled_for: Option<String>,
    failing_since: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl EndpointRow {
    pub(in crate::store) fn endpoint(self) -> StoreResult<Endpoint> {
        let at = Place { table: "webhooks", row: self.id.to_string() };
        let disabled = match (self.disabled_at, self.disabled_for) {
            (Some(since), Some(reason)) => Some((since, at.word("disabled_for", &reason)?)),
            _ => None,
        };
        Ok(Endpoint {
            id: self.id,
            owner: self.owner,
            url: self.url,
            events: at.json("events", self.events)?,
            secrets: at.json::<Written>("secrets", self.secrets)?.into(),
            disabled,
            failing_since: self.failing_since,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct SigningRow {
    owner: String,
    secrets: Json<Value>,
    key: String,
}

impl SigningRow {
    pub(in crate::store) fn signing(self) -> StoreResult<Signing> {
        let at = Place { table: "signing", row: self.owner };
        let secrets = at.json::<Written>("secrets", self.secrets)?.into();
        Ok(Signing { secrets, key: Secret::new(self.key) })
    }
}

/// An event, and one who wants to hear of it.
#[derive(FromRow)]
pub(in crate::store) struct MatchRow {
    place: String,
    owner: String,
    r#type: String,
    job: Option<JobId>,
    bulk: Option<BulkId>,
    model: Option<String>,
    version: i64,
    attempt: Option<i32>,
    succeeded: Option<i32>,
    failed: Option<i32>,
    error: Option<String>,
    metadata: Option<Json<Value>>,
    at: Timestamp,
    webhook: Option<WebhookId>,
    url: String,
}

/// The same, read.
pub(in crate::store) struct Match {
    pub(in crate::store) owner: String,
    pub(in crate::store) webhook: Option<WebhookId>,
    /// The job's own.
    pub(in crate::store) own_url: Option<String>,
    pub(in crate::store) receiver: String,
    pub(in crate::store) source: String,
    pub(in crate::store) event: Happening,
}

impl MatchRow {
    pub(in crate::store) fn read(self) -> StoreResult<Match> {
        let at = Place { table: "events", row: self.place };
        let count = |column, number: Option<i32>| number.map(|number| at.number(column, number)).transpose();
        let event = Happening {
            kind: at.word("type", &self.r#type)?,
            job: self.job,
            bulk: self.bulk,
            model: self.model,
            version: self.version,
            attempt: count("attempt", self.attempt)?,
            succeeded: count("succeeded", self.succeeded)?,
            failed: count("failed", self.failed)?,
            error: self.error,
            metadata: self.metadata.map(|metadata| at.json("metadata", metadata)).transpose()?,
            at: self.at,
        };
        let whom = self.webhook.map_or_else(|| "job".to_owned(), |id| id.to_string());
        Ok(Match {
            owner: self.owner,
            source: format!("{} {whom}", at.row),
            receiver: receiver(&self.url),
            own_url: self.webhook.is_none().then_some(self.url),
            webhook: self.webhook,
            event,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct OutgoingRow {
    id: DeliveryId,
    owner: String,
    webhook: Option<WebhookId>,
    url: Option<String>,
    event: Json<Value>,
    body: Option<String>,
    tries: i32,
    step: i32,
    secrets: Option<Json<Value>>,
    key: Option<String>,
}

impl OutgoingRow {
    pub(in crate::store) fn outgoing(self) -> StoreResult<Outgoing> {
        let at = Place { table: "deliveries", row: self.id.to_string() };
        let secrets = self.secrets.map(|secrets| at.json::<Written>("secrets", secrets)).transpose()?;
        Ok(Outgoing {
            id: self.id,
            owner: self.owner,
            webhook: self.webhook,
            url: self.url.ok_or_else(|| at.corrupt("url"))?,
            event: at.json("event", self.event)?,
            body: self.body,
            tries: at.number("tries", self.tries)?,
            step: at.number("step", self.step)?,
            secrets: secrets.map(Secrets::from),
            key: self.key.map(Secret::new),
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct DeliveryRow {
    id: DeliveryId,
    r#type: String,
    job: Option<JobId>,
    state: String,
    tries: i32,
    next_at: Option<Timestamp>,
    leased: bool,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
}

impl DeliveryRow {
    pub(in crate::store) fn delivery(self) -> StoreResult<Delivery> {
        let at = Place { table: "deliveries", row: self.id.to_string() };
        Ok(Delivery {
            id: self.id,
            kind: match self.r#type.as_str() {
                TEST => None,
                kind => Some(at.word("type", kind)?),
            },
            job: self.job,
            state: at.word("state", &self.state)?,
            tries: at.number("tries", self.tries)?,
            // Of one that is under way it is the end of a lease, which is nobody's business.
            next_at: self.next_at.filter(|_| !self.leased),
            created_at: self.created_at,
            ended_at: self.ended_at,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct TryRow {
    delivery: DeliveryId,
    number: i32,
    at: Timestamp,
    took_ms: f64,
    status: Option<i32>,
    answer: String,
    error: Option<String>,
}

impl TryRow {
    pub(in crate::store) fn read(self) -> StoreResult<(DeliveryId, Try)> {
        let at = Place { table: "tries", row: self.delivery.to_string() };
        let tried = Try {
            number: at.number("number", self.number)?,
            at: self.at,
            took_ms: self.took_ms,
            status: self.status.map(|status| at.number("status", status)).transpose()?,
            answer: self.answer,
            error: self.error,
        };
        Ok((self.delivery, tried))
    }
}

/// A receiver, how much is under way to it, and one delivery that is due, if there is any.
#[derive(FromRow)]
pub(in crate::store) struct WaitingRow {
    owner: String,
    receiver: String,
    under_way: i64,
    next_at: Option<Timestamp>,
    id: Option<DeliveryId>,
}

impl WaitingRow {
    /// Rows of one receiver stand together, the oldest delivery first.
    pub(in crate::store) fn gather(rows: Vec<Self>) -> Vec<Waiting> {
        let mut gathered: Vec<Waiting> = Vec::new();
        let mut last: Option<(String, String)> = None;
        for row in rows {
            let place = (row.owner, row.receiver);
            if last.as_ref() != Some(&place) {
                let under_way = u32::try_from(row.under_way).unwrap_or(u32::MAX);
                gathered.push(Waiting { owner: place.0.clone(), under_way, due: VecDeque::new() });
                last = Some(place);
            }
            if let (Some(waiting), Some(next_at), Some(id)) = (gathered.last_mut(), row.next_at, row.id) {
                waiting.due.push_back((next_at, id));
            }
        }
        gathered
    }
}
