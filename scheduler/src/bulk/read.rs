//! From a bulk's file to its slices.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use forebay_dialects::Fault;
use forebay_dialects::bulk::{bad_line, refusal};
use forebay_dialects::records::zip;
use forebay_shared::bulk::{BadLine, Bulk, Layout};
use forebay_shared::file::{self, File, Piece as FilePiece};
use forebay_shared::job::Cost;
use forebay_shared::model::Model;
use futures::TryStreamExt;

use super::StuckError;
use super::bad::Bad;
use super::reading::{Means, Reading, Verdict};
use super::records::{Records, bounds};
use crate::Chores;

/// Bytes that are read together: enough to be worth another thread, few enough to be held.
const CHUNK: usize = 1024 * 1024;
/// Batches a second of a model that has run no slice yet: less than a processor does with the starter models, so that a
/// first slice is rather too small.
const BATCHES_A_SECOND: u64 = 5;

impl Chores {
    /// Reads a bulk's file from its beginning. What it finds out counts only if the bulk still waits to be read then.
    pub(super) async fn read_bulk(&self, bulk: Bulk, lease: &str) -> Result<(), StuckError> {
        let Some((file, pieces)) = self.parts.store.content(&bulk.owner, bulk.file).await? else {
            return self.refuse(&bulk, refusal("file_not_found", "the file has been deleted", None)).await;
        };
        let limit = self.parts.bulk.max_bytes;
        if file.bytes > limit.bytes() {
            let message = format!("the file has {} bytes, the limit is {limit}", file.bytes);
            return self.refuse(&bulk, refusal("file_too_large", message, None)).await;
        }
        let mut only = None;
        if bulk.retry_of.is_some() {
            let Some(lines) = self.failed_lines(&bulk).await? else {
                let message = "the file of errors has been deleted, so nobody knows what failed";
                return self.refuse(&bulk, refusal("file_not_found", message, None)).await;
            };
            only = Some(Arc::new(lines));
        }
        let means = Means {
            config: self.parts.bulk.clone(),
            moderation: self.parts.moderation.clone(),
            models: Arc::new(self.models(&bulk.owner).await?),
            only,
        };
        let started = Instant::now();
        let bulk = Arc::new(bulk);
        let read = self.read_file((&bulk, &file, &pieces), means.clone(), lease).await?;
        let Some((verdict, bad)) = read else { return Ok(()) };
        match verdict {
            Verdict::Refused(errors) => {
                tracing::info!(bulk.id = %bulk.id, errors = errors.len(), "a bulk's file is refused");
                self.parts.store.refuse_bulk(bulk.id, &errors).await?;
            }
            Verdict::Good { pieces, part, bad_lines } => {
                let cut = self.cut(&bulk, &means.models, (part, pieces), (bad, bad_lines));
                if self.parts.store.cut_bulk(bulk.id, &cut).await? {
                    let (slices, took) = (cut.slices.len(), started.elapsed());
                    tracing::info!(bulk.id = %bulk.id, slices, bytes = file.bytes, ?took, "a bulk was read");
                    self.parts.filler.ask_everywhere();
                }
            }
        }
        Ok(())
    }

    async fn refuse(&self, bulk: &Bulk, why: BadLine) -> Result<(), StuckError> {
        self.parts.store.refuse_bulk(bulk.id, &[why]).await?;
        Ok(())
    }

    /// The models that the owner sees, each with what a slice for it may cost: as much as it has lately done in that time.
    async fn models(&self, owner: &str) -> Result<Vec<(Model, Cost)>, StuckError> {
        // Not as of a moment ago: a file must not be refused for a model that has just been announced.
        let (models, paces) =
            (self.parts.catalog.models_now(owner).await?, self.parts.store.slice_paces().await?);
        let time = self.parts.bulk.slice.get();
        let most = |model: &Model| {
            let pace = paces.iter().find(|pace| pace.model == model.card.name && pace.took.as_micros() > 0);
            let usual = model.card.budget().times(BATCHES_A_SECOND).times(time.as_secs());
            let measured = pace.map(|pace| {
                let units = u128::from(pace.cost.units()) * time.as_micros() / pace.took.as_micros();
                Cost::new(u64::try_from(units).unwrap_or(u64::MAX))
            });
            // One batch at least: a slice that is less would waste the device.
            measured.unwrap_or(usual).max(model.card.budget())
        };
        Ok(models.iter().map(|model| (model.clone(), most(model))).collect())
    }

    /// Reads the file to its end, or until it is known to be bad. Answers with the object that tells of bad lines, if any
    /// is to be told of. `None`: the lease went to somebody else, or the process stops.
    async fn read_file(
        &self,
        (bulk, file, pieces): (&Arc<Bulk>, &File, &[FilePiece]),
        means: Means,
        lease: &str,
    ) -> Result<Option<(Verdict, Option<(String, u64)>)>, StuckError> {
        let (range, records) = match self.records(bulk, file, pieces).await? {
            Ok(found) => found,
            Err(fault) => return Ok(Some((Verdict::Refused(vec![bad_line(&fault, None)]), None))),
        };
        let mut content = self.parts.blobs.content(pieces, range).await?;
        let mut reading = Reading::new(bulk.clone(), means, records);
        let key = format!("{}/{}", file::FOLDER, self.parts.ids.uuid());
        let mut bad = Bad::new(&self.parts.blobs, key);
        let mut renewed = Instant::now();
        let mut ended = false;
        while !ended {
            let mut chunk = Vec::with_capacity(CHUNK);
            while !ended && chunk.len() < CHUNK {
                let more = content.try_next().await?;
                ended = more.is_none();
                chunk.extend_from_slice(&more.unwrap_or_default());
            }
            let work = self.parts.tasks.spawn_blocking(move || {
                let flow = reading.feed(&chunk);
                (reading, flow)
            });
            let (back, flow) = work.await.map_err(|_| StuckError::Panicked)?;
            reading = back;
            bad.write(reading.told()).await?;
            ended |= flow == ControlFlow::Break(());
            let mut goes_on = !self.parts.tasks.is_stopping();
            if goes_on && renewed.elapsed() > self.config.lead.get() / 4 {
                goes_on = self.holds(lease).await?;
                renewed = Instant::now();
            }
            if !goes_on {
                bad.abort().await;
                return Ok(None);
            }
        }
        let (verdict, told) = reading.finish();
        bad.write(told).await?;
        Ok(Some((verdict, bad.finish().await?)))
    }

    /// What finds the file's records, and which range of the file it wants to see.
    async fn records(
        &self,
        bulk: &Bulk,
        file: &File,
        pieces: &[FilePiece],
    ) -> Result<Result<(Range<u64>, Records), Fault>, StuckError> {
        let config = &self.parts.bulk;
        let picture = self.parts.fetcher.max_bytes().bytes();
        let bounds = bounds(config.max_lines, picture, config.max_bytes.bytes());
        if bulk.layout != Layout::Zip {
            let records = Records::new(&bulk.layout, config.longest_line.as_usize(), bounds);
            return Ok(Ok((0..file.bytes, records)));
        }
        let tail = self.parts.blobs.content(pieces, file.bytes.saturating_sub(zip::TAIL)..file.bytes).await?;
        let tail: Vec<Bytes> = tail.try_collect().await?;
        Ok(zip::Directory::find(file.bytes, &tail.concat())
            .map(|directory| (directory.range.clone(), Records::Zip(zip::Entries::new(directory, bounds)))))
    }

    async fn holds(&self, lease: &str) -> Result<bool, StuckError> {
        Ok(self.parts.store.lead(lease, &self.parts.name, self.config.lead.get()).await?)
    }
}
