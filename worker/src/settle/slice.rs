//! Settling a slice, whose lines go to the bulk's files: one object, one statement.

use std::sync::atomic::Ordering;

use forebay_shared::bulk::SliceAnswers;
use forebay_shared::id::WorkerId;
use forebay_shared::job::{Claimed, Ending, Outcome, Settlement};
use forebay_shared::segment::SegmentBuilder;
use forebay_shared::store::{Settled, StoreError};
use tokio::task::JoinError;

use super::document::ending;
use super::{AGAIN, Finished, Settler, noted, unwritten};
use crate::cache::Keeping;
use crate::plan::Plan;
use crate::room::Held;
use crate::shelf::Ended;

/// A slice about to be settled.
struct Draft {
    settlement: Settlement,
    answers: SliceAnswers,
    object: Vec<u8>,
}

/// A slice's lines or its end, its room in the lane, and what is to be kept of it.
type Written = (Result<Draft, Settlement>, Held, Keeping);

impl Settler {
    /// Settles a slice whose lines are known, however long the stores are away.
    pub(super) async fn settle_slice(&self, job: Finished) {
        let (worker, lost) = (job.claimed.lease.worker, unwritten(&job.claimed));
        let suspects = (!job.claimed.suspects.is_none()).then(|| noted(std::slice::from_ref(&job)));
        let Some(written) = self.quarantine.during(worker, suspects, self.write_slice_down(job)).await else {
            return;
        };
        let Ok((draft, held, keeping)) = written else {
            tracing::error!(worker.id = %worker, "writing a slice's answers down panicked");
            return self.fail(worker, &[lost]).await;
        };
        self.shelf.cache.keep(worker, keeping).await;
        match draft {
            Ok(draft) => self.settle_draft(worker, draft, lost, held).await,
            Err(settlement) => self.fail(worker, &[settlement]).await,
        }
    }

    /// Writes a slice's answers down, on a thread where that may take its time. Without answers there is its end alone.
    async fn write_slice_down(&self, job: Finished) -> Result<Written, JoinError> {
        let (retry, chance, now) = (self.retry, self.entropy.fraction(), self.store.now());
        let expired = job.claimed.finish_by.is_some_and(|finish_by| finish_by <= now);
        let cache = self.shelf.cache.clone();
        let written = self.tasks.spawn_blocking(move || {
            let keeping = cache.keeping(std::slice::from_ref(&job));
            let Finished { claimed, outcomes, stopped, timings, account, held, lines } = job;
            let ending = ending(&claimed, &outcomes, stopped, (retry, chance));
            let settlement = settlement(&claimed, ending, &outcomes);
            let settlement = Settlement { timings, account, ..settlement };
            let draft = match (&settlement.ending, lines) {
                // Another attempt answers its lines.
                (Ending::Retry(..), _) | (_, None) => Err(settlement),
                (_, Some(plan)) => Ok(draft(&claimed, &plan, expired, settlement, outcomes)),
            };
            (draft, held, keeping)
        });
        written.await
    }

    async fn settle_draft(&self, worker: WorkerId, draft: Draft, lost: Settlement, _held: Held) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let mut builder = SegmentBuilder::default();
        builder.push(&draft.object);
        let (segment, object) = builder.finish(worker, sequence);
        if !self.shelf.put(worker, &segment.key, object).await {
            return;
        }
        let settled = loop {
            match self.store.settle_slice(worker, &draft.settlement, draft.answers, &segment).await {
                Ok(settled) => break settled,
                Err(StoreError::Unavailable(error)) if self.shelf.board.holds(worker) => {
                    tracing::warn!(%error, "settling a slice waits for the database");
                    tokio::time::sleep(AGAIN.0).await;
                }
                Err(StoreError::Unavailable(error)) => {
                    tracing::warn!(%error, worker.id = %worker, "the lease went before a slice could be settled");
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, worker.id = %worker, "the database does not take a slice's answers");
                    return self.fail(worker, &[lost]).await;
                }
            }
        };
        self.clear_up(std::slice::from_ref(&settled), &segment).await;
        if let Settled::Done { id, status, .. } = settled {
            let (completed, failed) = (draft.answers.completed, draft.answers.failed);
            metrics::counter!("forebay_bulk_lines_total", "outcome" => "completed")
                .increment(u64::from(completed));
            metrics::counter!("forebay_bulk_lines_total", "outcome" => "failed").increment(u64::from(failed));
            tracing::debug!(job.id = %id, %status, completed, failed, "slice settled");
        }
    }
}

fn settlement(claimed: &Claimed, ending: Ending, outcomes: &[Ended]) -> Settlement {
    let succeeded = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    Settlement {
        ending,
        succeeded: u32::try_from(succeeded).unwrap_or(u32::MAX),
        failed: u32::try_from(outcomes.len() - succeeded).unwrap_or(u32::MAX),
        ..unwritten(claimed)
    }
}

fn draft(
    claimed: &Claimed,
    plan: &Plan,
    expired: bool,
    settlement: Settlement,
    outcomes: Vec<Ended>,
) -> Draft {
    let outcomes: Vec<Outcome> = outcomes.into_iter().map(|outcome| Ok(outcome?.output)).collect();
    let mut written = plan.answer(&claimed.model, expired, outcomes);
    let answers = SliceAnswers {
        offset: 0,
        output: written.output.len() as u64,
        errors: written.errors.len() as u64,
        completed: written.completed,
        failed: written.failed,
    };
    let mut object = std::mem::take(&mut written.output);
    object.append(&mut written.errors);
    Draft { settlement, answers, object }
}
