//! The api's sections. Every key is described in `cli/config.default.toml`.

mod dialects;
mod limits;
mod retention;

use std::net::SocketAddr;
use std::time::Duration;

use forebay_shared::config::{
    BulkConfig, CacheConfig, ModerationConfig, Secret, Size, Span, WebhookConfig, complaints,
};
use ipnet::IpNet;
use serde::Deserialize;

use crate::address::ProxyHeader;
use crate::rates::RateConfig;

pub use dialects::{EmotionConfig, OllamaConfig, TaskConfig, TeiConfig};
pub use limits::{LimitConfig, MOST_ATTEMPTS};
pub use retention::RetentionConfig;

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

impl ApiConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let (http, auth, limits) = (self.api.check(), self.auth.check(), self.limits.check());
        let (retention, moderation) = (self.retention.check(), self.moderation.check());
        let (files, webhooks, bulk) = (self.files.check(), self.webhooks.check(), self.bulk.check());
        let (emotion, tasks, ollama) = (self.emotion.check(), self.tasks.check(), self.ollama.check());
        [http, auth, limits, retention, moderation, emotion, tasks, files, webhooks, bulk, ollama].concat()
    }

    /// All addresses on which it listens, its own first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        [self.api.listen].into_iter().chain(self.ollama.address()).collect()
    }
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
