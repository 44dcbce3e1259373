//! Word of how jobs ended.

use bytes::Bytes;
use forebay_shared::events::{Ended, Event, RESULT_LIMIT};
use forebay_shared::job::{Deadline, Ending, FailureCode, Status};
use forebay_shared::store::{NewSegment, Settled};

use super::Settler;
use super::document::Draft;

impl Settler {
    /// Tells those who wait for these jobs how they ended.
    pub(super) async fn tell(
        &self,
        drafts: Vec<Draft>,
        settled: Vec<Settled>,
        segment: &NewSegment,
        object: &Bytes,
    ) {
        let mut events = Vec::new();
        for (draft, settled) in drafts.iter().zip(settled) {
            let Settled::Done { id, status, version, finished_at, purge_at, waiters } = settled else {
                continue;
            };
            let labels = [("model", draft.claimed.model.clone()), ("status", status.as_str().to_owned())];
            metrics::counter!("forebay_attempts_settled_total", &labels).increment(1);
            if status == Status::Expired {
                metrics::counter!("forebay_jobs_expired_total", "reason" => FailureCode::FinishByPassed.as_str())
                    .increment(1);
            }
            tracing::debug!(job.id = %id, attempt = draft.settlement.attempt, %status, "job settled");
            if !status.is_terminal() || waiters.is_empty() {
                continue;
            }
            let range = draft.settlement.range;
            let result = range
                .filter(|(_, length)| *length <= RESULT_LIMIT as u64)
                .and_then(|range| text(object, range));
            let event = Ended {
                id,
                status,
                version,
                succeeded: draft.settlement.succeeded,
                failed: draft.settlement.failed,
                attempt: draft.settlement.attempt,
                started_at: Some(draft.claimed.claimed_at),
                finished_at,
                purge_at,
                error: why(&draft.settlement.ending, status),
                segment: range.map(|(offset, length)| (segment.key.clone(), offset, length)),
                files: draft.settlement.files.clone(),
                timings: Some(draft.settlement.timings),
                result,
            };
            let event = Event::Ended(Box::new(event));
            events.extend(waiters.into_iter().map(|waiter| (waiter, event.clone())));
        }
        if !events.is_empty() {
            self.events.publish(events).await;
        }
    }
}

/// Why a job ended like this. One that was to be tried again may have been told that its time is over.
fn why(ending: &Ending, status: Status) -> Option<(FailureCode, String)> {
    let late = Deadline::FinishBy.failure();
    let failure = if status == Status::Expired { Some(&late) } else { ending.failure() };
    failure.map(|failure| (failure.code, failure.message.clone()))
}

/// A result that is small enough to travel with the event.
fn text(object: &Bytes, (offset, length): (u64, u64)) -> Option<String> {
    let (start, end) = (usize::try_from(offset).ok()?, usize::try_from(offset + length).ok()?);
    String::from_utf8(object.get(start..end)?.to_vec()).ok()
}
