//! Objects that no row names: what dies between an object and its row leaves them.
//!
//! Segments and media stand under the id of the worker that wrote them, inputs under the id of their job, what files own in
//! a folder of theirs, as do kept answers and the files of models. Those of living workers, and those that are young, are
//! spared. Who dies in the middle of an object leaves less than an object, which goes in the same way.

use std::collections::{BTreeSet, HashSet};

use forebay_shared::blobs::{BlobEntry, BlobResult};
use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::segment::CleanError;
use forebay_shared::{cache, file, registry};
use futures::TryStreamExt;

use crate::Chores;

/// Objects that are looked at together.
const CHUNK: usize = 500;

impl Chores {
    pub(crate) async fn sweep_all(&self) {
        self.expire_answers().await;
        self.forget_contents().await;
        match self.try_sweep().await {
            Ok(0) => {}
            Ok(objects) => {
                tracing::info!(objects, "objects removed that no row named");
                metrics::counter!("forebay_objects_swept_total").increment(objects);
            }
            Err(error) => tracing::warn!(%error, "objects cannot be swept at the moment"),
        }
    }

    async fn try_sweep(&self) -> Result<u64, CleanError> {
        let mut swept = 0;
        for folder in self.folders_of_the_dead("segments").await? {
            swept += self.sweep_folder(&format!("segments/{folder}"), Naming::Segment).await?;
        }
        for folder in self.folders_of_the_dead("media").await? {
            swept += self.sweep_folder(&format!("media/{folder}"), Naming::Job { place: 2 }).await?;
        }
        swept += self.sweep_folder("inputs", Naming::Job { place: 1 }).await?;
        swept += self.sweep_folder(file::FOLDER, Naming::File).await?;
        swept += self.sweep_folder(cache::FOLDER, Naming::Answers).await?;
        swept += self.sweep_folder(registry::FOLDER, Naming::Contents).await?;
        let oldest = self.parts.store.now().minus(self.config.sweep_age.get());
        swept += self.parts.blobs.remove_unfinished(oldest).await?;
        Ok(swept)
    }

    /// Folders named after workers that may not write any more.
    async fn folders_of_the_dead(&self, root: &str) -> Result<Vec<WorkerId>, CleanError> {
        let folders = self.parts.blobs.folders(root).await?;
        let workers: Vec<WorkerId> = folders.iter().filter_map(|folder| folder.parse().ok()).collect();
        let living: HashSet<WorkerId> = self.parts.store.writers(&workers).await?.into_iter().collect();
        Ok(workers.into_iter().filter(|worker| !living.contains(worker)).collect())
    }

    async fn sweep_folder(&self, folder: &str, naming: Naming) -> Result<u64, CleanError> {
        let oldest = self.parts.store.now().minus(self.config.sweep_age.get());
        let listed = self.parts.blobs.list(folder);
        let old = listed.try_filter(|entry| std::future::ready(entry.modified_at < oldest));
        let mut chunks = old.try_chunks(CHUNK);
        let mut swept = 0;
        while let Some(chunk) = next(&mut chunks).await? {
            let keys: Vec<String> = chunk.into_iter().map(|entry| entry.key).collect();
            let orphans = self.orphans(keys, naming).await?;
            self.parts.blobs.delete(&orphans).await?;
            swept += orphans.len() as u64;
        }
        Ok(swept)
    }

    /// Of these objects, those that no row names.
    async fn orphans(&self, keys: Vec<String>, naming: Naming) -> Result<Vec<String>, CleanError> {
        let named: HashSet<String> = match naming {
            Naming::Segment => self.parts.store.recorded_segments(&keys).await?.into_iter().collect(),
            Naming::File => self.parts.store.named_files(&keys).await?.into_iter().collect(),
            Naming::Answers => self.parts.store.named_cached(&keys).await?.into_iter().collect(),
            Naming::Contents => self.parts.store.named_contents(&keys).await?.into_iter().collect(),
            Naming::Job { place } => {
                let jobs: BTreeSet<JobId> = keys.iter().filter_map(|key| job_of(key, place)).collect();
                let jobs: Vec<JobId> = jobs.into_iter().collect();
                self.parts.store.named_objects(&jobs).await?.into_iter().collect()
            }
        };
        Ok(keys.into_iter().filter(|key| !named.contains(key)).collect())
    }
}

/// Which row names an object.
#[derive(Clone, Copy, Debug)]
enum Naming {
    /// The segment's own.
    Segment,
    /// A file's or a part's, as its own.
    File,
    /// Those of the kept answers that stand in it.
    Answers,
    /// That of the bytes of models' files.
    Contents,
    /// The job whose id stands at this place of its key.
    Job { place: usize },
}

fn job_of(key: &str, place: usize) -> Option<JobId> {
    key.split('/').nth(place)?.parse().ok()
}

async fn next<S>(chunks: &mut S) -> BlobResult<Option<Vec<BlobEntry>>>
where
    S: futures::Stream<
            Item = Result<
                Vec<BlobEntry>,
                futures::stream::TryChunksError<BlobEntry, forebay_shared::blobs::BlobError>,
            >,
        > + Unpin,
{
    chunks.try_next().await.map_err(|stopped| stopped.1)
}
