//! Objects: inputs too large for a row, results, media. A local directory or S3.
//!
//! Only what every S3 server does is used: no conditional puts, no appends. Nobody outside gets a key or a URL of an object
//! that holds more than their own; a URL only of a medium, and where the operator allows it.

#[cfg(feature = "testing")]
pub mod conformance;
mod content;
mod ranges;
mod s3;
mod signing;
mod unfinished;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::io::AsyncWriteExt;

use crate::clock::Timestamp;
use crate::config::BlobConfig;
use s3::Bucket;
use signing::Signing;

/// Bytes gathered before a part of a streamed object is sent: the smallest part that S3 takes.
const PART: usize = 5 * 1024 * 1024;

/// What can go wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The object store cannot be reached, or refused: try again later.
    #[error("the object store cannot be reached")]
    Unavailable(#[source] object_store::Error),
    /// There is no such object.
    #[error("there is no object `{0}`")]
    Missing(String),
    /// The configuration names no usable store.
    #[error("blobs.url `{0}` is not usable")]
    Unusable(String, #[source] object_store::Error),
}

/// What the object store answers.
pub type BlobResult<T> = Result<T, BlobError>;

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// When it was written.
    pub modified_at: Timestamp,
}

/// The object store.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// The same, for answers that are read piece by piece.
    long: Arc<dyn ObjectStore>,
    signing: Option<Arc<Signing>>,
    /// Where objects are files.
    directory: Option<Arc<Path>>,
}

impl Blobs {
    /// Opens the store that `config` names; an empty URL means `directory`.
    pub fn open(config: &BlobConfig, directory: &Path) -> BlobResult<Self> {
        let unusable = |error| BlobError::Unusable(config.url.clone(), error);
        if config.url.is_empty() {
            // A result is on the disk, not in the page cache, before its job is settled.
            let local = std::fs::create_dir_all(directory)
                .map_err(|source| object_store::Error::Generic { store: "local", source: Box::new(source) })
                .and_then(|()| LocalFileSystem::new_with_prefix(directory))
                .map_err(unusable)?;
            let local = local.with_fsync(true).with_automatic_cleanup(true);
            return Ok(Self { directory: Some(directory.into()), ..Self::of(local) });
        }
        let Bucket { short, long, signing } = Bucket::open(config).map_err(unusable)?;
        Ok(Self { store: short, long, signing, directory: None })
    }

    fn of(store: impl ObjectStore) -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(store);
        Self { long: store.clone(), store, signing: None, directory: None }
    }

    /// Where anybody who is told may read this object for a while, as of this media type. `None`: nobody is told.
    pub async fn signed_url(&self, key: &str, content_type: &str) -> BlobResult<Option<String>> {
        match &self.signing {
            Some(signing) => signing.url(key, content_type).await.map(Some),
            None => Ok(None),
        }
    }

    /// A store that forgets everything, for tests.
    pub fn in_memory() -> Self {
        Self::of(InMemory::new())
    }

    /// Writes an object as a whole.
    pub async fn put(&self, key: &str, bytes: Bytes) -> BlobResult<()> {
        count("put");
        self.store.put(&Key::from(key), bytes.into()).await.map_err(|error| refused(key, error))?;
        Ok(())
    }

    /// Reads an object as a whole.
    pub async fn get(&self, key: &str) -> BlobResult<Bytes> {
        count("get");
        let found = self.store.get(&Key::from(key)).await.map_err(|error| refused(key, error))?;
        found.bytes().await.map_err(|error| refused(key, error))
    }

    /// Reads a range of an object.
    pub async fn range(&self, key: &str, range: Range<u64>) -> BlobResult<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        count("get");
        self.store.get_range(&Key::from(key), range).await.map_err(|error| refused(key, error))
    }

    /// Reads a range of an object piece by piece, for as long as its reader takes. An answer that breaks off, or stalls for
    /// `blobs.timeout`, is taken up where it ended.
    pub async fn stream(
        &self,
        key: &str,
        range: Range<u64>,
    ) -> BlobResult<BoxStream<'static, BlobResult<Bytes>>> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        count("get");
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..Default::default() };
        let found =
            self.long.get_opts(&Key::from(key), options).await.map_err(|error| refused(key, error))?;
        let key = key.to_owned();
        Ok(found.into_stream().map_err(move |error| refused(&key, error)).boxed())
    }

    /// An object to be written piece by piece. It does not exist before it is finished.
    pub fn writer(&self, key: &str) -> BlobWriter {
        let inner =
            BufWriter::with_capacity(self.store.clone(), Key::from(key), PART).with_max_concurrency(1);
        BlobWriter { key: key.to_owned(), inner, written: 0 }
    }

    /// Removes objects; those that are already gone are as good as removed.
    pub async fn delete(&self, keys: &[String]) -> BlobResult<()> {
        for key in keys {
            count("delete");
            match self.store.delete(&Key::from(key.as_str())).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(BlobError::Unavailable(error)),
            }
        }
        Ok(())
    }

    /// All objects whose key begins with the folder `prefix`.
    pub fn list(&self, prefix: &str) -> BoxStream<'static, BlobResult<BlobEntry>> {
        count("list");
        self.store
            .list(Some(&Key::from(prefix)))
            .map_ok(|meta| BlobEntry {
                key: meta.location.to_string(),
                bytes: meta.size,
                modified_at: meta.last_modified.into(),
            })
            .map_err(BlobError::Unavailable)
            .boxed()
    }

    /// The folders directly below the folder `prefix`, by name.
    pub async fn folders(&self, prefix: &str) -> BlobResult<Vec<String>> {
        count("list");
        let listed =
            self.store.list_with_delimiter(Some(&Key::from(prefix))).await.map_err(BlobError::Unavailable)?;
        Ok(listed.common_prefixes.iter().filter_map(|key| key.filename().map(str::to_owned)).collect())
    }
}

/// An object that is being written.
#[derive(Debug)]
pub struct BlobWriter {
    key: String,
    inner: BufWriter,
    written: u64,
}

impl BlobWriter {
    /// Adds bytes. Memory stays below two parts however much is written.
    pub async fn write(&mut self, bytes: Bytes) -> BlobResult<()> {
        self.written += bytes.len() as u64;
        self.inner.put(bytes).await.map_err(|error| refused(&self.key, error))
    }

    /// Makes the object exist. Answers with its size.
    pub async fn finish(mut self) -> BlobResult<u64> {
        count("put");
        self.inner.shutdown().await.map_err(|error| {
            let source = object_store::Error::Generic { store: "upload", source: Box::new(error) };
            refused(&self.key, source)
        })?;
        Ok(self.written)
    }

    /// Leaves nothing behind.
    pub async fn abort(mut self) {
        if let Err(error) = self.inner.abort().await {
            tracing::debug!(%error, "an abandoned upload could not be aborted");
        }
    }
}

fn refused(key: &str, error: object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { .. } => BlobError::Missing(key.to_owned()),
        error => BlobError::Unavailable(error),
    }
}

fn count(op: &'static str) {
    metrics::counter!("forebay_blob_requests_total", "op" => op).increment(1);
}

#[cfg(test)]
mod tests;
