//! `[worker]`: what a worker serves, and how much it takes on. Every key is described in `cli/config.default.toml`.

use std::path::PathBuf;

use forebay_shared::config::{Size, Span};
use serde::Deserialize;

use crate::model::Provider;

/// `[worker]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// Where the models are; empty: `models` in the data directory.
    pub models_dir: PathBuf,
    /// Which of them are served, by name; empty: all.
    pub models: Vec<String>,
    /// Whether the `echo` model is served.
    pub echo: bool,
    /// The runtime library; empty: looked for in the data directory and beside the program.
    pub runtime: PathBuf,
    /// Where models run, the preferred first.
    pub providers: Vec<Provider>,
    /// Threads that one run may use; 0: one for each core.
    pub threads: usize,
    /// Jobs that the broker may send ahead.
    pub prefetch: u16,
    /// Batches of work that a lane holds, so that it can choose items of like length.
    pub hold: u64,
    /// Pictures that are fetched or read at once.
    pub fetches: usize,
    /// Bytes of pictures that are held at once while they are read and decoded.
    pub decode_memory: Size,
    /// Pixels of a picture at most.
    pub max_pixels: u64,
    /// How often the worker tells that it lives.
    pub beat: Span,
    /// How long its leases hold after that.
    pub lease: Span,
    /// How long it may take to stop.
    pub drain: Span,
    /// How failed attempts are repeated.
    pub retry: RetryConfig,
}

/// `[worker.retry]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryConfig {
    /// The delay after the first failure; it doubles each time.
    pub base: Span,
    /// The longest delay.
    pub max: Span,
}

impl WorkerConfig {
    /// Complaints about keys that contradict each other.
    pub fn check(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.lease.get() <= self.beat.get() * 2 {
            complaints.push(format!(
                "worker.lease ({}) must be longer than twice worker.beat ({})",
                self.lease, self.beat
            ));
        }
        if self.providers.is_empty() {
            complaints.push("worker.providers must name at least one provider".to_owned());
        }
        if self.hold < 2 {
            complaints
                .push("worker.hold must be at least 2: one batch runs while the next is formed".to_owned());
        }
        if self.fetches == 0 {
            complaints.push("worker.fetches must be at least 1".to_owned());
        }
        if self.prefetch == 0 {
            complaints.push("worker.prefetch must be at least 1".to_owned());
        }
        if self.retry.base.get() > self.retry.max.get() {
            complaints.push("worker.retry.base must not be longer than worker.retry.max".to_owned());
        }
        complaints
    }
}
