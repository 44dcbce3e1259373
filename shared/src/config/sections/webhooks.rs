//! `[webhooks]`.

use serde::Deserialize;

use super::complaints;
use crate::config::{Size, Span};
use crate::webhook::Schedule;

/// `[webhooks]`: who is told of what happened, and how often it is tried.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Whether receivers must be reached over TLS.
    pub https_only: bool,
    /// What links in messages begin with.
    pub public_url: String,
    /// Endpoints of one owner.
    pub max_endpoints: u32,
    /// How large a result may be that stands in its message.
    pub inline_result: Size,
    /// How long a receiver may take to answer.
    pub timeout: Span,
    /// The delays after failed tries.
    pub schedule: Vec<Span>,
    /// The share of a delay that is left to chance.
    pub jitter: f64,
    /// The shortest delay for a receiver that is overloaded or silent.
    pub throttle: Span,
    /// After how long of nothing but failure an endpoint is disabled.
    pub disable_after: Span,
    /// How long the former secret still counts after a rotation.
    pub rotation: Span,
    /// Messages under way at once, of one replica.
    pub concurrency: u32,
    /// Messages under way at once to one owner's receivers, of all replicas.
    pub per_owner: u32,
    /// Messages under way at once to one receiver, of all replicas.
    pub per_receiver: u32,
    /// How long a message is its sender's before another may take it for lost.
    pub lease: Span,
    /// How much of a receiver's answer is kept.
    pub kept_answer: Size,
    /// How long deliveries and their tries are kept.
    pub keep: Span,
}

impl WebhookConfig {
    /// Complaints about keys that contradict each other.
    pub fn check(&self) -> Vec<String> {
        complaints([
            (
                self.lease.get() < self.timeout.get() * 2,
                "webhooks.lease must be at least twice webhooks.timeout, or messages that are under way are sent again",
            ),
            (!(0.0..=1.0).contains(&self.jitter), "webhooks.jitter must be from 0 to 1"),
            (self.schedule.len() > 30, "webhooks.schedule may have at most 30 delays"),
            (self.concurrency == 0, "webhooks.concurrency must be at least 1"),
            (self.per_owner == 0, "webhooks.per_owner must be at least 1"),
            (self.per_receiver == 0, "webhooks.per_receiver must be at least 1"),
            (
                !self.public_url.is_empty() && !self.public_url.starts_with("http"),
                "webhooks.public_url must begin with http:// or https://, or be empty",
            ),
            (self.public_url.ends_with('/'), "webhooks.public_url must not end with a slash"),
        ])
    }

    /// When messages are told again.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            delays: self.schedule.iter().map(|delay| delay.get()).collect(),
            jitter: self.jitter,
            throttle: self.throttle.get(),
        }
    }
}
