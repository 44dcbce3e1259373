//! A worker that runs no model: it claims and settles as a real one does.
#![expect(clippy::unnecessary_wraps, reason = "an output and a failure are given alike, as outcomes")]

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::blobs::Blobs;
use forebay_shared::events::{Ended, Event, Events, RESULT_LIMIT};
use forebay_shared::handover::Filler;
use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::{
    Account, Claimed, Ending, Failure, FailureCode, Job, Label, MediaFile, Outcome, Output, Settlement,
    Timings, result_document,
};
use forebay_shared::segment::SegmentBuilder;
use forebay_shared::store::{Attempts, Settled, Workers};
use forebay_shared::testing::Watched;

use crate::app::{OWNER, TestApp};

/// A worker. Dropped with a claim that it has not settled, it fails the test.
pub struct Worker {
    pub id: WorkerId,
    store: Arc<Watched>,
    filler: Arc<Filler>,
    blobs: Blobs,
    events: Arc<dyn Events>,
    segments: Cell<u64>,
    claims: Cell<i64>,
    /// How many items of each job it has from the cache.
    pub cached: Cell<u32>,
}

impl Worker {
    pub async fn begin(app: &TestApp) -> Self {
        let id = app.ids.worker();
        let models = app.store.behind().models().await.unwrap();
        let models: Vec<_> = models.into_iter().map(|model| model.card.name).collect();
        app.store.register(id, "here", &models, Duration::from_hours(1)).await.unwrap();
        Self {
            id,
            store: app.store.clone(),
            filler: app.parts.filler.clone(),
            blobs: app.blobs.clone(),
            events: app.parts.events.clone(),
            segments: Cell::default(),
            claims: Cell::default(),
            cached: Cell::default(),
        }
    }

    pub async fn claim(&self, job: JobId) -> Claimed {
        // What waits in the database for room is handed over first.
        self.filler.fill().await.unwrap();
        let claimed = self.store.claim(self.id, &[job]).await.unwrap().pop();
        self.claims.set(self.claims.get() + 1);
        claimed.expect("the job can be claimed")
    }

    /// Claims a job and settles it with these outcomes.
    pub async fn finish(&self, job: JobId, outcomes: Vec<Outcome>) {
        let claimed = self.claim(job).await;
        self.settle(&claimed, outcomes, Vec::new()).await;
    }

    /// Settles with a result, and tells those who wait.
    pub async fn settle(&self, claimed: &Claimed, outcomes: Vec<Outcome>, files: Vec<MediaFile>) {
        let (told, document) = self.settle_quietly(claimed, outcomes, files).await;
        self.tell(told, claimed.id, Some(document)).await;
    }

    /// Settles with a result, and tells nobody.
    pub async fn settle_quietly(
        &self,
        claimed: &Claimed,
        outcomes: Vec<Outcome>,
        files: Vec<MediaFile>,
    ) -> (Vec<String>, String) {
        let document = result_document(&outcomes, &files, &[]);
        let mut segment = SegmentBuilder::default();
        // A result never stands alone in a segment.
        segment.push(b"somebody else's");
        let range = segment.push(&document);
        segment.push(b"another's");
        self.segments.set(self.segments.get() + 1);
        let (row, object) = segment.finish(self.id, self.segments.get());
        self.blobs.put(&row.key, object).await.unwrap();
        let succeeded = u32::try_from(outcomes.iter().filter(|outcome| outcome.is_ok()).count()).unwrap();
        let mut settlement = settlement(claimed, if succeeded > 0 { Ending::Succeeded } else { failed() });
        settlement.succeeded = succeeded;
        settlement.failed = claimed.item_count - succeeded;
        settlement.range = Some(range);
        settlement.files = files;
        settlement.timings.cached = self.cached.get();
        let settled = self.store.settle(self.id, &[settlement], Some(&row)).await.unwrap();
        self.claims.set(self.claims.get() - 1);
        let [Settled::Done { waiters, .. }] = &settled[..] else { panic!("it must count: {settled:?}") };
        (waiters.clone(), String::from_utf8(document).unwrap())
    }

    /// Settles without a result.
    pub async fn end(&self, claimed: &Claimed, ending: Ending) {
        let settlement = settlement(claimed, ending);
        self.store.settle(self.id, &[settlement], None).await.unwrap();
        self.claims.set(self.claims.get() - 1);
    }

    /// Tells those who wait how the job ended.
    pub async fn tell(&self, waiters: Vec<String>, job: JobId, document: Option<String>) {
        let job: Job = self.store.behind().job(OWNER, job).await.unwrap().unwrap();
        let small = document.filter(|document| document.len() <= RESULT_LIMIT);
        let event = Event::Ended(Box::new(Ended::of(&job, small)));
        self.events.publish(waiters.into_iter().map(|waiter| (waiter, event.clone())).collect()).await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.claims.get(), 0, "a job is left running");
        }
    }
}

fn settlement(claimed: &Claimed, ending: Ending) -> Settlement {
    Settlement {
        id: claimed.id,
        attempt: claimed.lease.attempt,
        ending,
        succeeded: 0,
        failed: 0,
        range: None,
        files: Vec::new(),
        timings: Timings {
            queue_wait_ms: 2.5,
            batch_wait_ms: 0.5,
            batch_size: 2,
            batches: 1,
            padding: 0.125,
            cached: 0,
            prepare_ms: 0.25,
            run_ms: 12.5,
            store_ms: 1.5,
        },
        account: Account::default(),
    }
}

pub fn failed() -> Ending {
    Ending::Failed(Failure::permanent(FailureCode::AllItemsFailed, "none of the items succeeded"))
}

/// An output of labels, best first.
pub fn labels(scores: &[(&str, f32)]) -> Outcome {
    let labels = scores.iter().map(|(label, score)| Label { label: (*label).to_owned(), score: *score });
    Ok(Output::Labels { labels: labels.collect() })
}

/// A vector, made of so many tokens.
pub fn vector(values: &[f32], tokens: u32) -> Outcome {
    Ok(Output::Embedding { embedding: values.to_vec(), tokens })
}

/// An output of the echo.
pub fn echo(text: &str) -> Outcome {
    Ok(Output::Echo { echo: text.into() })
}

/// An item that failed.
pub fn too_long() -> Outcome {
    let message = "the text has 150 tokens, the limit is 128";
    Err(Failure::permanent(FailureCode::InputTooLong, message))
}
