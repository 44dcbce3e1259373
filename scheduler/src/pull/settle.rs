//! A pull's end is written down: result, status, event, in this order.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use forebay_shared::events::{self, Event};
use forebay_shared::job::{
    Account, Claimed, Ending, Failure, FailureCode, Outcome, Settlement, Timings, Verdict, result_document,
};
use forebay_shared::segment::SegmentBuilder;
use forebay_shared::store::{NewSegment, Settled, StoreError};

use super::attempt::Ended;
use super::life::Life;
use super::{AGAIN, Puller};

/// How long a pull waits for another that fetches the same, before it is tried again.
const BUSY: Duration = Duration::from_secs(5);

impl Puller {
    pub(super) async fn settle(&self, life: &Life, claimed: Claimed, ended: Ended) {
        let outcome = match ended {
            Ended::Done(outcome) => outcome,
            Ended::Cancelled => {
                Err(Failure::permanent(FailureCode::Cancelled, "the job was cancelled before it ended"))
            }
            Ended::Lapsed => return,
            Ended::Stopped => return self.release(life, &claimed).await,
            Ended::Busy => return self.until_over(life, self.postpone(life, &claimed)).await,
        };
        if let Err(failure) = &outcome {
            tracing::info!(job.id = %claimed.id, %failure, "a pull ended without its model");
        }
        let ending = self.ending(&claimed, &outcome);
        self.until_over(life, self.settle_as(life, &claimed, ending, outcome)).await;
    }

    /// Gives it back; the attempt does not count, and whoever takes it goes on.
    async fn release(&self, life: &Life, claimed: &Claimed) {
        let store = &self.parts.registrar.store;
        if let Err(error) = store.release(life.worker, &[(claimed.id, claimed.lease.attempt)]).await {
            tracing::warn!(%error, "a pull could not be given back; its lease will lapse");
        }
    }

    /// Gives it back for later; the attempt does not count.
    async fn postpone(&self, life: &Life, claimed: &Claimed) {
        let (store, held) = (&self.parts.registrar.store, [(claimed.id, claimed.lease.attempt)]);
        while let Err(error) = store.postpone(life.worker, &held, BUSY).await {
            tracing::warn!(%error, job.id = %claimed.id, "postponing a pull waits for the database");
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn ending(&self, claimed: &Claimed, outcome: &Outcome) -> Ending {
        let failure = match outcome {
            Ok(_) => return Ending::Succeeded,
            Err(failure) if failure.code == FailureCode::Cancelled => return Ending::Cancelled,
            Err(failure) => failure,
        };
        let failed = (claimed.failures.saturating_add(1), claimed.max_attempts);
        match self.parts.retry.decide([failure], failed, self.parts.entropy.fraction()) {
            Verdict::RetryAfter(why, delay) => Ending::Retry(why.clone(), delay),
            Verdict::GiveUp => Ending::Failed(failure.clone()),
        }
    }

    async fn settle_as(&self, life: &Life, claimed: &Claimed, ending: Ending, outcome: Outcome) {
        let succeeded = u32::from(outcome.is_ok());
        let mut builder = SegmentBuilder::default();
        let keeps_result = !matches!(ending, Ending::Retry(..));
        let range = keeps_result.then(|| builder.push(&result_document(&[outcome], &[], &[])));
        let (segment, object) = builder.finish(life.worker, self.sequence.fetch_add(1, Ordering::Relaxed));
        if keeps_result {
            self.put(&segment, &object).await;
        }
        let settlement = Settlement {
            id: claimed.id,
            attempt: claimed.lease.attempt,
            ending,
            succeeded,
            failed: 1 - succeeded,
            range,
            files: Vec::new(),
            timings: Timings::default(),
            account: Account::default(),
        };
        let settled = loop {
            let segment = keeps_result.then_some(&segment);
            match self
                .parts
                .registrar
                .store
                .settle(life.worker, std::slice::from_ref(&settlement), segment)
                .await
            {
                Ok(settled) => break settled,
                Err(StoreError::Unavailable(error)) => {
                    tracing::warn!(%error, job.id = %claimed.id, "settling waits for the database");
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => {
                    tracing::error!(%error, job.id = %claimed.id, "the database does not take a pull's end; it is given back");
                    return self.disclaim(life, &[claimed.id]).await;
                }
            }
        };
        self.tell(&settled, &object).await;
    }

    /// Writes the result, however long the object store is away.
    async fn put(&self, segment: &NewSegment, object: &Bytes) {
        while let Err(error) = self.parts.registrar.blobs.put(&segment.key, object.clone()).await {
            tracing::warn!(%error, "a result waits for the object store");
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Tells those who wait for it how it ended.
    async fn tell(&self, settled: &[Settled], object: &Bytes) {
        for settled in settled {
            let Settled::Done { id, status, .. } = settled else { continue };
            if !status.is_terminal() {
                continue;
            }
            let Ok(jobs) = self.parts.registrar.store.ended(&[*id]).await else { continue };
            let result = String::from_utf8(object.to_vec()).ok();
            let events = jobs.iter().flat_map(|job| {
                let event = Event::Ended(Box::new(events::Ended::of(job, result.clone())));
                job.waiters.iter().map(move |waiter| (waiter.clone(), event.clone()))
            });
            self.parts.events.publish(events.collect()).await;
        }
    }
}
