//! `[registry]`.

use serde::Deserialize;

use super::complaints;
use crate::config::Size;

/// A model's files are named in one statement.
const MOST_MODEL_FILES: usize = 10_000;

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
        complaints([
            (
                !(1..=MOST_MODEL_FILES).contains(&self.max_files),
                format!("registry.max_files must be from 1 to {MOST_MODEL_FILES}, not {}", self.max_files),
            ),
            (self.max_bytes.bytes() == 0, "registry.max_bytes must be a byte at least".to_owned()),
        ])
    }
}
