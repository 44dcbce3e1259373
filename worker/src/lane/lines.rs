//! A slice's lines, read from the file they stand in.

use std::sync::Arc;

use bytes::Bytes;
use forebay_dialects::bulk::Rules;
use forebay_shared::blobs::{BlobError, Blobs};
use forebay_shared::bulk::{Run, Slice};
use forebay_shared::config::ModerationConfig;
use forebay_shared::id::BulkId;
use forebay_shared::job::{Claimed, Failure, FailureCode, Item};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;

use crate::plan::Plan;

/// Where slices are read from.
#[derive(Clone, Debug)]
pub struct LineSource {
    /// Knows which objects a file is made of.
    pub store: Arc<dyn Store>,
    /// Who judges texts.
    pub moderation: Arc<ModerationConfig>,
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
    let (mut items, mut plan) = (Vec::new(), Plan::new(bulk, form));
    for (run, chunks) in runs {
        for (number, (_, read)) in rules.run(slice.part, run, &chunks) {
            let Ok(mut request) = read else {
                let message = format!("line {number} is not what it was when the file was read");
                return Err(Failure::permanent(FailureCode::Internal, message));
            };
            let own = request.items.len();
            items.append(&mut request.items);
            plan.add(number, request, own);
        }
    }
    Ok((items, plan))
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
