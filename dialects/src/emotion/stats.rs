//! `GET /stats`

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_shared::model::Model;
use serde::Serialize;
use utoipa::ToSchema;

use super::TASK;
use super::model::{is_loaded, megabytes};

/// What has become of jobs lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lately {
    /// Jobs that wait now.
    pub queued: u64,
    /// Jobs that succeeded.
    pub done: u64,
    /// Jobs that failed, or expired.
    pub failed: u64,
    /// How long those that succeeded took, in any order.
    pub latencies: Vec<Duration>,
    /// How far back this looks.
    pub window: Duration,
}

/// Models, and what they do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionStats)]
pub struct StatsResponse {
    /// Files of all models in the list.
    #[schema(example = 1)]
    total_files: usize,
    /// What they take together, in megabytes of 10⁶ bytes.
    #[schema(example = 154.82)]
    total_size_mb: f64,
    /// Models in the list; one that has several ids counts once for each.
    #[schema(example = 1)]
    unique_models: usize,
    /// `emotion-recognition`
    #[schema(example = "emotion-recognition")]
    task: &'static str,
    /// Files that a living worker has loaded.
    #[schema(example = 1)]
    loaded_models: usize,
    /// How long the process that answers has run.
    #[schema(example = 3600)]
    uptime_seconds: f64,
    /// Your jobs that wait for these models now, in both classes.
    #[schema(example = 0)]
    queue_depth: u64,
    /// Your interactive jobs for these models that succeeded within the window.
    #[schema(example = 17)]
    done: u64,
    /// Those that failed or expired within the window.
    #[schema(example = 0)]
    failed: u64,
    /// How long those took that succeeded, from their submission to their end.
    latency_ms: Latency,
    /// How far back `done`, `failed` and `latency_ms` look: an hour, and no more than your latest 2000 jobs.
    #[schema(example = 3600)]
    window_seconds: u64,
}

/// Percentiles in milliseconds; `null` where no job tells.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionLatency)]
pub struct Latency {
    /// Half of the jobs took no longer.
    #[schema(example = 31.5)]
    p50: Option<f64>,
    /// Nine of ten took no longer.
    #[schema(example = 48.25)]
    p90: Option<f64>,
    /// 95 of a hundred.
    #[schema(example = 62.0)]
    p95: Option<f64>,
    /// 99 of a hundred.
    #[schema(example = 110.75)]
    p99: Option<f64>,
}

impl StatsResponse {
    /// The statistics of the models in a list.
    pub fn new(listed: &[(String, &Model)], uptime: Duration, lately: &Lately) -> Self {
        let files: BTreeMap<&str, &Model> =
            listed.iter().map(|(_, model)| (model.card.name.as_str(), *model)).collect();
        Self {
            total_files: files.len(),
            total_size_mb: megabytes(files.values().filter_map(|model| model.card.bytes).sum()),
            unique_models: listed.len(),
            task: TASK,
            loaded_models: files.values().filter(|model| is_loaded(model)).count(),
            uptime_seconds: uptime.as_secs_f64(),
            queue_depth: lately.queued,
            done: lately.done,
            failed: lately.failed,
            latency_ms: Latency::of(lately.latencies.clone()),
            window_seconds: lately.window.as_secs(),
        }
    }
}

impl Latency {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        let at = |percent| nearest_rank(&latencies, percent).map(|took| took.as_secs_f64() * 1000.0);
        Self { p50: at(50), p90: at(90), p95: at(95), p99: at(99) }
    }
}

/// The smallest that so many percent do not exceed: one that was measured, none in between.
fn nearest_rank(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let millis = |range: std::ops::RangeInclusive<u64>| range.map(Duration::from_millis).collect();
        let of = |latencies| {
            let Latency { p50, p90, p95, p99 } = Latency::of(latencies);
            [p50, p90, p95, p99]
        };
        assert_eq!(of(millis(1..=100)), [50.0, 90.0, 95.0, 99.0].map(Some));
        assert_eq!(of(millis(1..=10)), [5.0, 9.0, 10.0, 10.0].map(Some));
        assert_eq!(of(millis(7..=7)), [7.0; 4].map(Some));
        assert_eq!(of(Vec::new()), [None; 4]);
    }
}
