//! What items are made of: read from rows and objects, or fetched.

use std::sync::Arc;

use bytes::Bytes;
use forebay_shared::blobs::Blobs;
use forebay_shared::config::Size;
use forebay_shared::fetch::Fetcher;
use forebay_shared::job::{Claimed, Failure, FailureCode, ImageSource, Item, ItemsAt};
use forebay_shared::shutdown::Tasks;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::lines::{LineSource, blob_failure};
use super::memory::{Held, Memory};
use crate::plan::Plan;

/// What a process allows its readers, over all lanes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Pictures that are read or fetched at once.
    pub fetches: usize,
    /// Preparations that use a processor at once.
    pub processors: usize,
    /// Bytes of pictures that are held at once.
    pub memory: Size,
    /// How large a picture's file may be.
    pub largest_file: Size,
}

/// Reads what items are made of, within the process's bounds.
#[derive(Clone, Debug)]
pub struct Reader {
    blobs: Blobs,
    fetcher: Fetcher,
    lines: LineSource,
    fetches: Arc<Semaphore>,
    processors: Arc<Semaphore>,
    memory: Memory,
}

/// A picture's file, and the room it takes.
#[derive(Debug)]
pub(super) struct File {
    pub(super) bytes: Bytes,
    pub(super) room: Held,
}

/// A picture's file that may be decoded now.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _processor: Option<SemaphorePermit<'a>>,
    /// What it may take to decode the file.
    pub(super) room: Held,
}

impl Reader {
    /// A reader with these bounds.
    pub fn new(blobs: Blobs, fetcher: Fetcher, lines: LineSource, bounds: Bounds) -> Self {
        Self {
            blobs,
            fetcher,
            lines,
            fetches: Arc::new(Semaphore::new(bounds.fetches)),
            processors: Arc::new(Semaphore::new(bounds.processors)),
            memory: Memory::new(bounds.memory, bounds.largest_file),
        }
    }

    /// A job's items; of a slice, how its lines are to be answered too.
    pub(super) async fn items(
        &self,
        claimed: &Claimed,
        tasks: &Tasks,
    ) -> Result<(Vec<Item>, Option<Plan>), Failure> {
        let stored = match &claimed.items {
            ItemsAt::Row(stored) => Bytes::copy_from_slice(stored.as_bytes()),
            ItemsAt::Blob(key) => self.blobs.get(key).await.map_err(|error| blob_failure(&error))?,
            ItemsAt::File { file, lines } => {
                let read = self.lines.read(&self.blobs, tasks, (claimed, file, lines)).await;
                return read.map(|(items, plan)| (items, Some(plan)));
            }
        };
        ItemsAt::decode(&stored)
            .map(|items| (items, None))
            .map_err(|error| Failure::permanent(FailureCode::Internal, format!("stored items: {error}")))
    }

    /// A picture's file. One that stands in the job's row is small and counts for nothing.
    pub(super) async fn file(&self, source: ImageSource) -> Result<File, Failure> {
        if let ImageSource::Inline(bytes) = source {
            return Ok(File { bytes: bytes.into(), room: Held::nothing() });
        }
        let mut room = self.memory.for_file().await;
        let _permit = self.fetches.acquire().await;
        let bytes = match source {
            ImageSource::Inline(bytes) => bytes.into(),
            ImageSource::Blob(key) => self.blobs.get(&key).await.map_err(|error| blob_failure(&error))?,
            ImageSource::Url(url) => self.fetcher.picture(&url).await.map_err(|error| {
                let code =
                    if error.is_refusal() { FailureCode::FetchRefused } else { FailureCode::FetchFailed };
                let failure = Failure::permanent(code, &error).after(error.retry_after());
                Failure { retryable: error.is_transient(), ..failure }
            })?,
        };
        room.shrink(bytes.len());
        Ok(File { bytes, room })
    }

    /// Waits for a processor.
    pub(super) async fn turn(&self) -> Turn<'_> {
        Turn { _processor: self.processors.acquire().await.ok(), room: Held::nothing() }
    }

    /// Waits for a processor and for room to decode this file.
    pub(super) async fn turn_for(&self, file: &[u8]) -> Turn<'_> {
        let room = self.memory.for_pixels(file).await;
        Turn { _processor: self.processors.acquire().await.ok(), room }
    }
}
