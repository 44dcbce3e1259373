//! The body of `POST /v1/jobs`, as it is written.
//!
//! Reading it refuses what is malformed, unknown or of the wrong type, by the field's path. What it means is checked in
//! [`draft`], where the pictures go is decided in [`place`].

pub mod draft;
pub mod picture;
pub mod place;
pub mod retention;
pub mod times;
pub mod upload;
pub mod webhook;

use std::collections::BTreeMap;

pub use forebay_dialects::item::ItemBody;
use forebay_dialects::item::params_schema;
use forebay_shared::job::{Class, Object};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::{body, samples};
use retention::RetentionBody;
pub use webhook::Webhook;

/// What is to be done, to which inputs, by which model.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = samples::submission)]
pub struct Submission {
    /// The model's name or an alias; see `GET /v1/models`.
    pub model: String,
    /// One item. Give either this or `inputs`.
    #[serde(default)]
    pub input: Option<ItemBody>,
    /// Items, in the order in which the result will tell of them. Give either these or `input`.
    #[serde(default)]
    pub inputs: Option<Vec<ItemBody>>,
    /// Parameters for every item; which there are depends on the model's kind.
    #[serde(default)]
    #[schema(schema_with = params_schema)]
    pub params: Option<Object>,
    /// Whether somebody waits for it; `interactive` by default.
    #[serde(default)]
    pub class: Option<Class>,
    /// Higher goes first among the owner's jobs.
    #[serde(default)]
    #[schema(minimum = -10, maximum = 10, default = 0)]
    pub priority: Option<i16>,
    /// The client's own words, by which jobs can be listed: at most 16 pairs, names of up to 64 and values of up to 512
    /// characters.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// How many failed attempts end the job; 3 by default.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10)]
    pub max_attempts: Option<u16>,
    /// Not before this instant (RFC 3339), or not before so long a time has passed, like `30s`, `5m` or `2h`: at most 30
    /// days ahead.
    #[serde(default)]
    #[schema(example = "2h")]
    pub run_at: Option<String>,
    /// A job that has not begun by then expires: an instant, or a duration that counts from the submission.
    #[serde(default)]
    #[schema(example = "30s")]
    pub start_by: Option<String>,
    /// A job that has not ended by then expires, and keeps what it has finished: an instant, or a duration that counts
    /// from the submission. The header `Cancel-After` says the same.
    #[serde(default)]
    #[schema(example = "5m")]
    pub finish_by: Option<String>,
    /// How long the job is to be kept once it has ended, with its result: like `7d`, or by outcome, like
    /// `{"succeeded": "1h", "failed": "30d"}`; within the service's bounds.
    #[serde(default)]
    pub retention: Option<RetentionBody>,
    /// Whom to tell of the job, by messages signed with the secret at `/v1/webhooks/secret`.
    #[serde(default)]
    pub webhook: Option<Webhook>,
}

impl Submission {
    /// Reads a body.
    pub fn read(json: &[u8]) -> Result<Self, Problem> {
        body::parse(json, "submission")
    }
}
