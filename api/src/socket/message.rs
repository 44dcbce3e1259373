//! What a socket's two sides say.

use std::collections::BTreeMap;

use axum::extract::ws::Message;
use forebay_shared::job::EventType;
use forebay_shared::store::EventFilter;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::problem::{Code, Problem};
use crate::routes::jobs::{Name, resolve};
use crate::state::State;

/// What a client says over a WebSocket.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientMessage {
    /// What is asked for.
    #[serde(rename = "type")]
    pub kind: Question,
    /// The client's own word for this question; the answer carries it.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// To submit: the same object as `POST /v1/jobs` takes. To subscribe or to cancel: a job's id, ours
    /// or your own.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub job: Option<Box<RawValue>>,
    /// To submit: as the header `Idempotency-Key`.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// To submit: an id of your own, as in `PUT /v1/jobs/{id}`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// To subscribe to more than one job: which events. None means all of the owner's.
    #[serde(default)]
    pub filter: Option<FilterBody>,
    /// To subscribe: the id of the last event that was seen.
    #[serde(default)]
    pub after: Option<String>,
    /// To unsubscribe: the number that the subscription was given.
    #[serde(default)]
    pub subscription: Option<u64>,
}

/// What a client may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Submit a job.
    Submit,
    /// Follow a job, or all that a filter lets through.
    Subscribe,
    /// Follow no longer.
    Unsubscribe,
    /// Cancel a job.
    Cancel,
}

/// Which events. Everything that is given must hold.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EventFilter)]
pub struct FilterBody {
    /// Of one of these types.
    #[serde(default)]
    types: Vec<EventType>,
    /// Of jobs for this model, by its name or an alias.
    #[serde(default)]
    model: Option<String>,
    /// Of one of these jobs, by our ids or by your own; at most 100.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    jobs: Vec<Name>,
    /// Of jobs with these pairs among their metadata.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// Jobs that one stream is narrowed to at most.
const JOBS: usize = 100;

impl FilterBody {
    /// The filter, names resolved.
    pub async fn read(self, app: &State, owner: &str) -> Result<EventFilter, Problem> {
        if let Some(kind) = self.types.iter().find(|kind| !kind.is_kept()) {
            let detail = format!("`{kind}` is told to whoever follows one job only");
            return Err(Problem::new(Code::InvalidField, detail).at("filter.types"));
        }
        if self.jobs.len() > JOBS {
            let detail = format!("a filter names {JOBS} jobs at most");
            return Err(Problem::new(Code::InvalidField, detail).at("filter.jobs").limit(JOBS as u64));
        }
        let texts = self.model.iter().chain(self.metadata.keys()).chain(self.metadata.values());
        if texts.into_iter().any(|text| text.contains('\0')) {
            // Postgres cannot compare with it.
            return Err(Problem::new(Code::InvalidField, "the character U+0000 is not taken").at("filter"));
        }
        let model = match self.model {
            Some(name) => {
                Some(app.parts.catalog.find(owner, &name).await?.map_or(name, |model| model.card.name))
            }
            None => None,
        };
        let metadata = self.metadata.into_iter().map(|(name, value)| (name, value.into())).collect();
        let jobs = resolve(app, owner, self.jobs, "filter.jobs").await?;
        Ok(EventFilter { kinds: self.types, model, jobs, metadata })
    }
}

/// What the service says over a WebSocket.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The job is accepted.
    Accepted {
        /// The client's word for its question.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// Whether it is an earlier submission's, under the same idempotency key.
        replayed: bool,
        /// The job, as `POST /v1/jobs` answers.
        #[schema(value_type = Object)]
        job: Box<RawValue>,
    },
    /// The job is cancelled, or asked to stop.
    Cancelled {
        /// The client's word for its question.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// The job as it stands.
        #[schema(value_type = Object)]
        job: Box<RawValue>,
    },
    /// The subscription begins.
    Subscribed {
        /// The client's word for its question.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// Its number.
        subscription: u64,
    },
    /// The subscription is over because the client asked. What was on its way may still come.
    Unsubscribed {
        /// The client's word for its question.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// Its number.
        subscription: u64,
    },
    /// Something happened.
    Event {
        /// The subscription that it is told to.
        subscription: u64,
        /// What to resume after; none for what is told only once.
        id: Option<String>,
        /// What happened.
        event: EventType,
        /// As the data of the same server-sent event.
        #[schema(value_type = Object)]
        data: Box<RawValue>,
    },
    /// Nothing happened for a while; the place to resume after has moved on.
    Position {
        /// The subscription.
        subscription: u64,
        /// What to resume after.
        id: String,
    },
    /// There is nothing more to tell: the job has ended.
    Ended {
        /// The subscription.
        subscription: u64,
    },
    /// A question was refused, or a subscription ends before its time.
    Error {
        /// The client's word for its question.
        #[serde(rename = "ref")]
        reference: Option<String>,
        /// The subscription, if it is one's.
        #[serde(skip_serializing_if = "Option::is_none")]
        subscription: Option<u64>,
        /// Why, as an HTTP answer would say it.
        #[schema(value_type = Object)]
        problem: Box<RawValue>,
    },
}

impl ServerMessage {
    /// The message as it is sent.
    pub fn written(&self) -> Message {
        let text = serde_json::to_string(self).expect("strings and numbers can be written as JSON");
        Message::Text(text.into())
    }
}
