//! What a process says of itself: log lines and metrics.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::config::{ConfigError, LogFormat, TelemetryConfig};
use crate::job::Job;

/// Bounds for durations, from a millisecond to five minutes.
const SECONDS: [f64; 15] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0];
/// Bounds for counts of items.
const ITEMS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// Bounds for shares of a whole.
const SHARES: [f64; 8] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9];

/// Writes log lines to standard error from now on.
pub fn log(config: &TelemetryConfig) -> Result<(), ConfigError> {
    // These libraries are loud at `info`.
    let filter = format!("{},ort=warn,lapin=warn,tokio_cron_scheduler=warn", config.log);
    let filter = EnvFilter::try_new(&filter)
        .map_err(|error| ConfigError::Contradictory(vec![format!("telemetry.log: {error}")]))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_span_events(FmtSpan::NONE);
    // A second call, as in tests, leaves the first in force.
    let _ = match config.format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Collects metrics from now on, and renders them for Prometheus. `None`: this process collects them already.
pub fn metrics() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_items".to_owned()), &ITEMS))
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_ratio".to_owned()), &SHARES))
        .expect("the bounds are not empty");
    builder.install_recorder().ok()
}

/// Counts items that were dropped before a device saw them, by reason. Those of a slice are counted once its bulk tells of
/// its lines.
pub fn count_dropped(reason: &'static str, job: &Job) {
    if job.bulk.is_none() {
        count_dropped_items(reason, job.item_count);
    }
}

/// Counts so many items that were dropped before a device saw them.
pub fn count_dropped_items(reason: &'static str, items: u32) {
    metrics::counter!("forebay_items_dropped_total", "reason" => reason).increment(u64::from(items));
}
