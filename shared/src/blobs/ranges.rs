//! Several ranges of one content, those near each other read together.

use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::try_join_all;

use super::{BlobResult, Blobs};
use crate::file::Piece;

/// Bytes that short ranges may span to be asked for together, with what lies between them.
const STRETCH: u64 = 1024 * 1024;
/// Stretches that are asked for at once.
const AT_ONCE: usize = 4;

impl Blobs {
    /// Reads ranges of a content, each in chunks. Short ones in a row cost a request for each mebibyte they are spread over,
    /// not one each. What lies past the content's end is left out.
    pub async fn ranges(&self, pieces: &[Piece], ranges: &[Range<u64>]) -> BlobResult<Vec<Vec<Bytes>>> {
        let mut read = Vec::with_capacity(ranges.len());
        for some in stretches(ranges).chunks(AT_ONCE) {
            let some = some.iter().map(|stretch| self.stretch(pieces, stretch));
            read.extend(try_join_all(some).await?.into_iter().flatten());
        }
        Ok(read)
    }

    async fn stretch(&self, pieces: &[Piece], ranges: &[Range<u64>]) -> BlobResult<Vec<Vec<Bytes>>> {
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return Ok(Vec::new()) };
        let content = self.content(pieces, first.start..last.end).await?;
        let chunks: Vec<Bytes> = content.try_collect().await?;
        if ranges.len() == 1 {
            return Ok(vec![chunks]);
        }
        let bytes = chunks.concat();
        let place = |at: u64| usize::try_from(at - first.start).map_or(bytes.len(), |at| at.min(bytes.len()));
        // Copied, so that what lies between is not held.
        let part =
            |range: &Range<u64>| vec![Bytes::copy_from_slice(&bytes[place(range.start)..place(range.end)])];
        Ok(ranges.iter().map(part).collect())
    }
}

/// Ranges that are read together: neighbours that go forward and span little.
fn stretches(ranges: &[Range<u64>]) -> Vec<&[Range<u64>]> {
    let mut stretches = Vec::new();
    let mut rest = ranges;
    while let Some((first, others)) = rest.split_first() {
        let mut end = first.end;
        let joins = |range: &&Range<u64>| {
            let follows = range.start >= end && range.end <= first.start + STRETCH;
            end = range.end;
            follows
        };
        let (stretch, others) = rest.split_at(1 + others.iter().take_while(joins).count());
        stretches.push(stretch);
        rest = others;
    }
    stretches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn lines_that_alternate_cost_a_request_for_each_mebibyte() {
        let every_other: Vec<_> = (0..20 * 1024).map(|n| n * 512..n * 512 + 256).collect();
        assert_eq!(stretches(&every_other).len(), 10);
        let far = [0..10, 2 * MIB..2 * MIB + 10, 9 * MIB..17 * MIB, 17 * MIB..17 * MIB + 10];
        assert_eq!(stretches(&far).len(), 4, "what is far apart, or long, is read by itself");
    }

    proptest! {
        #[test]
        fn every_range_reads_as_it_does_alone(
            ranges in prop::collection::vec((0_u64..3000, 0_u64..400), 0..20),
            cuts in prop::collection::vec(1_usize..900, 1..5),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let blobs = Blobs::in_memory();
                let (mut pieces, mut content) = (Vec::new(), Vec::new());
                for (number, length) in cuts.into_iter().enumerate() {
                    let bytes: Vec<u8> =
                        (content.len()..content.len() + length).map(|n| n.to_le_bytes()[0]).collect();
                    let key = format!("files/{number}");
                    blobs.put(&key, Bytes::copy_from_slice(&bytes)).await.unwrap();
                    pieces.push(Piece::own(key, length as u64));
                    content.extend(bytes);
                }
                let ranges: Vec<_> = ranges.into_iter().map(|(from, length)| from..from + length).collect();
                let read = blobs.ranges(&pieces, &ranges).await.unwrap();
                assert_eq!(read.len(), ranges.len());
                for (range, chunks) in ranges.iter().zip(read) {
                    let place = |at: u64| usize::try_from(at).unwrap().min(content.len());
                    assert_eq!(chunks.concat(), &content[place(range.start)..place(range.end)]);
                }
            });
        }
    }
}
