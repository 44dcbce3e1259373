//! A folder or an archive becomes a model: read, stored, named.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::folder::{self, Found};
use super::{
    Content, ContentDigest, FetchError, ModelFile, NameError, NewModel, PathError, Registered, Registrar,
    Scratch, UnpackError, check_name, unpack,
};
use crate::blobs::BlobError;
use crate::config::{RegistryConfig, Size};
use crate::model::ModelCard;
use crate::store::{Change, PutOutcome, StoreError, StoreResult};

/// Files that are stored at once; each holds a part of what the object store takes at once.
const AT_ONCE: usize = 4;
/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// What an owner's model may say of itself, as JSON: every process reads what all models say once a second. A thousand labels of
/// ImageNet are half of it.
const LARGEST_CARD: usize = 64 * 1024;
/// How often what is stored is touched while the rest is being stored; the sweep spares what is far older.
const TOUCH: Duration = Duration::from_mins(1);
/// How often a model is put whose bytes were forgotten in the very moment; they are touched before, so once is enough.
const TRIES: usize = 3;

/// What is to become a model.
#[derive(Clone, Debug)]
pub struct Import {
    /// A folder, or an archive of one.
    pub from: PathBuf,
    /// Whose model it is to be; `None`: everybody's.
    pub owner: Option<String>,
    /// What it is to be called.
    pub name: String,
    /// Where it came from, for people.
    pub source: String,
}

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The model as it is now.
    pub model: Registered,
    /// What its name meant before.
    pub change: Change,
    /// Bytes that had to be stored; the others were.
    pub stored: u64,
}

/// Hears how far an import is.
pub trait Progress: Send + Sync {
    /// What follows is about so many bytes, as far as that is known.
    fn begin(&self, what: &'static str, bytes: Option<u64>);
    /// So many bytes more are done.
    fn advance(&self, bytes: u64);
    /// Something that people should know meanwhile. Most have nobody to tell it to.
    fn note(&self, _what: &str) {}
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &'static str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
}

/// Why something did not become a model.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No model can be called that.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No file of a model can be called that.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It is called so already.
    #[error("the name `{0}` is taken")]
    Taken(String),
    /// Its owner has as many models as it may.
    #[error("an owner has at most {limit} models (registry.max_models); delete one first")]
    TooManyModels {
        /// So many.
        limit: u32,
    },
    /// It says too much of itself.
    #[error(
        "what the model says of itself has {bytes} bytes, most of them in `{field}`; at most {limit} are taken"
    )]
    Card {
        /// As JSON.
        bytes: usize,
        /// The largest of its fields.
        field: String,
        /// So many are taken.
        limit: usize,
    },
    /// A file's name is not text.
    #[error("{}: its name is not UTF-8", file.display())]
    Characters {
        /// Which one.
        file: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: {source}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something is neither.
    #[error("{}: it is neither a file nor a folder", file.display())]
    Special {
        /// Which one.
        file: PathBuf,
    },
    /// A file was written to meanwhile.
    #[error("{}: it changed while it was read", file.display())]
    Changed {
        /// Which one.
        file: PathBuf,
    },
    /// There is nothing.
    #[error("{}: there are no files in it", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// No files are named.
    #[error("there are no files")]
    NoFiles,
    /// A file stands where another needs a folder.
    #[error("`{path}` stands in `{file}`, which is a file too")]
    Within {
        /// The one.
        path: String,
        /// The other.
        file: String,
    },
    /// There are too many files.
    #[error("a model has at most {limit} files (registry.max_files)")]
    TooMany {
        /// So many are taken.
        limit: usize,
    },
    /// There are too many bytes.
    #[error("a model has at most {limit} (registry.max_bytes), not {}", Size::new(*bytes))]
    TooLarge {
        /// So many there are.
        bytes: u64,
        /// So many are taken.
        limit: Size,
    },
    /// An archive is too large as it is.
    #[error("the archive has more than {limit} (registry.max_bytes)")]
    Archive {
        /// So many bytes are taken.
        limit: Size,
    },
    /// An archive cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// No worker could serve it.
    #[error("this is no model that can be served: {0}")]
    Unservable(String),
    /// A file was to be made of bytes that are not stored.
    #[error("no bytes with the SHA-256 {0} are stored")]
    Unstored(ContentDigest),
    /// Stored bytes cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Bytes were forgotten again and again while the model was to be named.
    #[error("what was stored is being removed; try again")]
    Swept,
    /// Reading it ended in a panic, which the log tells of.
    #[error("reading it met a defect of the service; its log says more")]
    Defect,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object store.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl Registrar {
    /// Makes a folder's files a model, or an archive's. Bytes that are stored already are not sent again. What an import that
    /// fails has stored is used by the next one, or forgotten after a while.
    pub async fn import(&self, import: Import, progress: Arc<dyn Progress>) -> Result<Imported, ImportError> {
        check_name(&import.name)?;
        if import.from.is_dir() {
            return self.import_folder(import, progress).await;
        }
        let (scratch, folder) = self.unpack(import.from, progress.clone()).await?;
        let imported = self.import_folder(Import { from: folder, ..import }, progress).await;
        discard(scratch).await;
        imported
    }

    async fn unpack(
        &self,
        archive: PathBuf,
        progress: Arc<dyn Progress>,
    ) -> Result<(Scratch, PathBuf), ImportError> {
        let limits = self.limits_now();
        let scratch = self.scratch().await?;
        blocking(move || {
            let folder = unpack(&archive, &scratch.path(), &limits, progress.as_ref())?;
            Ok((scratch, folder))
        })
        .await
    }

    /// The limits for what is about to be written: it leaves free what others were promised.
    pub(super) fn limits_now(&self) -> RegistryConfig {
        let limits = self.limits.clone();
        RegistryConfig { disk_reserve: self.promised.and(limits.disk_reserve), ..limits }
    }

    /// A folder for what is to be looked at before it is stored.
    pub(super) async fn scratch(&self) -> Result<Scratch, ImportError> {
        let root = self.scratch.clone();
        blocking(move || Scratch::new(&root).map_err(|source| ImportError::File { file: root, source })).await
    }

    /// What clients are told of the model in a folder. What no worker could serve is refused.
    pub(super) async fn examine(
        &self,
        folder: &Path,
        (owner, name): (Option<&str>, &str),
    ) -> Result<ModelCard, ImportError> {
        let (examine, folder, name) = (self.examine, folder.to_owned(), name.to_owned());
        let card = blocking(move || {
            examine(&folder, &name).map_err(|why| ImportError::Unservable(within(&folder, &why)))
        })
        .await?;
        let (bytes, field) = card.size();
        if owner.is_some() && bytes > LARGEST_CARD {
            return Err(ImportError::Card { bytes, field, limit: LARGEST_CARD });
        }
        Ok(ModelCard { owner: owner.map(str::to_owned), registered: true, ..card })
    }

    /// Refuses a name that somebody else has, and an owner that has as many models as it may.
    pub(super) async fn check_free(&self, owner: Option<&str>, name: &str) -> Result<(), ImportError> {
        if self.store.is_taken(owner, name).await? {
            return Err(ImportError::Taken(name.to_owned()));
        }
        if self.is_full(owner, name).await? {
            return Err(ImportError::TooManyModels { limit: self.limits.max_models });
        }
        Ok(())
    }

    /// Whether the owner has as many models as it may, besides the one with this name. It may have more by those that were
    /// begun at the same time.
    pub async fn is_full(&self, owner: Option<&str>, name: &str) -> StoreResult<bool> {
        let Some(owner) = owner else { return Ok(false) };
        Ok(self.store.models_besides(owner, name).await? >= u64::from(self.limits.max_models))
    }

    async fn import_folder(
        &self,
        import: Import,
        progress: Arc<dyn Progress>,
    ) -> Result<Imported, ImportError> {
        self.check_free(import.owner.as_deref(), &import.name).await?;
        let card = self.examine(&import.from, (import.owner.as_deref(), &import.name)).await?;
        let (folder, limits) = (import.from, self.limits.clone());
        let found = blocking(move || folder::files(&folder, &limits)).await?;
        progress.begin("reading", Some(found.iter().map(|file| file.bytes).sum()));
        let files = self.read_all(found, &progress).await?;
        let model = NewModel {
            owner: import.owner,
            name: import.name,
            source: import.source,
            files: files.iter().map(|(_, file)| file.clone()).collect(),
            card: Some(card),
        };
        let digests: Vec<ContentDigest> = model.files.iter().map(|file| file.digest).collect();
        let mut stored = 0;
        for _ in 0..TRIES {
            let known = self.store.touch_contents(&digests).await?;
            let is_known = |digest| known.iter().any(|content| content.digest == digest);
            let mut missing: Vec<_> = files.iter().filter(|(_, file)| !is_known(file.digest)).collect();
            missing.sort_by_key(|(_, file)| file.digest);
            missing.dedup_by_key(|(_, file)| file.digest);
            stored += tokio::select! {
                stored = self.store_all(&missing, progress.as_ref()) => stored?,
                never = self.keep_touching(&digests) => match never {},
            };
            match self.store.put_model(&model).await? {
                PutOutcome::Put(change, model) => return Ok(Imported { model, change, stored }),
                PutOutcome::Taken => return Err(ImportError::Taken(model.name)),
                PutOutcome::Missing(_) => {}
            }
        }
        Err(ImportError::Swept)
    }

    async fn read_all(
        &self,
        found: Vec<Found>,
        progress: &Arc<dyn Progress>,
    ) -> Result<Vec<(PathBuf, ModelFile)>, ImportError> {
        let mut files = Vec::with_capacity(found.len());
        for file in found {
            let progress = progress.clone();
            files.push(
                blocking(move || Ok((file.at.clone(), folder::read(&file, progress.as_ref())?))).await?,
            );
        }
        Ok(files)
    }

    /// Stores these files' bytes. Answers how many those were.
    async fn store_all(
        &self,
        files: &[&(PathBuf, ModelFile)],
        progress: &dyn Progress,
    ) -> Result<u64, ImportError> {
        let bytes = files.iter().map(|(_, file)| file.bytes).sum();
        if bytes > 0 {
            progress.begin("storing", Some(bytes));
        }
        stream::iter(files)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |(at, file)| self.store_one(at, file, progress))
            .await?;
        Ok(bytes)
    }

    /// Keeps what is stored from being forgotten while the rest takes its time.
    pub(super) async fn keep_touching(&self, digests: &[ContentDigest]) -> Infallible {
        loop {
            tokio::time::sleep(TOUCH).await;
            if let Err(error) = self.store.touch_contents(digests).await {
                tracing::warn!(%error, "what is stored cannot be kept at the moment");
            }
        }
    }

    async fn store_one(
        &self,
        at: &Path,
        file: &ModelFile,
        progress: &dyn Progress,
    ) -> Result<(), ImportError> {
        let content = Content::at(file.digest, self.ids.uuid(), file.bytes);
        let mut writer = self.blobs.writer(&content.object);
        let refused = |source| ImportError::File { file: at.to_owned(), source };
        let copied = async {
            let mut input = tokio::fs::File::open(at).await.map_err(refused)?;
            let mut digest = Sha256::new();
            loop {
                let mut chunk = BytesMut::with_capacity(CHUNK);
                if input.read_buf(&mut chunk).await.map_err(refused)? == 0 {
                    return Ok(ContentDigest(digest.finalize().into()));
                }
                digest.update(&chunk);
                progress.advance(chunk.len() as u64);
                writer.write(chunk.freeze()).await?;
            }
        };
        match copied.await {
            Ok(digest) if digest == file.digest => {}
            other => {
                writer.abort().await;
                return Err(other.err().unwrap_or(ImportError::Changed { file: at.to_owned() }));
            }
        }
        writer.finish().await?;
        self.record(content).await?;
        Ok(())
    }

    /// Records bytes that have just been stored. Answers with where they count as stored: if others were quicker, these are
    /// removed.
    pub async fn record(&self, content: Content) -> Result<Content, ImportError> {
        let recorded = self.store.record_content(&content).await?;
        if recorded.object != content.object {
            self.blobs.delete(&[content.object]).await?;
        }
        Ok(recorded)
    }
}

/// What is said of a folder's files, without where the folder stands.
fn within(folder: &Path, said: &str) -> String {
    let folder = folder.display();
    said.replace(&format!("{folder}/"), "").replace(&format!("{folder}: "), "")
}

/// Removes what may be many files, where it delays nobody.
pub(super) async fn discard(scratch: Scratch) {
    let gone = tokio::task::spawn_blocking(move || drop(scratch)).await;
    if let Err(panicked) = gone {
        std::panic::resume_unwind(panicked.into_panic());
    }
}

/// Runs work that blocks. A panic in it fails the import alone: it is made of what strangers send.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ImportError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => {
            tracing::error!(%panicked, "bringing a model in panicked");
            Err(ImportError::Defect)
        }
    }
}

#[cfg(test)]
mod tests;
