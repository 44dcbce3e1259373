//! Segments: results that are settled together in one object, and their removal.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use crate::blobs::{BlobError, Blobs};
use crate::id::WorkerId;
use crate::store::{NewSegment, Segments, StoreError};

/// A segment is closed when it has grown to this size: large enough to share a request, small enough to rewrite when one
/// of its jobs is deleted.
pub const SEGMENT_LIMIT: usize = 8 * 1024 * 1024;

/// A segment that is being filled.
#[derive(Debug, Default)]
pub struct SegmentBuilder(BytesMut);

impl SegmentBuilder {
    /// Adds a result; answers with its first byte and its length.
    pub fn push(&mut self, result: &[u8]) -> (u64, u64) {
        let offset = self.0.len() as u64;
        self.0.extend_from_slice(result);
        (offset, result.len() as u64)
    }

    /// Whether another result of this size is better put elsewhere.
    pub fn is_full_for(&self, result: &[u8]) -> bool {
        !self.0.is_empty() && self.0.len() + result.len() > SEGMENT_LIMIT
    }

    /// The object and its row.
    pub fn finish(self, worker: WorkerId, sequence: u64) -> (NewSegment, Bytes) {
        let key = format!("{}/{sequence:010}", folder(worker));
        (NewSegment { key, worker, bytes: self.0.len() as u64 }, self.0.freeze())
    }
}

/// Where a worker writes its segments.
pub fn folder(worker: WorkerId) -> String {
    format!("segments/{worker}")
}

/// Why a segment could not be cleaned. Its work stays noted, so the next sweep does it.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object could not be rewritten.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Does what the segment's row says is to be done to its object: blanks the ranges of deleted jobs, or removes it when
/// no job lives in it. Two callers never rewrite the same object at once.
pub async fn clean<S: Segments + ?Sized>(store: &S, blobs: &Blobs, key: &str) -> Result<(), CleanError> {
    let Some(lock) = store.lock_segment(key).await? else { return Ok(()) };
    if lock.is_dead() {
        blobs.delete(&[key.to_owned()]).await?;
    } else {
        let object = blobs.get(key).await?;
        let ranges = lock.plan().iter().map(|blank| blank.offset..blank.offset + blank.length);
        blobs.put(key, blanked(&object, ranges)).await?;
    }
    lock.done().await?;
    Ok(())
}

/// The object with those ranges filled with spaces.
fn blanked(object: &[u8], ranges: impl Iterator<Item = Range<u64>>) -> Bytes {
    let mut bytes = BytesMut::from(object);
    for range in ranges {
        let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(bytes.len());
        let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(bytes.len());
        bytes[start..end].fill(b' ');
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fresh_ids;

    #[test]
    fn results_stand_one_after_the_other() {
        let mut builder = SegmentBuilder::default();
        assert_eq!(builder.push(b"one"), (0, 3));
        assert_eq!(builder.push(b"three"), (3, 5));
        let worker = fresh_ids().worker();
        let (row, object) = builder.finish(worker, 7);
        assert_eq!(row.key, format!("segments/{worker}/0000000007"));
        assert_eq!((row.bytes, &object[..]), (8, &b"onethree"[..]));
    }

    #[test]
    fn a_large_result_still_finds_an_empty_segment() {
        let mut builder = SegmentBuilder::default();
        let large = vec![0; SEGMENT_LIMIT + 1];
        assert!(!builder.is_full_for(&large));
        builder.push(&large);
        assert!(builder.is_full_for(b"x"));
    }

    #[test]
    fn blanking_leaves_the_neighbours() {
        assert_eq!(blanked(b"aabbcc", std::iter::once(2..4)), "aa  cc");
        assert_eq!(blanked(b"aabbcc", std::iter::once(4..99)), "aabb  ");
    }
}
