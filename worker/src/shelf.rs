//! Media on their way to the object store, as soon as their item has run.
//!
//! So none waits in memory for the other items of its job: a job of a thousand pictures never holds more of them than the
//! room for pictures has. What no row will name stands under the worker's id, and is swept when that is dead.

use std::time::Duration;

use bytes::Bytes;
use forebay_shared::blobs::Blobs;
use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::{Failure, FailureCode, Lease, MediaFile, Output};

use crate::cache::{Cache, Keep};
use crate::lease::Board;
use crate::pipeline::Answer;

/// The first and the longest wait before asking a store that was away again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// An item's answer, its media stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Shelved {
    /// The typed value.
    pub output: Output,
    /// Where its media are.
    pub files: Vec<MediaFile>,
    /// Whether it was kept from earlier.
    pub cached: bool,
    /// Under what it may be kept.
    pub keep: Option<Keep>,
}

/// What became of an item.
pub type Ended = Result<Shelved, Failure>;

impl From<Output> for Shelved {
    fn from(output: Output) -> Self {
        Self { output, files: Vec::new(), cached: false, keep: None }
    }
}

/// Whose media they are.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// The job.
    pub job: JobId,
    /// Its attempt.
    pub lease: Lease,
    /// The item's place in it.
    pub item: u32,
}

/// Puts objects into the store while their lease is held.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// Where objects go.
    pub blobs: Blobs,
    /// Which lease is held.
    pub board: Board,
    /// Which answers are kept.
    pub cache: Cache,
}

impl Shelf {
    /// Stores an answer's media.
    pub async fn store(&self, Label { job, lease, item }: Label, answer: Answer) -> Ended {
        let Lease { worker, attempt } = lease;
        let mut files = Vec::with_capacity(answer.media.len());
        for (n, medium) in answer.media.into_iter().enumerate() {
            // A job that is retried runs again here while what it had before is still to be removed.
            let key = format!("media/{worker}/{job}/{attempt}-{item}-{n}");
            let bytes = medium.bytes.len() as u64;
            if !self.put(worker, &key, medium.bytes).await {
                // Nobody hears it: without its lease the job runs elsewhere.
                return Err(Failure::transient(
                    FailureCode::Internal,
                    "the lease went before a medium was stored",
                ));
            }
            files.push(MediaFile { item, key, content_type: medium.content_type, bytes });
        }
        Ok(Shelved { files, ..Shelved::from(answer.output) })
    }

    /// Writes an object, however long the store is away. `false`: the lease went first.
    pub async fn put(&self, worker: WorkerId, key: &str, bytes: Bytes) -> bool {
        let mut wait = AGAIN.0;
        loop {
            match self.blobs.put(key, bytes.clone()).await {
                Ok(()) => return true,
                Err(error) if self.board.holds(worker) => {
                    tracing::warn!(%error, "results wait for the object store");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(AGAIN.1);
                }
                Err(_) => return false,
            }
        }
    }
}
