//! What dead writers left: bytes of objects that never came to be, which no listing shows.
//!
//! In a directory they stand beside the object that they were to become, under its name, `#` and a number. What a server has
//! of an upload that nobody finished is the server's own to forget: see docs/decisions.md.

use std::fs;
use std::io;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::{BlobError, BlobResult, Blobs};
use crate::clock::Timestamp;

impl Blobs {
    /// Removes what nobody has written to since `before`, and answers how much of it there was. Living writers write more
    /// often than that, or their objects never come to be.
    pub async fn remove_unfinished(&self, before: Timestamp) -> BlobResult<u64> {
        let Some(directory) = self.directory.clone() else { return Ok(0) };
        match tokio::task::spawn_blocking(move || remove_below(&directory, before)).await {
            Ok(removed) => removed.map_err(|source| {
                BlobError::Unavailable(object_store::Error::Generic {
                    store: "local",
                    source: Box::new(source),
                })
            }),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}

fn remove_below(folder: &Path, before: Timestamp) -> io::Result<u64> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match remove(&entry, before) {
            Ok(more) => removed += more,
            // Somebody else has just finished it, or removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

fn remove(entry: &fs::DirEntry, before: Timestamp) -> io::Result<u64> {
    if entry.file_type()?.is_dir() {
        return remove_below(&entry.path(), before);
    }
    let written: DateTime<Utc> = entry.metadata()?.modified()?.into();
    if !is_unfinished(&entry.file_name().to_string_lossy()) || Timestamp::from(written) >= before {
        return Ok(0);
    }
    fs::remove_file(entry.path())?;
    Ok(1)
}

/// No object is called so: the driver keeps such names for itself.
fn is_unfinished(name: &str) -> bool {
    name.rsplit_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}
