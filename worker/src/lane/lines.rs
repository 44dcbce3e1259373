//! A slice's lines: read from the file they stand in, and how each is to be answered.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use forebay_dialects::bulk::{Answers, BATCH_CANCELLED, BATCH_EXPIRED, Request, Rules};
use forebay_shared::blobs::{BlobError, Blobs};
use forebay_shared::bulk::{Form, LineId, Run, Slice};
use forebay_shared::config::ModerationConfig;
use forebay_shared::id::BulkId;
use forebay_shared::job::{Claimed, Failure, FailureCode, Item, Outcome};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;

/// Where slices are read from.
#[derive(Clone, Debug)]
pub struct LineSource {
    /// Knows which objects a file is made of.
    pub store: Arc<dyn Store>,
    /// Who judges texts.
    pub moderation: Arc<ModerationConfig>,
}

/// Lines of a slice, without their items.
#[derive(Debug)]
pub struct Plan {
    bulk: BulkId,
    form: Form,
    lines: Vec<Planned>,
}

/// A line, and which of the job's items are its.
#[derive(Debug)]
struct Planned {
    number: u64,
    request: Request,
    items: Range<usize>,
}

impl LineSource {
    /// A slice's items, and how its lines are to be answered.
    pub(super) async fn read(
        &self,
        blobs: &Blobs,
        tasks: &Tasks,
        (claimed, file, lines): (&Claimed, &str, &str),
    ) -> Result<(Vec<Item>, Plan), Failure> {
        let damaged = |error: &dyn std::fmt::Display| {
            Failure::permanent(FailureCode::Internal, format!("the slice cannot be read: {error}"))
        };
        let bulk = claimed.bulk.ok_or_else(|| damaged(&"it is of no bulk"))?;
        let slice = Slice::decode(lines).map_err(|error| damaged(&error))?;
        let file = file.parse().map_err(|error| damaged(&error))?;
        let content = self.store.content(&claimed.owner, file).await.map_err(|error| {
            tracing::warn!(%error, job.id = %claimed.id, "a slice's file cannot be looked up");
            Failure::transient(FailureCode::StorageUnavailable, "the database cannot be reached")
        })?;
        let Some((_, pieces)) = content else {
            return Err(Failure::permanent(FailureCode::InputMissing, "the bulk's file has been deleted"));
        };
        let ranges: Vec<_> = slice.runs.iter().map(Run::range).collect();
        let read = blobs.ranges(&pieces, &ranges).await.map_err(|error| blob_failure(&error))?;
        let runs = slice.runs.iter().copied().zip(read).collect();
        let moderation = self.moderation.clone();
        let work = tasks.spawn_blocking(move || plan(bulk, &slice, runs, &moderation));
        work.await.unwrap_or_else(|_| Err(damaged(&"reading its lines panicked")))
    }
}

/// Reads the lines as the scheduler has read them.
fn plan(
    bulk: BulkId,
    slice: &Slice,
    runs: Vec<(Run, Vec<Bytes>)>,
    moderation: &ModerationConfig,
) -> Result<(Vec<Item>, Plan), Failure> {
    let (form, endpoint) = (slice.form, None);
    let rules = Rules { form, endpoint, model: slice.model.as_deref(), params: &slice.params, moderation };
    let (mut items, mut planned) = (Vec::new(), Vec::new());
    for (run, chunks) in runs {
        for (number, (_, read)) in rules.run(slice.part, run, &chunks) {
            let Ok(mut request) = read else {
                let message = format!("line {number} is not what it was when the file was read");
                return Err(Failure::permanent(FailureCode::Internal, message));
            };
            let first = items.len();
            items.append(&mut request.items);
            planned.push(Planned { number, request, items: first..items.len() });
        }
    }
    Ok((items, Plan { bulk, form, lines: planned }))
}

impl Plan {
    /// The lines as they are answered, given what became of the job's items. `expired`: what has not run was too late.
    pub fn answer(&self, model: &str, expired: bool, outcomes: Vec<Outcome>) -> Answers {
        let stopped = if expired { BATCH_EXPIRED } else { BATCH_CANCELLED };
        let (mut answers, mut outcomes) = (Answers::default(), outcomes.into_iter());
        for line in &self.lines {
            let id = LineId { bulk: self.bulk, line: line.number };
            let of_line = outcomes.by_ref().take(line.items.len()).collect();
            answers.add(self.form, (id, &line.request), (model, stopped), of_line);
        }
        answers
    }
}

/// Why an input that is stored cannot be had.
pub(super) fn blob_failure(error: &BlobError) -> Failure {
    match error {
        BlobError::Missing(_) => Failure::permanent(FailureCode::InputMissing, "a stored input is gone"),
        BlobError::Unavailable(_) | BlobError::Unusable(..) => {
            Failure::transient(FailureCode::StorageUnavailable, "the object store cannot be reached")
        }
    }
}
