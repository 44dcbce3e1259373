//! The api's sections. Every key is described in `cli/config.default.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use forebay_dialects::emotion::{Ids, is_id};
use forebay_shared::config::{BulkConfig, CacheConfig, ModerationConfig, Secret, Size, Span, WebhookConfig};
use ipnet::IpNet;
use serde::Deserialize;

use crate::address::ProxyHeader;
use crate::bounds::Bounds;
use crate::limits::JSON_COPIES;
use crate::rates::RateConfig;
use crate::retention::{ByOutcome, OwnerBounds, Terms};

/// Attempts that a submission may ask for at most; more only hide a defect.
pub const MOST_ATTEMPTS: u16 = 10;

/// What the api reads of the configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct ApiConfig {
    /// How it is reached.
    pub api: HttpConfig,
    /// Who may come in.
    pub auth: AuthConfig,
    /// How much one request may ask for.
    pub limits: LimitConfig,
    /// How much somebody may do in a time.
    pub rate_limits: RateConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// Which model judges texts.
    pub moderation: ModerationConfig,
    /// What pictures are given to that name no model.
    pub tasks: TaskConfig,
    /// Which models the emotion API knows.
    pub emotion: EmotionConfig,
    /// What files are taken.
    pub files: FileConfig,
    /// Who is told of what happened.
    pub webhooks: WebhookConfig,
    /// `[bulk]`
    pub bulk: BulkConfig,
    /// Whether answers are kept.
    pub cache: CacheConfig,
    /// How Ollama's clients are answered.
    pub ollama: OllamaConfig,
    /// Which models stand behind the paths of Text Embeddings Inference.
    pub tei: TeiConfig,
}

/// `[api]`: how it is reached.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How long requests may still take once a stop was asked for.
    pub stop_timeout: Span,
    /// How long a request's body may stand still.
    pub body_timeout: Span,
    /// How long a submission's body may take as a whole.
    pub upload_timeout: Span,
    /// After how long a stream that has nothing to tell says so.
    pub keep_alive: Span,
    /// Networks of proxies that say whom they heard.
    pub trusted_proxies: Vec<IpNet>,
    /// In which header they say it.
    pub proxy_header: ProxyHeader,
}

/// `[auth]`: who may come in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether keys are asked for.
    pub mode: AuthMode,
    /// How long a key that was found is believed, which is how late a revocation may take effect.
    pub key_cache: Span,
    /// A key of the owner `default` that is to exist when the process starts, if it is not empty.
    pub bootstrap_key: Secret,
}

/// Whether keys are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// Unless the address is a loopback one and no key was ever made.
    Auto,
    /// Always.
    Keys,
    /// Never.
    Open,
}

/// `[limits]`: how much one request may ask for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// A JSON body.
    pub max_body: Size,
    /// A multipart body, all pictures together.
    pub max_upload: Size,
    /// Memory for bodies that are being read, all together; more wait. A JSON body of more than 64 KiB takes three times
    /// its size, a multipart body 28 MiB however large it is.
    pub bodies_in_memory: Size,
    /// Items of one job.
    pub max_items: u32,
    /// One picture, encoded.
    pub max_image_bytes: Size,
    /// One picture, decoded.
    pub max_image_pixels: u64,
    /// What stands in the database; larger inputs stand in the object store.
    pub inline_input: Size,
    /// How long a request may wait for a job to end.
    pub max_wait: Span,
    /// Schedules of one owner.
    pub max_schedules: u32,
    /// The shortest time between two ticks of a schedule.
    pub schedule_interval: Span,
    /// Failed attempts that end a job, unless the submission says otherwise.
    pub max_attempts: u16,
    /// Jobs that may wait for a model, in each class; of one owner.
    pub max_queued_jobs: u64,
    /// Of these, one owner's.
    pub max_queued_jobs_per_owner: u64,
    /// The same in batches' worth of work.
    pub max_queued_batches: u64,
    /// Of these, one owner's.
    pub max_queued_batches_per_owner: u64,
    /// Streams of events that are open in this process.
    pub max_streams: u32,
    /// Of these, one owner's.
    pub max_streams_per_owner: u32,
    /// Files and parts of uploads of one owner together; nothing: no bound.
    pub owner_storage: Size,
}

/// `[emotion]`: which models the emotion API knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmotionConfig {
    /// Ids, each with a model's name or alias.
    pub models: Ids,
}

/// `[files]`: what files are taken, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// A file that is sent at once.
    pub max_size: Size,
    /// A file of a bulk's requests, however it is sent.
    pub batch_max_size: Size,
    /// A file that is sent in parts.
    pub upload_max_size: Size,
    /// One of these parts.
    pub part_max_size: Size,
    /// How long an upload takes parts.
    pub upload_life: Span,
    /// How long a file of a bulk's requests is kept, unless its owner says otherwise.
    pub batch_life: Span,
}

/// `[tasks]`: image tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// The model of a picture that names none.
    pub model: String,
}

/// `[ollama]`: how Ollama's clients are answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OllamaConfig {
    /// Where the api listens too; empty: nowhere.
    pub listen: String,
    /// What it means that a request does not say whether its answer is to be streamed.
    pub stream_default: bool,
}

/// `[tei]`: the models behind paths of Text Embeddings Inference, whose requests name none; empty: none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeiConfig {
    /// Behind `/tei/embed`.
    pub embed: String,
    /// Behind `/tei/predict`.
    pub predict: String,
    /// Behind `/tei/rerank`.
    pub rerank: String,
    /// Behind `/tei/similarity`.
    pub similarity: String,
}

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

impl ApiConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let (http, auth, limits) = (self.api.check(), self.auth.check(), self.limits.check());
        let (retention, moderation) = (self.retention.check(), self.moderation.check());
        let (files, webhooks, bulk) = (self.files.check(), self.webhooks.check(), self.bulk.check());
        let (emotion, tasks, ollama) = (self.emotion.check(), self.tasks.check(), self.ollama.check());
        [http, auth, limits, retention, moderation, emotion, tasks, files, webhooks, bulk, ollama].concat()
    }
}

impl HttpConfig {
    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        complaints([
            (self.body_timeout.get().is_zero(), "api.body_timeout must be longer than nothing"),
            (self.upload_timeout.get().is_zero(), "api.upload_timeout must be longer than nothing"),
            (
                !(Duration::from_millis(100)..=Duration::from_mins(1)).contains(&self.keep_alive.get()),
                "api.keep_alive must be from 100ms to 1m: proxies hang up on silence",
            ),
        ])
    }
}

impl ApiConfig {
    /// All addresses on which it listens, its own first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        [self.api.listen].into_iter().chain(self.ollama.address()).collect()
    }
}

impl OllamaConfig {
    fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        if self.listen.is_empty() || self.address().is_some() {
            return Vec::new();
        }
        vec![format!(
            "ollama.listen must be an address with a port, such as 127.0.0.1:11434, not `{}`",
            self.listen
        )]
    }
}

impl AuthConfig {
    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        let minute = Duration::from_mins(1);
        complaints([(
            self.key_cache.get() > minute,
            "auth.key_cache must be at most 1m, or a revoked key works for too long",
        )])
    }
}

impl LimitConfig {
    /// How much may wait.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            jobs: self.max_queued_jobs,
            jobs_per_owner: self.max_queued_jobs_per_owner,
            batches: self.max_queued_batches,
            batches_per_owner: self.max_queued_batches_per_owner,
        }
    }

    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        complaints([
            (self.max_items == 0, "limits.max_items must be at least 1"),
            (self.max_image_pixels == 0, "limits.max_image_pixels must be at least 1"),
            (
                self.max_upload < self.max_image_bytes,
                "limits.max_upload must be at least limits.max_image_bytes, or no picture of that size comes in",
            ),
            (self.inline_input > self.max_body, "limits.inline_input must be at most limits.max_body"),
            (
                self.bodies_in_memory.bytes() < self.max_body.bytes().saturating_mul(JSON_COPIES),
                "limits.bodies_in_memory must be at least three times limits.max_body, which such a body takes",
            ),
            (!(1..=MOST_ATTEMPTS).contains(&self.max_attempts), "limits.max_attempts must be from 1 to 10"),
            (
                self.max_queued_jobs_per_owner == 0 || self.max_queued_jobs_per_owner > self.max_queued_jobs,
                "limits.max_queued_jobs_per_owner must be from 1 to limits.max_queued_jobs",
            ),
            (
                self.max_queued_batches_per_owner == 0
                    || self.max_queued_batches_per_owner > self.max_queued_batches,
                "limits.max_queued_batches_per_owner must be from 1 to limits.max_queued_batches",
            ),
            (
                self.max_streams_per_owner == 0 || self.max_streams_per_owner > self.max_streams,
                "limits.max_streams_per_owner must be from 1 to limits.max_streams",
            ),
            (
                self.max_wait.get() > Duration::from_mins(10),
                "limits.max_wait must be at most 10m: proxies hang up earlier",
            ),
        ])
    }
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

impl TaskConfig {
    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        complaints([(
            self.model.trim().is_empty(),
            "tasks.model must name a model, for pictures that come without the name of one",
        )])
    }
}

impl EmotionConfig {
    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        let (known, unknown): (Vec<_>, Vec<_>) = self.models.iter().partition(|(id, _)| is_id(id));
        let ids = unknown.iter().map(|(id, _)| {
            format!("emotion.models: `{id}` is no id of the emotion API, which is an A and three digits")
        });
        let names = known.iter().filter(|(_, model)| model.is_empty());
        ids.chain(names.map(|(id, _)| format!("emotion.models.{id} names no model"))).collect()
    }
}

impl FileConfig {
    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        complaints([
            (self.part_max_size.bytes() == 0, "files.part_max_size must be larger than nothing"),
            (self.upload_life.get().is_zero(), "files.upload_life must be longer than nothing"),
            (self.batch_life.get().is_zero(), "files.batch_life must be longer than nothing"),
            (
                self.batch_max_size > self.max_size,
                "files.batch_max_size must be at most files.max_size, or a bulk's requests cannot be sent at once",
            ),
        ])
    }
}

impl LimitConfig {
    /// What all files of one owner may have together, if that is bounded.
    pub fn room(&self) -> Option<u64> {
        Some(self.owner_storage.bytes()).filter(|bytes| *bytes > 0)
    }
}

fn complaints<const N: usize>(rules: [(bool, &str); N]) -> Vec<String> {
    rules.into_iter().filter(|(broken, _)| *broken).map(|(_, complaint)| complaint.to_owned()).collect()
}
