//! Contents that stand in several objects, read as one.

use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream::{self, BoxStream};

use super::{BlobResult, Blobs};
use crate::file::{self, Piece};

/// Pieces that are asked for before they are needed, so that a request to the object store is not waited for at each.
const AHEAD: usize = 4;

impl Blobs {
    /// Reads a range of a content bit by bit. What lies past its end is left out; the first object is asked for at once,
    /// so that one that is missing is told here.
    pub async fn content(
        &self,
        pieces: &[Piece],
        range: Range<u64>,
    ) -> BlobResult<BoxStream<'static, BlobResult<Bytes>>> {
        let located = file::locate(pieces, range);
        let mut located =
            located.into_iter().map(|(key, range)| (key.to_owned(), range)).collect::<Vec<_>>().into_iter();
        let Some((key, range)) = located.next() else { return Ok(stream::empty().boxed()) };
        let first = self.stream(&key, range).await?;
        let blobs = self.clone();
        let rest = stream::iter(located)
            .map(move |(key, range)| {
                let blobs = blobs.clone();
                async move { blobs.stream(&key, range).await }
            })
            .buffered(AHEAD)
            .try_flatten();
        Ok(first.chain(rest).boxed())
    }
}
