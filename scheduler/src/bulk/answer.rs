//! Errors for lines that no worker answered: their slice was cancelled, expired, or failed as a whole.

use bytes::Bytes;
use forebay_dialects::bulk::{Answers, BATCH_CANCELLED, BATCH_EXPIRED, unfinished};
use forebay_shared::bulk::{Bulk, BulkStatus, LineId, Run, Slice, Unanswered};
use forebay_shared::file::{self, Piece};
use forebay_shared::job::Status;
use forebay_shared::telemetry::count_dropped_items;

use super::StuckError;
use super::reading::rules;
use crate::Chores;

/// Slices that are looked up together.
const SLICES: u32 = 100;

impl Chores {
    /// Writes an error for each line that stands nowhere, slice by slice, however often it is called.
    pub(super) async fn answer_the_rest(&self, bulk: &Bulk) -> Result<(), StuckError> {
        let content = self.parts.store.content(&bulk.owner, bulk.file).await?;
        let pieces = content.map(|(_, pieces)| pieces).unwrap_or_default();
        loop {
            let unanswered = self.parts.store.unanswered_slices(bulk.id, SLICES).await?;
            if unanswered.is_empty() {
                return Ok(());
            }
            for slice in unanswered {
                self.answer(bulk, &pieces, &slice).await?;
            }
        }
    }

    async fn answer(&self, bulk: &Bulk, pieces: &[Piece], unanswered: &Unanswered) -> Result<(), StuckError> {
        let (code, message) = why(bulk, unanswered);
        let mut answers = Answers::default();
        let slice = Slice::decode(&unanswered.slice)?;
        for (line, name) in self.names(bulk, pieces, &slice).await? {
            let id = LineId { bulk: bulk.id, line };
            answers.error(bulk.form, id, name.as_deref(), (code, message));
        }
        let object = format!("{}/{}", file::FOLDER, self.parts.ids.uuid());
        let bytes = answers.errors.len() as u64;
        self.parts.blobs.put(&object, Bytes::from(answers.errors)).await?;
        if !self.parts.store.answer_slice(unanswered.job, &object, bytes).await? {
            self.parts.blobs.delete(&[object]).await?;
            return Ok(());
        }
        match code {
            BATCH_CANCELLED => count_dropped_items("cancelled", unanswered.items),
            BATCH_EXPIRED => count_dropped_items("expired", unanswered.items),
            _ => {}
        }
        Ok(())
    }

    /// The numbers of a slice's lines, with what the client calls them as far as the file still tells.
    async fn names(
        &self,
        bulk: &Bulk,
        pieces: &[Piece],
        slice: &Slice,
    ) -> Result<Vec<(u64, Option<String>)>, StuckError> {
        if pieces.is_empty() {
            let lines = slice.runs.iter().flat_map(|run| run.first..run.first + run.lines);
            return Ok(lines.map(|line| (line, None)).collect());
        }
        let ranges: Vec<_> = slice.runs.iter().map(Run::range).collect();
        let read = self.parts.blobs.ranges(pieces, &ranges).await?;
        let rules = rules(bulk, &self.parts.moderation);
        let lines =
            slice.runs.iter().zip(read).flat_map(|(run, chunks)| rules.run(slice.part, *run, &chunks));
        Ok(lines.map(|(number, (name, _))| (number, name)).collect())
    }
}

/// Why lines have no answer: a code and a sentence.
fn why<'a>(bulk: &Bulk, unanswered: &'a Unanswered) -> (&'a str, &'a str) {
    match (unanswered.status, &unanswered.error) {
        (Status::Cancelled, _) if bulk.ending != Some(BulkStatus::Expired) => {
            (BATCH_CANCELLED, unfinished(BATCH_CANCELLED))
        }
        (Status::Cancelled | Status::Expired, _) => (BATCH_EXPIRED, unfinished(BATCH_EXPIRED)),
        (_, Some((code, message))) => (code, message),
        (_, None) => ("internal", "the line did not run"),
    }
}
