//! Where a call's time went, in nanoseconds, as Ollama tells it.

use std::time::Duration;

use forebay_shared::job::{Job, Timings};
use serde::Serialize;

use crate::call::Answered;

/// The whole, and the wait for the model in it. Of a call without a job nothing is told.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Durations {
    /// From the job's submission to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_duration: Option<u64>,
    /// Until the model was free for it: in the queue, and for its batch. A model that has to be loaded is waited for there.
    #[serde(skip_serializing_if = "Option::is_none")]
    load_duration: Option<u64>,
}

/// What generation would have spent on reading and on writing.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Spent {
    /// Tokens that were read: none, of pictures.
    prompt_eval_count: u64,
    /// Fetching and decoding.
    prompt_eval_duration: u64,
    /// Tokens that were written: none, since what a picture model says is not generated.
    eval_count: u64,
    /// The model's run.
    eval_duration: u64,
}

impl Durations {
    pub(super) fn of(answered: Answered<'_>) -> Self {
        let timings = timings(answered);
        Self {
            total_duration: answered.job.and_then(whole).map(nanoseconds),
            load_duration: timings.map(|timings| told(timings.queue_wait_ms + timings.batch_wait_ms)),
        }
    }
}

impl Spent {
    pub(super) fn of(answered: Answered<'_>) -> Self {
        let timings = timings(answered).unwrap_or_default();
        Self {
            prompt_eval_duration: told(timings.prepare_ms),
            eval_duration: told(timings.run_ms),
            ..Self::default()
        }
    }
}

fn timings(answered: Answered<'_>) -> Option<Timings> {
    answered.job.and_then(|job| job.timings)
}

fn whole(job: &Job) -> Option<Duration> {
    job.finished_at.map(|end| end.since(job.created_at))
}

fn told(milliseconds: f64) -> u64 {
    nanoseconds(Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default())
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
