//! The sections that more than one program reads. Every key is described in `cli/config.default.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::{Secret, Size, Span};
use crate::webhook::Schedule;

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

/// `[blobs]`: where inputs and results are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobConfig {
    /// `s3://bucket/prefix`, or empty for the data directory.
    pub url: String,
    /// The S3 server, if it is not Amazon's.
    pub endpoint: String,
    /// The bucket's region.
    pub region: String,
    /// The access key's public half.
    pub access_key_id: String,
    /// The access key's secret half.
    pub secret_access_key: Secret,
    /// Whether plain HTTP will do.
    pub allow_http: bool,
    /// How long one request may take; of a large object that is read piece by piece, how long no byte may come.
    pub timeout: Span,
    /// Whether media are read from the S3 server itself, by URLs that are signed for their owner.
    pub signed_urls: bool,
    /// How long such a URL holds.
    pub signed_url_life: Span,
    /// The S3 server as clients know it, if they know it by another address.
    pub public_endpoint: String,
}

impl BlobConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let (life, seconds) = (self.signed_url_life.get(), Duration::from_secs(1)..=LONGEST_URL);
        let rules = [
            (
                self.signed_urls && self.url.is_empty(),
                "blobs.signed_urls needs an S3 server, and blobs.url is empty: files of the data directory have no URLs \
                 of their own",
            ),
            (
                !self.public_endpoint.is_empty() && !self.signed_urls,
                "blobs.public_endpoint is for URLs that blobs.signed_urls does not allow",
            ),
            (
                !seconds.contains(&life),
                "blobs.signed_url_life must be from 1s to 7d, which is the longest S3 takes",
            ),
        ];
        rules.into_iter().filter(|(broken, _)| *broken).map(|(_, complaint)| complaint.to_owned()).collect()
    }
}

/// AWS Signature Version 4: `X-Amz-Expires` is a week at most.
const LONGEST_URL: Duration = Duration::from_hours(7 * 24);

/// `[cache]`: whether answers are kept for whoever asks the same again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// Whether any are.
    pub enabled: bool,
    /// For how long.
    pub ttl: Span,
    /// What all of them may take.
    pub max_bytes: Size,
    /// How large one may be that stands in the database.
    pub inline: Size,
}

impl CacheConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let rules = [
            (self.ttl.get() < SHORTEST_TTL, format!("cache.ttl ({}) must be a second at least", self.ttl)),
            (self.ttl.get() > LONGEST_TTL, format!("cache.ttl ({}) must be 90 days at most", self.ttl)),
            (
                self.inline > MOST_INLINE,
                format!(
                    "cache.inline ({}) must be {MOST_INLINE} at most: larger answers are objects",
                    self.inline
                ),
            ),
        ];
        rules.into_iter().filter(|(broken, _)| *broken).map(|(_, complaint)| complaint).collect()
    }
}

/// `[registry]`: what a model may take that is brought in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Files of one model, and entries of an archive.
    pub max_files: usize,
    /// Bytes of one model, unpacked.
    pub max_bytes: Size,
    /// Models that one owner may have; everybody's are not counted.
    pub max_models: u32,
    /// What stays free on a disk that a model is written to.
    pub disk_reserve: Size,
}

impl RegistryConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let rules = [
            (
                !(1..=MOST_MODEL_FILES).contains(&self.max_files),
                format!("registry.max_files must be from 1 to {MOST_MODEL_FILES}, not {}", self.max_files),
            ),
            (self.max_bytes.bytes() == 0, "registry.max_bytes must be a byte at least".to_owned()),
        ];
        rules.into_iter().filter(|(broken, _)| *broken).map(|(_, complaint)| complaint).collect()
    }
}

/// `[hub]`: where models are pulled from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    /// A hub that speaks as Hugging Face's does.
    pub endpoint: String,
    /// What it knows us by; empty: it knows us not.
    pub token: Secret,
    /// Owners for whose pulls it is sent beside those of admins; `*`: for everybody's.
    pub token_owners: Vec<String>,
    /// How long it may be silent.
    pub timeout: Span,
    /// Pulls that one replica does at once.
    pub pulls: usize,
    /// Files of one pull that are fetched at once.
    pub files: usize,
    /// How long what a pull that did not end has fetched is kept for the next.
    pub keep: Span,
}

impl HubConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = |url: &Url| {
            url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        let rules = [
            (
                !Url::parse(&self.endpoint).is_ok_and(|url| is_http(&url) && bare(&url)),
                "hub.endpoint must be a URL that begins with http:// or https://, without a password or a query",
            ),
            (
                self.token.expose().contains(|c: char| !c.is_ascii_graphic()),
                "hub.token has characters that none has",
            ),
            (self.pulls == 0 || self.files == 0, "hub.pulls and hub.files must be at least 1"),
        ];
        rules.into_iter().filter(|(broken, _)| *broken).map(|(_, complaint)| complaint.to_owned()).collect()
    }
}

/// A model's files are named in one statement.
const MOST_MODEL_FILES: usize = 10_000;

/// Below a second an answer is over before it can be asked for again.
const SHORTEST_TTL: Duration = Duration::from_secs(1);
/// As long as a client may have its jobs kept.
const LONGEST_TTL: Duration = Duration::from_hours(90 * 24);
/// What one statement carries of a thousand answers stays below 64 MiB.
const MOST_INLINE: Size = Size::new(64 * 1024);

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

/// `[bulk]`: what a bulk's file may be, and how it is cut.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkConfig {
    /// Lines of one file.
    pub max_lines: u64,
    /// Inputs of all its lines together.
    pub max_inputs: u64,
    /// How large it may be.
    pub max_bytes: Size,
    /// How long one line may be.
    pub longest_line: Size,
    /// The longest window.
    pub longest_window: Span,
    /// Bad lines that a refused file tells of.
    pub max_errors: usize,
    /// Files that one scheduler reads at once.
    pub readers: usize,
    /// How long a slice keeps a device busy.
    pub slice: Span,
    /// How long a bulk and its files are kept once it has ended.
    pub keep: Span,
}

impl BulkConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.max_errors == 0 || self.readers == 0 {
            complaints.push("bulk.max_errors and bulk.readers must be at least 1".to_owned());
        }
        if !(1..=MOST_LINES).contains(&self.max_lines) {
            complaints.push(format!(
                "bulk.max_lines must be from 1 to {MOST_LINES}: a reader holds 35 bytes for each line"
            ));
        }
        if self.slice.get().as_secs() == 0 {
            complaints.push(format!("bulk.slice ({}) must be a second at least", self.slice));
        }
        complaints
    }
}

/// Lines of one file at the very most: their names take 350 MB while they are read.
const MOST_LINES: u64 = 10_000_000;

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
        let rules = [
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
        ];
        rules.into_iter().filter(|(broken, _)| *broken).map(|(_, complaint)| complaint.to_owned()).collect()
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
