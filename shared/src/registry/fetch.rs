//! Stored bytes become a file again, whole and right or not at all.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::{Content, ContentDigest, Progress, Room};
use crate::blobs::{BlobError, Blobs};
use crate::config::Size;

/// Why bytes did not become a file.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The object store.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The file cannot be written.
    #[error("{}: {source}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The object's bytes are not those that were stored.
    #[error("the object `{object}` is not what its name says: its SHA-256 is {found}")]
    Wrong {
        /// The object.
        object: String,
        /// What it is instead.
        found: ContentDigest,
    },
}

/// Where stored bytes are written to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The file.
    pub file: &'a Path,
    /// What stays free of its disk.
    pub reserve: Size,
}

/// Writes stored bytes to a file, while its disk has room. It appears under its name when its SHA-256 is right; what dies before leaves a
/// temporary file beside it, whose name begins with a dot.
pub async fn fetch(
    blobs: &Blobs,
    content: &Content,
    to: Target<'_>,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    let refused = |source| FetchError::File { file: to.file.to_owned(), source };
    let folder = to.file.parent().unwrap_or(Path::new("."));
    let mut room = Room::new(folder, to.reserve, content.bytes);
    let beside = NamedTempFile::new_in(folder).map_err(refused)?;
    let mut file = tokio::fs::File::from_std(beside.reopen().map_err(refused)?);
    let mut digest = Sha256::new();
    let mut stream = blobs.stream(&content.object, 0..content.bytes).await?;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        room.take(chunk.len() as u64).map_err(refused)?;
        digest.update(&chunk);
        progress.advance(chunk.len() as u64);
        file.write_all(&chunk).await.map_err(refused)?;
    }
    let found = ContentDigest(digest.finalize().into());
    if found != content.digest {
        return Err(FetchError::Wrong { object: content.object.clone(), found });
    }
    file.sync_all().await.map_err(refused)?;
    beside.persist(to.file).map_err(|error| refused(error.error))?;
    Ok(())
}
