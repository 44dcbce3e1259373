//! How finished jobs are written down: no input, no output, pure work.

#[cfg(feature = "rehearsal")]
use forebay_shared::job::Output;
use forebay_shared::job::{
    Claimed, Deadline, Ending, Failure, FailureCode, MediaFile, Outcome, RetryPolicy, Settlement, Verdict,
    result_document,
};
use forebay_shared::segment::SegmentBuilder;

use super::Finished;
use crate::room::Held;
use crate::shelf::Ended;
use crate::stop::Stop;

/// A job about to be settled.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) claimed: Claimed,
    pub(super) settlement: Settlement,
    /// Given back when the draft is dropped, which is when the job is settled.
    pub(super) _held: Held,
}

/// Jobs whose results stand in one segment.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) drafts: Vec<Draft>,
    pub(super) segment: SegmentBuilder,
}

/// Writes finished jobs down, as few segments as they fit into.
pub(super) fn parts(jobs: Vec<Finished>, retry: RetryPolicy, chance: f64) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    for job in jobs {
        let Finished { claimed, outcomes, stopped, timings, account, held, .. } = job;
        let ending = ending(&claimed, &outcomes, stopped, (retry, chance));
        let keeps_result = !matches!(ending, Ending::Retry(..));
        let cached: Vec<bool> =
            outcomes.iter().map(|outcome| outcome.as_ref().is_ok_and(|shelved| shelved.cached)).collect();
        let (outcomes, files) = separate(outcomes);
        #[cfg(feature = "rehearsal")]
        rehearse(&outcomes);
        let document = if keeps_result { result_document(&outcomes, &files, &cached) } else { Vec::new() };
        if parts.last().is_none_or(|part| part.segment.is_full_for(&document)) {
            parts.push(Part::default());
        }
        let Some(part) = parts.last_mut() else { continue };
        let range = keeps_result.then(|| part.segment.push(&document));
        let succeeded = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let settlement = Settlement {
            id: claimed.id,
            attempt: claimed.lease.attempt,
            ending,
            succeeded: u32::try_from(succeeded).unwrap_or(u32::MAX),
            failed: u32::try_from(outcomes.len() - succeeded).unwrap_or(u32::MAX),
            range,
            files: if keeps_result { files } else { Vec::new() },
            timings,
            account,
        };
        part.drafts.push(Draft { claimed, settlement, _held: held });
    }
    parts
}

/// What becomes of a job with these outcomes.
pub(super) fn ending(
    claimed: &Claimed,
    outcomes: &[Ended],
    stopped: Option<Stop>,
    (retry, chance): (RetryPolicy, f64),
) -> Ending {
    match stopped {
        Some(Stop::Cancelled) => return Ending::Cancelled,
        Some(Stop::Expired) => return Ending::Expired(Deadline::FinishBy.failure()),
        None => {}
    }
    if outcomes.iter().any(Result::is_ok) {
        return Ending::Succeeded;
    }
    let Some(Err(first)) = outcomes.first() else {
        return Ending::Failed(Failure::permanent(FailureCode::Internal, "the job has no items"));
    };
    let why = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let failed = (claimed.failures.saturating_add(1), claimed.max_attempts);
    if let Verdict::RetryAfter(failure, delay) = retry.decide(why, failed, chance) {
        return Ending::Retry(failure.clone(), delay);
    }
    if outcomes.len() == 1 {
        return Ending::Failed(first.clone());
    }
    let message = format!("none of the {} items succeeded; the first: {}", outcomes.len(), first.message);
    Ending::Failed(Failure::permanent(FailureCode::AllItemsFailed, message))
}

/// Takes the files out of the answers, in the order of their items.
fn separate(outcomes: Vec<Ended>) -> (Vec<Outcome>, Vec<MediaFile>) {
    let mut files = Vec::new();
    let outcomes = outcomes.into_iter().map(|outcome| {
        let shelved = outcome?;
        files.extend(shelved.files);
        Ok(shelved.output)
    });
    (outcomes.collect(), files)
}

#[cfg(feature = "rehearsal")]
fn rehearse(outcomes: &[Outcome]) {
    for outcome in outcomes.iter().flatten() {
        if let Output::Echo { echo: serde_json::Value::String(text) } = outcome {
            crate::rehearsal::passes("writes", text);
        }
    }
}

#[cfg(test)]
mod tests;
