//! Files: stored, read, listed, removed, with what is theirs.

use std::time::Duration;

use super::{Ground, ended};
use crate::clock::Clock as _;
use crate::file::{File, FileStatus, NewFile, Piece, Purpose};
use crate::id::FileId;
use crate::job::Ending;
use crate::store::{Blank, DeleteOutcome, FileFilter, FilePage, NewSegment, Stored};

const HOUR: Duration = Duration::from_hours(1);

/// A file of ten bytes that `owner` has not stored yet.
fn new(ground: &Ground, owner: &str) -> NewFile {
    ground.clock.advance(Duration::from_millis(1));
    let id = ground.ids.file();
    NewFile {
        id,
        owner: owner.to_owned(),
        filename: "lines.jsonl".to_owned(),
        purpose: Purpose::Batch,
        status: FileStatus::Processed,
        pieces: vec![Piece::own(format!("files/{}", id.0), 10)],
        life: None,
    }
}

async fn stored(ground: &Ground, file: &NewFile) -> File {
    match ground.store.create_file(file, None).await.unwrap() {
        Stored::Stored(file) => file,
        Stored::Full { used } => panic!("{used} bytes are no limit"),
    }
}

/// A segment with one job's result of ten bytes.
async fn segment(ground: &Ground) -> (crate::id::JobId, NewSegment) {
    let (worker, claimed) = ground.claimed().await;
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&segment)).await);
    (claimed.id, segment)
}

fn page(after: Option<FileId>, oldest_first: bool, limit: u32) -> FilePage {
    FilePage { after, oldest_first, limit }
}

pub async fn a_stored_file_reads_back_as_it_was(ground: &Ground) {
    let new = NewFile { life: Some(HOUR), ..new(ground, "alice") };
    let file = stored(ground, &new).await;
    let now = ground.clock.now();
    assert_eq!((file.bytes, file.created_at, file.expires_at), (10, now, Some(now.plus(HOUR))));
    assert_eq!(ground.store.file("alice", new.id).await.unwrap(), Some(file.clone()));
    assert_eq!(ground.store.content("alice", new.id).await.unwrap(), Some((file, new.pieces)));
}

pub async fn another_owners_file_is_not_there(ground: &Ground) {
    let new = new(ground, "alice");
    stored(ground, &new).await;
    assert_eq!(ground.store.file("bob", new.id).await.unwrap(), None);
    assert_eq!(ground.store.content("bob", new.id).await.unwrap(), None);
    assert_eq!(ground.store.files("bob", &FileFilter::default(), page(None, false, 10)).await.unwrap(), []);
    assert_eq!(ground.store.stored_bytes("bob").await.unwrap(), 0);
    assert!(!ground.store.mark_file("bob", new.id, FileStatus::Error).await.unwrap());
    let piece = (1, Piece::own("files/his", 1));
    assert!(!ground.store.add_pieces("bob", new.id, &[piece]).await.unwrap());
    assert!(!ground.store.delete_file("bob", new.id).await.unwrap());
    assert!(ground.store.file("alice", new.id).await.unwrap().is_some());
}

pub async fn files_are_listed_in_both_directions_in_pages(ground: &Ground) {
    let mut ids = Vec::new();
    for purpose in [Purpose::Batch, Purpose::Vision, Purpose::Batch, Purpose::Batch] {
        let new = NewFile { purpose, ..new(ground, "alice") };
        stored(ground, &new).await;
        ids.push(new.id);
    }
    let list = async |filter: FileFilter, page| -> Vec<FileId> {
        let files = ground.store.files("alice", &filter, page).await.unwrap();
        files.into_iter().map(|file| file.id).collect()
    };
    let any = FileFilter::default();
    assert_eq!(list(any, page(None, true, 3)).await, ids[..3]);
    assert_eq!(list(any, page(Some(ids[2]), true, 3)).await, ids[3..]);
    assert_eq!(list(any, page(None, false, 2)).await, [ids[3], ids[2]]);
    assert_eq!(list(any, page(Some(ids[2]), false, 2)).await, [ids[1], ids[0]]);
    let batch = FileFilter { purpose: Some(Purpose::Batch) };
    assert_eq!(list(batch, page(None, true, 10)).await, [ids[0], ids[2], ids[3]]);
    assert_eq!(list(batch, page(Some(ids[2]), false, 10)).await, [ids[0]]);
}

pub async fn a_file_grows_by_pieces_once_each(ground: &Ground) {
    let new = NewFile { pieces: Vec::new(), ..new(ground, "alice") };
    stored(ground, &new).await;
    let (_, segment) = segment(ground).await;
    let second = (7, Piece::of_segment(segment.key, 0, 4));
    let first = (3, Piece::own(format!("files/{}", ground.ids.uuid()), 5));
    assert!(ground.store.add_pieces("alice", new.id, std::slice::from_ref(&second)).await.unwrap());
    assert!(ground.store.add_pieces("alice", new.id, &[first.clone(), second.clone()]).await.unwrap());
    assert!(ground.store.mark_file("alice", new.id, FileStatus::Uploaded).await.unwrap());
    let (file, pieces) = ground.store.content("alice", new.id).await.unwrap().unwrap();
    assert_eq!(pieces, [first.1, second.1]);
    assert_eq!((file.bytes, file.status), (9, FileStatus::Uploaded));
    assert_eq!(ground.store.file("alice", new.id).await.unwrap(), Some(file));
}

pub async fn a_deleted_files_own_objects_are_garbage(ground: &Ground) {
    let kept = new(ground, "alice");
    let gone = NewFile {
        pieces: vec![Piece::own("files/one", 3), Piece::own("files/two", 4), Piece::own("files/one", 2)],
        ..new(ground, "alice")
    };
    stored(ground, &kept).await;
    stored(ground, &gone).await;
    assert!(ground.store.delete_file("alice", gone.id).await.unwrap());
    assert!(!ground.store.delete_file("alice", gone.id).await.unwrap());
    assert_eq!(ground.store.file("alice", gone.id).await.unwrap(), None);
    assert_eq!(ground.store.garbage(10).await.unwrap(), ["files/one", "files/two"]);
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), 10);
    assert!(ground.store.file("alice", kept.id).await.unwrap().is_some());
}

pub async fn a_file_keeps_the_segments_it_names(ground: &Ground) {
    let (job, segment) = segment(ground).await;
    let new = NewFile {
        pieces: vec![Piece::of_segment(&segment.key, 0, 4), Piece::of_segment(&segment.key, 6, 4)],
        ..new(ground, "alice")
    };
    stored(ground, &new).await;
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.purge(10).await.unwrap(), 1);
    assert!(ground.store.job("alice", job).await.unwrap().is_none());
    assert!(ground.store.pending_segments(10).await.unwrap().is_empty(), "the file lives in it");

    assert!(ground.store.delete_file("alice", new.id).await.unwrap());
    assert_eq!(ground.store.pending_segments(10).await.unwrap(), [segment.key.as_str()]);
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("it is to be removed");
    assert!(lock.is_dead());
    assert!(ground.store.garbage(10).await.unwrap().is_empty(), "a segment is never a file's own");
}

pub async fn a_deleted_file_is_blanked_where_others_live(ground: &Ground) {
    let (job, segment) = segment(ground).await;
    let new = NewFile { pieces: vec![Piece::of_segment(&segment.key, 2, 4)], ..new(ground, "alice") };
    stored(ground, &new).await;
    assert!(ground.store.delete_file("alice", new.id).await.unwrap());
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("there is a blank to write");
    assert!(!lock.is_dead());
    assert_eq!(lock.plan(), [Blank { offset: 2, length: 4 }]);
    lock.done().await.unwrap();
    assert_eq!(ground.store.delete("alice", job).await.unwrap(), DeleteOutcome::Deleted);
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().expect("it is to be removed").is_dead());
}

pub async fn a_file_past_its_expiry_is_gone_before_it_is_removed(ground: &Ground) {
    let short = NewFile { life: Some(HOUR), ..new(ground, "alice") };
    let long = new(ground, "alice");
    stored(ground, &short).await;
    stored(ground, &long).await;
    assert_eq!(ground.store.expire_files(10).await.unwrap(), 0);
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.file("alice", short.id).await.unwrap(), None);
    assert!(!ground.store.delete_file("alice", short.id).await.unwrap());
    let listed = ground.store.files("alice", &FileFilter::default(), page(None, false, 10)).await.unwrap();
    assert_eq!(listed.iter().map(|file| file.id).collect::<Vec<_>>(), [long.id]);
    assert_eq!(ground.store.expire_files(10).await.unwrap(), 1);
    assert_eq!(ground.store.expire_files(10).await.unwrap(), 0);
    assert_eq!(ground.store.garbage(10).await.unwrap(), [short.pieces[0].object.as_str()]);
}

pub async fn a_full_owner_stores_no_more(ground: &Ground) {
    let files: Vec<_> = (0..4).map(|_| new(ground, "alice")).collect();
    let other = new(ground, "bob");
    let stored =
        futures::future::join_all(files.iter().map(|file| ground.store.create_file(file, Some(25)))).await;
    let full: Vec<_> =
        stored.into_iter().filter(|stored| matches!(stored, Ok(Stored::Full { used: 20 }))).collect();
    assert_eq!(full.len(), 2, "two fit, however many come at once");
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), 20);
    assert!(matches!(ground.store.create_file(&other, Some(25)).await, Ok(Stored::Stored(_))));
    let unbounded = new(ground, "alice");
    assert!(matches!(ground.store.create_file(&unbounded, None).await, Ok(Stored::Stored(_))));
}

pub async fn rows_name_the_objects_of_files(ground: &Ground) {
    let (_, segment) = segment(ground).await;
    let new = NewFile {
        pieces: vec![Piece::own("files/one", 3), Piece::of_segment(&segment.key, 0, 4)],
        ..new(ground, "alice")
    };
    stored(ground, &new).await;
    let asked = ["files/one".to_owned(), "files/orphan".to_owned(), segment.key];
    assert_eq!(ground.store.named_files(&asked).await.unwrap(), ["files/one"]);
}
