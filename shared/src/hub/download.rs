//! Files of a hub become a model's folder; what was fetched before is not fetched again.
//!
//! A file grows under a name of its own and takes its place in the model when its digest is right. Whoever dies leaves it as
//! long as it was, and whoever comes next asks for the rest.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::fs::{self, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::{Choice, Expected, Hub, HubError, Snapshot, Wanted};
use crate::config::Size;
use crate::fetch::{self, FetchError};
use crate::registry::Room;

/// Tries in a row that bring no byte, before the download is given up; and the wait after the first, which doubles.
const TRIES: u32 = 4;
const AGAIN: Duration = Duration::from_millis(500);
/// Bytes that are hashed at once.
const CHUNK: usize = 1 << 20;
/// Where the model's files are, below the folder of a download, and those that are not whole.
const WHOLE: &str = "model";
const PARTS: &str = "parts";

/// Hears how far a download is.
pub trait Watch: Send + Sync {
    /// So many bytes of the file are there.
    fn fetched(&self, file: &Wanted, completed: u64);
    /// The file is being compared with its digest.
    fn verifying(&self, file: &Wanted);
    /// The host wants to be left alone for so long.
    fn waiting(&self, host: &str, wait: Duration);
}

/// What is to be downloaded, and where to.
#[derive(Clone, Debug)]
pub struct Download {
    /// The repository.
    pub snapshot: Snapshot,
    /// Which of its files.
    pub choice: Choice,
    /// A folder that nobody else writes to.
    pub folder: PathBuf,
    /// What stays free of its disk.
    pub reserve: Size,
}

impl Download {
    /// The folder that will be the model.
    pub fn model(&self) -> PathBuf {
        self.folder.join(WHOLE)
    }

    /// Bytes that are not there yet.
    pub async fn missing(&self) -> u64 {
        let mut missing = 0;
        for wanted in &self.choice.files {
            let there = self.there(wanted).await;
            missing += wanted.file.bytes.saturating_sub(there);
        }
        missing
    }

    async fn there(&self, wanted: &Wanted) -> u64 {
        match length(&self.whole(wanted)).await {
            0 => length(&self.part(wanted)).await,
            whole => whole,
        }
    }

    fn whole(&self, wanted: &Wanted) -> PathBuf {
        self.model().join(&wanted.to)
    }

    /// Named by its path's digest, so that folders need not be made, and by the file's, so that another is none of it.
    fn part(&self, wanted: &Wanted) -> PathBuf {
        let digest = wanted.file.expected.as_ref().map(told).unwrap_or_default();
        let name = Sha256::digest(format!("{} {digest}", wanted.to));
        self.folder.join(PARTS).join(hex::encode(&name[..16]))
    }
}

impl Hub {
    /// Brings all files of the download, a few at once, while their disk has room. What has come stays if this fails or is
    /// dropped.
    pub async fn download(&self, download: &Download, watch: &dyn Watch) -> Result<(), HubError> {
        for folder in [download.folder.join(PARTS), download.model()] {
            fs::create_dir_all(&folder).await.map_err(at(&folder))?;
        }
        stream::iter(&download.choice.files)
            .map(Ok)
            .try_for_each_concurrent(self.files, |wanted| self.file(download, wanted, watch))
            .await
    }

    async fn file(&self, download: &Download, wanted: &Wanted, watch: &dyn Watch) -> Result<(), HubError> {
        let (whole, part, bytes) = (download.whole(wanted), download.part(wanted), wanted.file.bytes);
        if fs::try_exists(&whole).await.is_ok_and(|exists| exists) && length(&whole).await == bytes {
            watch.fetched(wanted, bytes);
            return Ok(());
        }
        let Some(expected) = wanted.file.expected else {
            return Err(self.strange(format!("it does not tell the digest of `{}`", wanted.file.path)));
        };
        self.grow(download, wanted, watch).await?;
        watch.verifying(wanted);
        let hashed = part.clone();
        let found = tokio::task::spawn_blocking(move || hash(&hashed, expected, bytes)).await;
        let found = found.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        let found = found.map_err(at(&part))?;
        if found != expected {
            // Nobody goes on with it.
            fs::remove_file(&part).await.map_err(at(&part))?;
            let file = wanted.file.path.clone();
            return Err(HubError::Wrong { file, found: told(&found), expected: told(&expected) });
        }
        if let Some(folder) = whole.parent() {
            fs::create_dir_all(folder).await.map_err(at(folder))?;
        }
        fs::rename(&part, &whole).await.map_err(at(&whole))
    }

    /// Fetches until the file is as long as it should be, however often the connection breaks while bytes come.
    async fn grow(&self, download: &Download, wanted: &Wanted, watch: &dyn Watch) -> Result<(), HubError> {
        let part = download.part(wanted);
        let mut fruitless = 0;
        loop {
            let there = length(&part).await;
            watch.fetched(wanted, there.min(wanted.file.bytes));
            match self.fetch_rest(download, wanted, watch).await {
                Ok(()) => return Ok(()),
                // It has been waited for.
                Err(error @ HubError::Busy { .. }) => return Err(error),
                Err(error) if error.is_transient() => {
                    fruitless = if length(&part).await > there { 0 } else { fruitless + 1 };
                    if fruitless >= TRIES {
                        return Err(error);
                    }
                    tracing::debug!(%error, file = wanted.file.path, "a download goes on");
                    tokio::time::sleep(AGAIN * (1 << fruitless)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn fetch_rest(
        &self,
        download: &Download,
        wanted: &Wanted,
        watch: &dyn Watch,
    ) -> Result<(), HubError> {
        let (part, bytes) = (download.part(wanted), wanted.file.bytes);
        let mut file = OpenOptions::new().create(true).append(true).open(&part).await.map_err(at(&part))?;
        let mut there = file.metadata().await.map_err(at(&part))?.len();
        if there > bytes {
            file.set_len(0).await.map_err(at(&part))?;
            there = 0;
        }
        if there == bytes {
            return Ok(());
        }
        let mut answer = self.open(&download.snapshot, (&wanted.file.path, there), watch).await?;
        let begins = begins(&answer).unwrap_or(there);
        if begins != there {
            if begins != 0 {
                return Err(
                    self.strange(format!("asked for bytes from {there} on it sends those from {begins}"))
                );
            }
            file.set_len(0).await.map_err(at(&part))?;
            there = 0;
        }
        let url = answer.url().clone();
        let host = fetch::host(&url);
        let mut room = Room::new(&download.folder, download.reserve, bytes - there);
        loop {
            let late = || FetchError::Timeout { host: host.clone(), limit: self.timeout };
            let piece = tokio::time::timeout(self.timeout, answer.chunk()).await.map_err(|_| late());
            let piece = match piece {
                Ok(Ok(piece)) => piece,
                Ok(Err(_)) => None,
                Err(late) => {
                    file.flush().await.map_err(at(&part))?;
                    return Err(late.into());
                }
            };
            let Some(piece) = piece else { break };
            there += piece.len() as u64;
            if there > bytes {
                file.set_len(0).await.map_err(at(&part))?;
                return Err(self.strange(format!("`{}` is longer than it told", wanted.file.path)));
            }
            if let Err(full) = room.take(piece.len() as u64) {
                file.flush().await.map_err(at(&part))?;
                return Err(at(&download.folder)(full));
            }
            file.write_all(&piece).await.map_err(at(&part))?;
            watch.fetched(wanted, there);
        }
        file.flush().await.map_err(at(&part))?;
        if there < bytes {
            return Err(HubError::Cut { host, file: wanted.file.path.clone(), sent: there });
        }
        file.sync_all().await.map_err(at(&part))
    }
}

/// The place of an answer's first byte in its file; none if it does not say.
fn begins(answer: &Response) -> Option<u64> {
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return Some(0);
    }
    let range = answer.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

async fn length(path: &Path) -> u64 {
    fs::metadata(path).await.map_or(0, |metadata| metadata.len())
}

/// The digest of a file, of the sort that is expected.
fn hash(path: &Path, expected: Expected, bytes: u64) -> std::io::Result<Expected> {
    let mut file = std::fs::File::open(path)?;
    Ok(match expected {
        Expected::Sha256(_) => Expected::Sha256(read(&mut file, Sha256::new())?.finalize().into()),
        Expected::Git(_) => {
            let header = Sha1::new_with_prefix(format!("blob {bytes}\0"));
            Expected::Git(read(&mut file, header)?.finalize().into())
        }
    })
}

fn read<D: Digest>(file: &mut std::fs::File, mut digest: D) -> std::io::Result<D> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(digest);
        }
        digest.update(&buffer[..read]);
    }
}

fn told(digest: &Expected) -> String {
    match digest {
        Expected::Sha256(digest) => format!("sha256:{}", hex::encode(digest)),
        Expected::Git(digest) => format!("git:{}", hex::encode(digest)),
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> HubError + '_ {
    |source| HubError::File { path: path.to_owned(), source }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
