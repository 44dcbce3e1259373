//! An archive that arrives bit by bit, and is a file for as long as it is wanted.

use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::{ImportError, Registrar, Scratch, import, room};
use crate::config::RegistryConfig;

/// Bytes after which the disk is looked at again.
const LOOK: u64 = 64 * 1024 * 1024;

/// An archive that arrives. It goes when this is dropped, and if the process dies before, as [`Scratch`] says.
#[derive(Debug)]
pub struct Arrival {
    scratch: Scratch,
    at: PathBuf,
    file: File,
    limits: RegistryConfig,
    bytes: u64,
    /// Of these, when the disk was last looked at.
    looked: u64,
}

impl Registrar {
    /// An archive of which nothing has arrived yet.
    pub async fn receive(&self) -> Result<Arrival, ImportError> {
        let scratch = self.scratch().await?;
        let at = scratch.path().join("archive");
        let file = File::create_new(&at).await;
        let file = file.map_err(|source| ImportError::File { file: at.clone(), source })?;
        Ok(Arrival { scratch, at, file, limits: self.limits_now(), bytes: 0, looked: 0 })
    }
}

impl Arrival {
    /// Adds bytes; more than a model may have, or than the disk has room for, are refused.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limits.max_bytes.bytes() {
            return Err(ImportError::Archive { limit: self.limits.max_bytes });
        }
        let refused = |source| ImportError::File { file: self.at.clone(), source };
        if self.looked == 0 || self.bytes - self.looked > LOOK {
            room::check(&self.scratch.path(), LOOK, self.limits.disk_reserve).map_err(refused)?;
            self.looked = self.bytes;
        }
        self.file.write_all(bytes).await.map_err(refused)
    }

    /// Where it is, once all of it has arrived.
    pub async fn whole(&mut self) -> Result<&Path, ImportError> {
        let flushed = self.file.flush().await;
        flushed.map_err(|source| ImportError::File { file: self.at.clone(), source })?;
        Ok(&self.at)
    }

    /// Removes it where that delays nobody.
    pub async fn discard(self) {
        import::discard(self.scratch).await;
    }
}
