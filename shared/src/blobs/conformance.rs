//! What every object store must do for us.
#![expect(missing_docs, reason = "the names are sentences")]

use bytes::Bytes;
use futures::TryStreamExt;

use super::{BlobError, Blobs};
use crate::file::Piece;

/// Makes one test of each function for a driver. `$blobs` is an expression that opens it, with what keeps it alive.
#[macro_export]
macro_rules! blobs_conformance {
    ($blobs:expr) => {
        $crate::blobs_conformance!(@tests $blobs, [
            an_object_reads_back_whole_and_in_part,
            a_missing_object_is_told_apart,
            a_streamed_object_reads_back,
            an_unfinished_object_does_not_exist,
            an_object_is_replaced,
            a_content_reads_as_one_however_many_objects_it_stands_in,
            deleting_twice_is_harmless,
            listings_keep_to_their_folder,
        ]);
    };
    (@tests $blobs:expr, [$($name:ident),+ $(,)?]) => {
        mod conformance {
            $(
                #[tokio::test]
                async fn $name() {
                    let blobs = $blobs;
                    $crate::blobs::conformance::$name(&blobs.0).await;
                }
            )+
        }
    };
}

pub async fn an_object_reads_back_whole_and_in_part(blobs: &Blobs) {
    blobs.put("segments/a/1", Bytes::from_static(b"hello world")).await.unwrap();
    assert_eq!(blobs.get("segments/a/1").await.unwrap(), "hello world");
    assert_eq!(blobs.range("segments/a/1", 6..11).await.unwrap(), "world");
    assert_eq!(blobs.range("segments/a/1", 6..6).await.unwrap(), "");
    let parts: Vec<Bytes> = blobs.stream("segments/a/1", 0..5).await.unwrap().try_collect().await.unwrap();
    assert_eq!(parts.concat(), b"hello");
}

pub async fn a_missing_object_is_told_apart(blobs: &Blobs) {
    assert!(matches!(blobs.get("nowhere").await, Err(BlobError::Missing(key)) if key == "nowhere"));
    assert!(matches!(blobs.range("nowhere", 0..1).await, Err(BlobError::Missing(_))));
}

pub async fn a_streamed_object_reads_back(blobs: &Blobs) {
    // More than two parts, so that it is really sent in parts.
    let piece = Bytes::from(vec![7; 1_000_000]);
    let mut writer = blobs.writer("inputs/big");
    for _ in 0..12 {
        writer.write(piece.clone()).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap(), 12_000_000);
    assert_eq!(blobs.get("inputs/big").await.unwrap().len(), 12_000_000);
}

pub async fn an_unfinished_object_does_not_exist(blobs: &Blobs) {
    let mut writer = blobs.writer("inputs/half");
    writer.write(Bytes::from(vec![7; 6_000_000])).await.unwrap();
    writer.abort().await;
    assert!(matches!(blobs.get("inputs/half").await, Err(BlobError::Missing(_))));
}

pub async fn an_object_is_replaced(blobs: &Blobs) {
    blobs.put("a", Bytes::from_static(b"one")).await.unwrap();
    blobs.put("a", Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(blobs.get("a").await.unwrap(), "two");
}

pub async fn a_content_reads_as_one_however_many_objects_it_stands_in(blobs: &Blobs) {
    let mut pieces = Vec::new();
    let mut whole = Vec::new();
    for index in 0..12_u8 {
        let key = format!("files/{index}");
        blobs.put(&key, Bytes::from(vec![index; 10])).await.unwrap();
        pieces.push(Piece { object: key, offset: 2, length: u64::from(index), own: false });
        whole.extend(vec![index; usize::from(index.min(8))]);
    }
    pieces.truncate(9);
    whole.truncate(36);
    for range in [0..36, 3..30, 35..99, 36..40, 5..5] {
        let read: Vec<Bytes> =
            blobs.content(&pieces, range.clone()).await.unwrap().try_collect().await.unwrap();
        let (from, to) = (range.start.min(36), range.end.min(36));
        assert_eq!(
            read.concat(),
            whole[usize::try_from(from).unwrap()..usize::try_from(to).unwrap()],
            "{range:?}"
        );
    }
    let missing = [Piece::own("files/nowhere", 1)];
    assert!(matches!(blobs.content(&missing, 0..1).await, Err(BlobError::Missing(_))));
}

pub async fn deleting_twice_is_harmless(blobs: &Blobs) {
    blobs.put("a", Bytes::from_static(b"one")).await.unwrap();
    blobs.delete(&["a".to_owned(), "b".to_owned()]).await.unwrap();
    blobs.delete(&["a".to_owned()]).await.unwrap();
    assert!(matches!(blobs.get("a").await, Err(BlobError::Missing(_))));
}

pub async fn listings_keep_to_their_folder(blobs: &Blobs) {
    for key in ["segments/a/1", "segments/a/2", "segments/ab/1", "inputs/a/1"] {
        blobs.put(key, Bytes::from_static(b"x")).await.unwrap();
    }
    let mut keys: Vec<String> =
        blobs.list("segments/a").map_ok(|entry| entry.key).try_collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["segments/a/1", "segments/a/2"]);
    let mut folders = blobs.folders("segments").await.unwrap();
    folders.sort();
    assert_eq!(folders, ["a", "ab"]);
}
