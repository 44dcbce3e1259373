//! Configuration: compiled-in defaults, a file, the environment, flags; the later stands over the earlier.
//!
//! The environment is read here and nowhere else. A section is a plain struct that refuses unknown keys; rules that span
//! keys are checked by each section's `check`, which names the keys it complains of.

mod environment;
mod human;
mod lent;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

use environment::Environment;
pub use human::{Secret, Size, Span};
use lent::Lent;
pub use sections::{
    BlobConfig, BulkConfig, CacheConfig, FetchConfig, HubConfig, LogFormat, ModelConfig, ModerationConfig,
    QueueConfig, RegistryConfig, StoreConfig, TelemetryConfig, WebhookConfig, complaints,
};

/// Configuration that does not make sense.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A key is unknown, missing or of the wrong type.
    #[error("configuration: {0}")]
    Invalid(Box<figment::Error>),
    /// Keys contradict each other.
    #[error("configuration: {}", .0.join("; "))]
    Contradictory(Vec<String>),
}

/// The layers of one program's configuration.
#[derive(Debug)]
pub struct Layers {
    figment: Figment,
}

impl Layers {
    /// Defaults, then `file` if any, then `FOREBAY_SECTION__KEY`, then `flags` (dotted keys). Where none of them says how the
    /// hub is asked, what its own tools are told counts.
    pub fn new(defaults: &str, file: Option<&Path>, flags: &BTreeMap<&str, String>) -> Self {
        let mut lent = Lent::read();
        let mut figment = lent.endpoint(Figment::from(Toml::string(defaults)));
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        let environment = Environment::over(&figment);
        figment = figment.merge(environment);
        for (key, value) in flags {
            figment = figment.merge((*key, value));
        }
        Self { figment: lent.token(figment) }
    }

    /// Reads the layers as `T`.
    pub fn extract<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.figment.extract().map_err(|error| ConfigError::Invalid(Box::new(error)))
    }

    /// Every key with its effective value, as TOML; those named in `secret` (dotted) are hidden.
    pub fn show(&self, secret: &[&str]) -> Result<String, ConfigError> {
        let mut root: Dict = self.extract()?;
        for key in secret {
            hide(&mut root, &key.split('.').collect::<Vec<_>>());
        }
        Ok(toml::to_string_pretty(&root).unwrap_or_default())
    }
}

fn hide(dict: &mut Dict, path: &[&str]) {
    let [head, rest @ ..] = path else { return };
    match dict.get_mut(*head) {
        Some(Value::Dict(_, inner)) => hide(inner, rest),
        Some(value) if value.as_str() != Some("") => *value = Value::from("(hidden)"),
        _ => {}
    }
}
