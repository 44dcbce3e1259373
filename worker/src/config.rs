//! `[worker]`: what a worker serves, and how much it takes on. Every key is described in `cli/config.default.toml`.

use std::path::PathBuf;
use std::time::Duration;

use forebay_shared::config::{Size, Span};
use forebay_shared::job::{Backoff, RetryPolicy};
use serde::Deserialize;

use crate::model::Provider;

/// Bounds of how often the registry is looked at: a statement a second, and no later than people would wonder.
const MOST_OFTEN: Duration = Duration::from_secs(1);
const LEAST_OFTEN: Duration = Duration::from_hours(1);

/// `[worker]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// Where the models are; empty: `models` in the data directory.
    pub models_dir: PathBuf,
    /// Which of them are served, by name; empty: all.
    pub models: Vec<String>,
    /// How often the registry is looked at for models; zero: never.
    pub registry_poll: Span,
    /// Whether the `echo` model is served.
    pub echo: bool,
    /// The runtime library; empty: looked for in the data directory and beside the program.
    pub runtime: PathBuf,
    /// Where models run, the preferred first.
    pub providers: Vec<Provider>,
    /// Threads that one run may use; 0: one for each core.
    pub threads: usize,
    /// Bytes of a GPU that one graph may take; 0: no bound.
    pub gpu_memory: Size,
    /// Whether a run gives back the memory that it took.
    pub shrink_memory: bool,
    /// Models that run at once; 0: all.
    pub runs_at_once: usize,
    /// Bytes of models that are loaded at once; 0: no bound.
    pub model_memory: Size,
    /// How long a model stays loaded without work; zero: until somebody needs its room.
    pub keep_alive: Span,
    /// Whether models are loaded before their first jobs come.
    pub warm_up: bool,
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
    /// The delay after the first failure of infrastructure; it doubles each time.
    pub base: Span,
    /// The longest delay.
    pub max: Span,
    /// The same after a fetch.
    pub fetch_base: Span,
    /// And its longest, which also bounds `Retry-After`.
    pub fetch_max: Span,
    /// The same after the model.
    pub model_base: Span,
    /// And its longest.
    pub model_max: Span,
    /// The share of a delay that chance may take away or add.
    pub jitter: f64,
}

impl RetryConfig {
    /// The policy in the policy's words.
    pub fn policy(&self) -> RetryPolicy {
        let backoff =
            |base: Span, max: Span| Backoff { base: base.get(), max: max.get(), jitter: self.jitter };
        RetryPolicy {
            infrastructure: backoff(self.base, self.max),
            fetch: backoff(self.fetch_base, self.fetch_max),
            model: backoff(self.model_base, self.model_max),
        }
    }

    fn check(&self) -> Vec<String> {
        let pairs = [
            ("base", self.base, "max", self.max),
            ("fetch_base", self.fetch_base, "fetch_max", self.fetch_max),
            ("model_base", self.model_base, "model_max", self.model_max),
        ];
        let mut complaints: Vec<_> = pairs
            .into_iter()
            .filter(|(_, base, _, max)| base.get() > max.get())
            .map(|(base, _, max, _)| {
                format!("worker.retry.{base} must not be longer than worker.retry.{max}")
            })
            .collect();
        if !(0.0..=1.0).contains(&self.jitter) {
            complaints.push(format!("worker.retry.jitter must be from 0 to 1, not {}", self.jitter));
        }
        complaints
    }
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
        if !self.registry_poll.get().is_zero()
            && !(MOST_OFTEN..=LEAST_OFTEN).contains(&self.registry_poll.get())
        {
            complaints.push(format!(
                "worker.registry_poll ({}) must be from 1s to 1h, or \"0s\" for never",
                self.registry_poll
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
        complaints.extend(self.retry.check());
        complaints
    }
}
