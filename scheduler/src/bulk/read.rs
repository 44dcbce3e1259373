//! From a bulk's file to its slices.

use std::collections::HashSet;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forebay_dialects::Fault;
use forebay_dialects::bulk::{bad_line, refusal};
use forebay_dialects::records::zip;
use forebay_shared::blobs::BlobWriter;
use forebay_shared::bulk::{BadLine, Bulk, Cut, Layout, LineId, Lines, Part, Slice};
use forebay_shared::file::{self, File, Piece as FilePiece};
use forebay_shared::job::{Class, Cost, ItemsAt, Keep, NewJob, Object};
use forebay_shared::model::Model;
use futures::TryStreamExt;
use serde::Deserialize;

use super::StuckError;
use super::cut::Piece;
use super::reading::{Means, Reading, Verdict};
use super::records::{Records, bounds};
use crate::Chores;

/// Bytes that are read together: enough to be worth another thread, few enough to be held.
const CHUNK: usize = 1024 * 1024;
/// A slice's job is kept as long as its bulk, which forgets it: longer than any of those.
const KEPT: Duration = Duration::from_hours(24 * 365 * 100);
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
            models: Arc::new(self.models().await?),
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
                    self.parts.filler.ask();
                }
            }
        }
        Ok(())
    }

    async fn refuse(&self, bulk: &Bulk, why: BadLine) -> Result<(), StuckError> {
        self.parts.store.refuse_bulk(bulk.id, &[why]).await?;
        Ok(())
    }

    /// The models there are, each with what a slice for it may cost: as much as it has lately done in that time.
    async fn models(&self) -> Result<Vec<(Model, Cost)>, StuckError> {
        // Not as of a moment ago: a file must not be refused for a model that has just been announced.
        let (models, paces) = (self.parts.store.models().await?, self.parts.store.slice_paces().await?);
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
        let mut bad = Bad { writer: None, key };
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
            bad.write(self, reading.told()).await?;
            ended |= flow == ControlFlow::Break(());
            if renewed.elapsed() > self.config.lead.get() / 4 {
                if self.parts.tasks.is_stopping() || !self.holds(lease).await? {
                    bad.abort().await;
                    return Ok(None);
                }
                renewed = Instant::now();
            }
        }
        let (verdict, told) = reading.finish();
        bad.write(self, told).await?;
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

    fn cut(
        &self,
        bulk: &Bulk,
        models: &[(Model, Cost)],
        (part, pieces): (Part, Vec<Piece>),
        (bad, bad_lines): (Option<(String, u64)>, u64),
    ) -> Cut {
        let mut used: Vec<usize> = pieces.iter().map(|piece| piece.model).collect();
        used.sort_unstable();
        used.dedup();
        let model = match used[..] {
            [only] => Some(models[only].0.card.name.clone()),
            _ => None,
        };
        let slices = pieces
            .into_iter()
            .map(|piece| (self.slice(bulk, &models[piece.model].0, (part, &piece)), piece.lines));
        Cut {
            output_file: self.parts.ids.file(),
            error_file: self.parts.ids.file(),
            bad,
            bad_lines,
            model,
            slices: slices.collect(),
        }
    }

    fn slice(&self, bulk: &Bulk, model: &Model, (part, piece): (Part, &Piece)) -> NewJob {
        let slice = Slice {
            form: bulk.form,
            model: bulk.model.clone(),
            params: bulk.params.clone(),
            part,
            runs: piece.runs.clone(),
        };
        NewJob {
            id: self.parts.ids.job(),
            owner: bulk.owner.clone(),
            model: model.card.name.clone(),
            model_digest: model.card.digest.clone(),
            class: Class::Bulk,
            priority: 0,
            item_count: piece.items,
            items: ItemsAt::File { file: bulk.file.to_string(), lines: slice.encode() },
            cost: piece.cost,
            params: Object::new(),
            metadata: Object::new(),
            blobs: Vec::new(),
            blob_bytes: 0,
            idempotency: None,
            max_attempts: 3,
            waiter: None,
            // The filler hands it over in its turn.
            published: false,
            keep: Keep::all(KEPT),
            client_id: None,
            key: bulk.key,
            run_at: None,
            start_by: None,
            finish_by: Some(bulk.times.expires_at),
            webhook: None,
            bulk: Some(bulk.id),
            trace: None,
        }
    }

    /// The numbers of lines that failed in the bulk that is to be run again. `None`: they are not known any more.
    async fn failed_lines(&self, bulk: &Bulk) -> Result<Option<HashSet<u64>>, StuckError> {
        #[derive(Deserialize)]
        struct Failed {
            #[serde(default)]
            line: Option<u64>,
            #[serde(default)]
            id: Option<String>,
        }
        let Some(earlier) = bulk.retry_of else { return Ok(None) };
        let Some(earlier) = self.parts.store.bulk(&bulk.owner, earlier).await? else { return Ok(None) };
        let Some(errors) = earlier.error_file else {
            return Ok((earlier.counts.failed == 0).then(HashSet::new));
        };
        let Some((file, pieces)) = self.parts.store.content(&bulk.owner, errors).await? else {
            return Ok(None);
        };
        let mut content = self.parts.blobs.content(&pieces, 0..file.bytes).await?;
        let mut lines = Lines::new(self.parts.bulk.longest_line.as_usize());
        let mut failed = HashSet::new();
        let number = |bytes: &[u8]| {
            let told: Failed = serde_json::from_slice(bytes).ok()?;
            let name = told.id.as_deref().and_then(|id| id.strip_prefix("batch_req_"));
            told.line.or_else(|| name.and_then(|name| name.parse::<LineId>().ok()).map(|id| id.line))
        };
        while let Some(chunk) = content.try_next().await? {
            let told = lines.push(&chunk);
            failed.extend(told.iter().filter_map(|line| number(line.bytes.as_ref()?)));
        }
        failed.extend(lines.finish().and_then(|line| number(line.bytes.as_ref()?)));
        Ok(Some(failed))
    }
}

/// The object that tells of bad lines, once there is one to tell of.
struct Bad {
    writer: Option<BlobWriter>,
    key: String,
}

impl Bad {
    async fn write(&mut self, chores: &Chores, told: Vec<u8>) -> Result<(), StuckError> {
        if !told.is_empty() {
            let writer = self.writer.get_or_insert_with(|| chores.parts.blobs.writer(&self.key));
            writer.write(told.into()).await?;
        }
        Ok(())
    }

    async fn abort(self) {
        if let Some(writer) = self.writer {
            writer.abort().await;
        }
    }

    async fn finish(self) -> Result<Option<(String, u64)>, StuckError> {
        match self.writer {
            Some(writer) => Ok(Some((self.key, writer.finish().await?))),
            None => Ok(None),
        }
    }
}
