//! `[retention]`: how long things are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_shared::config::{Span, complaints};
use serde::Deserialize;

use crate::retention::{ByOutcome, OwnerBounds, Terms};

/// `[retention]`: how long things are kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// A job that has ended, with its result, unless its class and outcome say otherwise.
    pub jobs: Span,
    /// An interactive job.
    pub interactive: ByOutcome,
    /// A bulk job.
    pub bulk: ByOutcome,
    /// What a client may wish for its job at least,
    pub min: Span,
    /// and at most.
    pub max: Span,
    /// The same for some owners, by name.
    pub owners: BTreeMap<String, OwnerBounds>,
    /// A job whose client waited for it: the answer was the result.
    pub synchronous: Span,
    /// An idempotency key.
    pub idempotency_keys: Span,
    /// An event, and so how far back a stream of events can be resumed.
    pub events: Span,
}

impl RetentionConfig {
    /// What of this decides how long a job is kept.
    pub fn terms(&self) -> Terms<'_> {
        Terms {
            usual: self.jobs,
            interactive: &self.interactive,
            bulk: &self.bulk,
            bounds: (self.min, self.max),
            owners: &self.owners,
        }
    }

    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        complaints([
            (self.min > self.max, "retention.min must be at most retention.max"),
            (
                self.owners.values().any(|own| own.min.unwrap_or(self.min) > own.max.unwrap_or(self.max)),
                "retention.owners: an owner's min must be at most its max",
            ),
            (
                self.jobs.get().is_zero(),
                "retention.jobs must be longer than nothing, or no result can be read",
            ),
            (
                self.events.get() < Duration::from_mins(1),
                "retention.events must be at least 1m, or no stream of events can be resumed",
            ),
        ])
    }
}
