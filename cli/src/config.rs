//! The whole configuration, put together from every program's sections.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use forebay_api::{
    ApiConfig, AuthConfig, EmotionConfig, FileConfig, HttpConfig, LimitConfig, OllamaConfig, RateConfig,
    RetentionConfig, TaskConfig, TeiConfig,
};
use forebay_scheduler::config::SchedulerConfig;
use forebay_shared::config::{
    BlobConfig, BulkConfig, CacheConfig, ConfigError, FetchConfig, HubConfig, Layers, ModelConfig,
    ModerationConfig, QueueConfig, RegistryConfig, StoreConfig, TelemetryConfig, WebhookConfig,
};
use forebay_worker::config::WorkerConfig;
use serde::Deserialize;

/// Every key with its default and a sentence.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Keys whose values are not shown.
const SECRETS: [&str; 5] =
    ["store.url", "queue.url", "blobs.secret_access_key", "hub.token", "auth.bootstrap_key"];

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The one folder.
    pub data_dir: PathBuf,
    pub store: StoreConfig,
    pub queue: QueueConfig,
    pub blobs: BlobConfig,
    pub api: HttpConfig,
    pub auth: AuthConfig,
    pub limits: LimitConfig,
    pub rate_limits: RateConfig,
    pub retention: RetentionConfig,
    pub models: ModelConfig,
    pub moderation: ModerationConfig,
    pub tasks: TaskConfig,
    pub emotion: EmotionConfig,
    pub files: FileConfig,
    pub bulk: BulkConfig,
    pub cache: CacheConfig,
    pub ollama: OllamaConfig,
    pub tei: TeiConfig,
    pub fetch: FetchConfig,
    pub webhooks: WebhookConfig,
    pub scheduler: SchedulerConfig,
    pub registry: RegistryConfig,
    pub hub: HubConfig,
    pub worker: WorkerConfig,
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Reads all layers and refuses what contradicts itself.
    pub fn load(file: Option<&Path>, flags: &BTreeMap<&str, String>) -> Result<Self, ConfigError> {
        let config: Self = Layers::new(DEFAULTS, file, flags).extract()?;
        let complaints =
            [config.api_config().check(), config.scheduler.check(), config.worker.check(), config.across()]
                .concat();
        if complaints.is_empty() { Ok(config) } else { Err(ConfigError::Contradictory(complaints)) }
    }

    /// Every key with the value in force, secrets hidden. What no process would start with is refused here too.
    pub fn show(file: Option<&Path>, flags: &BTreeMap<&str, String>) -> Result<String, ConfigError> {
        Self::load(file, flags)?;
        Layers::new(DEFAULTS, file, flags).show(&SECRETS)
    }

    /// The api's sections.
    pub fn api_config(&self) -> ApiConfig {
        ApiConfig {
            api: self.api.clone(),
            auth: self.auth.clone(),
            limits: self.limits.clone(),
            rate_limits: self.rate_limits,
            retention: self.retention.clone(),
            moderation: self.moderation.clone(),
            tasks: self.tasks.clone(),
            emotion: self.emotion.clone(),
            files: self.files.clone(),
            webhooks: self.webhooks.clone(),
            bulk: self.bulk.clone(),
            cache: self.cache.clone(),
            ollama: self.ollama.clone(),
            tei: self.tei.clone(),
        }
    }

    /// Refuses what only one process could share with itself.
    pub fn check_fleet(&self) -> Result<(), ConfigError> {
        let mut complaints = Vec::new();
        if self.store.url.is_empty() {
            complaints.push("store.url is empty: SQLite serves one process, `forebay serve`".to_owned());
        }
        if self.queue.url.is_empty() {
            complaints.push(
                "queue.url is empty: a queue inside the process serves one process, `forebay serve`"
                    .to_owned(),
            );
        }
        if self.blobs.url.is_empty() {
            complaints.push(
                "blobs.url is empty: a local folder serves one machine; name a bucket, s3://bucket"
                    .to_owned(),
            );
        }
        if complaints.is_empty() { Ok(()) } else { Err(ConfigError::Contradictory(complaints)) }
    }

    /// Rules that span sections.
    fn across(&self) -> Vec<String> {
        let mut complaints = [
            self.blobs.check(),
            self.cache.check(),
            self.models.check(),
            self.registry.check(),
            self.hub.check(),
        ]
        .concat();
        if self.limits.max_image_pixels > self.worker.max_pixels {
            complaints.push(
                "limits.max_image_pixels must be at most worker.max_pixels, or accepted pictures fail"
                    .to_owned(),
            );
        }
        if self.api.upload_timeout.get() >= self.scheduler.sweep_age.get() {
            complaints.push(
                "api.upload_timeout must be shorter than scheduler.sweep_age, or what an upload has written is swept \
                 before its job is stored"
                    .to_owned(),
            );
        }
        complaints
    }
}

#[cfg(test)]
mod tests;
