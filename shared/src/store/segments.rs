//! Segments: stored objects that hold the results of jobs settled together.

use async_trait::async_trait;

use super::StoreResult;
use crate::id::WorkerId;

/// A segment that has been written and is about to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSegment {
    /// Its key in the blob store.
    pub key: String,
    /// Who wrote it.
    pub worker: WorkerId,
    /// Its size.
    pub bytes: u64,
}

/// A range to be blanked, because its job was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blank {
    /// First byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// The exclusive right to rewrite or remove one segment's object, with what is to be done to it.
#[async_trait]
pub trait SegmentLock: Send {
    /// What the object is.
    fn plan(&self) -> &[Blank];

    /// Whether no job lives in it any more, so that it goes as a whole.
    fn is_dead(&self) -> bool;

    /// Records that the object was rewritten or removed, and lets go.
    async fn done(self: Box<Self>) -> StoreResult<()>;
}

/// Segments: counted, blanked, removed.
#[async_trait]
pub trait Segments: Send + Sync {
    /// Locks the segment until the lock is done with or dropped. `None`: there is nothing to do to it, or no such one.
    async fn lock_segment(&self, key: &str) -> StoreResult<Option<Box<dyn SegmentLock>>>;

    /// Segments with blanks to write or no job left, up to `limit`.
    async fn pending_segments(&self, limit: u32) -> StoreResult<Vec<String>>;

    /// Of `keys`, those that have a row: the sweeper spares them.
    async fn recorded_segments(&self, keys: &[String]) -> StoreResult<Vec<String>>;
}
