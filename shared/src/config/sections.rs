//! The sections that more than one program reads. Every key is described in `cli/config.default.toml`.

mod blobs;
mod bulk;
mod cache;
mod hub;
mod registry;
mod webhooks;

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Deserialize;

use super::{Secret, Size, Span};

pub use blobs::BlobConfig;
pub use bulk::BulkConfig;
pub use cache::CacheConfig;
pub use hub::HubConfig;
pub use registry::RegistryConfig;
pub use webhooks::WebhookConfig;

/// `[store]`: where the truth is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `postgres://…`, or empty for SQLite in the data directory.
    pub url: Secret,
    /// Connections of one process to Postgres.
    pub max_connections: u32,
    /// How long a statement waits for a connection.
    pub acquire_timeout: Span,
}

/// `[queue]`: how work is handed over.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    /// `amqp://…`, or empty for a queue inside the process.
    pub url: Secret,
    /// What every queue's name begins with.
    pub prefix: String,
    /// How long a publication may take.
    pub publish_timeout: Span,
}

/// `[moderation]`: which model judges texts, and how its labels are told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModerationConfig {
    /// A model of the kind `text_classification`; empty: none.
    pub model: String,
    /// From which score on a category is flagged, 0…1.
    pub threshold: f32,
    /// The category that each label counts towards; empty: every label is a category.
    pub categories: BTreeMap<String, String>,
}

impl ModerationConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        if (0.0..=1.0).contains(&self.threshold) {
            return Vec::new();
        }
        vec!["moderation.threshold must be from 0 to 1, as scores are".to_owned()]
    }
}

/// `[models]`: what models are called.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Further names, each with the name or alias of the model that answers to it.
    pub aliases: BTreeMap<String, String>,
}

impl ModelConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let complaint = |(alias, name): (&String, &String)| {
            let key = format!("models.aliases.{alias:?}");
            if alias.trim().is_empty() || name.trim().is_empty() {
                Some(format!("{key} must be a name, and name a model"))
            } else if self.aliases.contains_key(name) {
                Some(format!("{key} must name a model itself, not another alias of the configuration"))
            } else {
                None
            }
        };
        self.aliases.iter().filter_map(complaint).collect()
    }
}

/// `[fetch]`: what outgoing URLs may reach.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchConfig {
    /// Networks that are permitted although they are private.
    pub allow: Vec<IpNet>,
    /// How long one fetch may take, redirects included.
    pub timeout: Span,
    /// How many redirects are followed.
    pub max_redirects: u32,
    /// How large the answer may be.
    pub max_bytes: Size,
}

/// `[telemetry]`: what the process says of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Which lines are written: `info`, `forebay_worker=debug,info`, …
    pub log: String,
    /// How they look.
    pub format: LogFormat,
    /// Where roles without an api tell how they are; empty: nowhere.
    pub listen: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What a section says of its rules that are broken.
pub fn complaints<C: Into<String>, const N: usize>(rules: [(bool, C); N]) -> Vec<String> {
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, complaint)| complaint.into()).collect()
}
