//! Uploads: begun, added to, completed, given up.

use std::time::Duration;

use super::Ground;
use crate::clock::Clock as _;
use crate::file::{NewPart, NewUpload, Part, Piece, Purpose, Upload, UploadStatus};
use crate::id::{PartId, UploadId};
use crate::store::{Cancellation, Completion, PartOutcome};

const HOUR: Duration = Duration::from_hours(1);
/// More than any test's parts have together.
const MOST: u64 = 1_000;

/// Alice's upload of thirty bytes.
async fn begun(ground: &Ground) -> Upload {
    let new = NewUpload {
        id: ground.ids.upload(),
        owner: "alice".to_owned(),
        filename: "lines.jsonl".to_owned(),
        purpose: Purpose::Batch,
        bytes: 30,
        mime_type: "text/jsonl".to_owned(),
        file_life: Some(2 * HOUR),
        life: HOUR,
    };
    let upload = ground.store.create_upload(&new).await.unwrap();
    assert_eq!(upload.expires_at, ground.clock.now().plus(HOUR));
    upload
}

fn new(ground: &Ground, upload: UploadId, bytes: u64) -> NewPart {
    let id = ground.ids.part();
    NewPart { id, upload, object: format!("files/{}", id.0), bytes }
}

async fn added(ground: &Ground, upload: UploadId, bytes: u64) -> Part {
    match ground.store.add_part("alice", &new(ground, upload, bytes), MOST, None).await.unwrap() {
        PartOutcome::Added(part) => part,
        outcome => panic!("{outcome:?}"),
    }
}

pub async fn an_upload_becomes_a_file_of_its_parts(ground: &Ground) {
    let upload = begun(ground).await;
    assert_eq!(ground.store.upload("alice", upload.id).await.unwrap(), Some(upload.clone()));
    let first = added(ground, upload.id, 10).await;
    let unused = added(ground, upload.id, 5).await;
    let second = added(ground, upload.id, 20).await;
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), 35);
    let order = [second.id, first.id];
    assert_eq!(
        ground.store.parts("alice", upload.id, &order).await.unwrap(),
        [second.clone(), first.clone()]
    );
    let id = ground.ids.file();
    let completion = ground.store.complete_upload("alice", upload.id, &order, id).await.unwrap();
    let Completion::Completed(done, Some(file)) = &completion else { panic!("{completion:?}") };
    assert_eq!((done.status, done.file), (UploadStatus::Completed, Some(id)));
    assert_eq!((file.id, file.bytes, file.purpose), (id, 30, Purpose::Batch));
    assert_eq!(file.expires_at, Some(ground.clock.now().plus(2 * HOUR)));
    let (read, pieces) = ground.store.content("alice", id).await.unwrap().unwrap();
    assert_eq!(&read, &**file);
    assert_eq!(pieces, [Piece::own(second.object, 20), Piece::own(first.object, 10)]);
    assert_eq!(ground.store.garbage(10).await.unwrap(), [unused.object]);
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), 30);

    let again = ground.store.complete_upload("alice", upload.id, &order, ground.ids.file()).await.unwrap();
    assert_eq!(again, completion, "whose first answer was lost");
    ground.store.delete_file("alice", id).await.unwrap();
    let later = ground.store.complete_upload("alice", upload.id, &order, ground.ids.file()).await.unwrap();
    assert_eq!(later, Completion::Completed(done.clone(), None));
}

pub async fn an_upload_must_have_what_it_declared(ground: &Ground) {
    let upload = begun(ground).await;
    let part = added(ground, upload.id, 10).await;
    let unknown = PartId(ground.ids.uuid());
    let complete = async |parts: &[PartId]| {
        ground.store.complete_upload("alice", upload.id, parts, ground.ids.file()).await.unwrap()
    };
    assert_eq!(complete(&[part.id]).await, Completion::OtherSize { declared: 30, found: 10 });
    assert_eq!(complete(&[part.id, unknown]).await, Completion::UnknownPart(unknown));
    assert_eq!(complete(&[]).await, Completion::OtherSize { declared: 30, found: 0 });
    added(ground, upload.id, 20).await;
    assert_eq!(ground.store.upload("alice", upload.id).await.unwrap().unwrap().status, UploadStatus::Pending);
}

pub async fn a_cancelled_upload_gives_its_room_back(ground: &Ground) {
    let upload = begun(ground).await;
    let part = added(ground, upload.id, 10).await;
    for _ in 0..2 {
        let cancelled = ground.store.cancel_upload("alice", upload.id).await.unwrap();
        assert!(
            matches!(cancelled, Cancellation::Cancelled(upload) if upload.status == UploadStatus::Cancelled)
        );
    }
    assert_eq!(ground.store.garbage(10).await.unwrap(), [part.object]);
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), 0);
    let late = ground.store.add_part("alice", &new(ground, upload.id, 1), MOST, None).await.unwrap();
    assert_eq!(late, PartOutcome::Ended(UploadStatus::Cancelled));
    let completed = ground.store.complete_upload("alice", upload.id, &[], ground.ids.file()).await.unwrap();
    assert_eq!(completed, Completion::Ended(UploadStatus::Cancelled));
}

pub async fn a_late_upload_expires_with_its_parts(ground: &Ground) {
    let upload = begun(ground).await;
    let part = added(ground, upload.id, 30).await;
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.upload("alice", upload.id).await.unwrap().unwrap().status, UploadStatus::Expired);
    let late = ground.store.add_part("alice", &new(ground, upload.id, 1), MOST, None).await.unwrap();
    assert_eq!(late, PartOutcome::Ended(UploadStatus::Expired));
    let completed =
        ground.store.complete_upload("alice", upload.id, &[part.id], ground.ids.file()).await.unwrap();
    assert_eq!(completed, Completion::Ended(UploadStatus::Expired));
    let cancelled = ground.store.cancel_upload("alice", upload.id).await.unwrap();
    assert_eq!(cancelled, Cancellation::Ended(UploadStatus::Expired));
    assert_eq!(ground.store.expire_uploads(10).await.unwrap(), 1);
    assert_eq!(ground.store.expire_uploads(10).await.unwrap(), 0);
    assert_eq!(ground.store.garbage(10).await.unwrap(), [part.object]);
    assert_eq!(ground.store.upload("alice", upload.id).await.unwrap().unwrap().status, UploadStatus::Expired);
    ground.clock.advance(Duration::from_hours(24));
    ground.store.expire_uploads(10).await.unwrap();
    assert_eq!(ground.store.upload("alice", upload.id).await.unwrap(), None);
}

pub async fn another_owners_upload_is_not_there(ground: &Ground) {
    let upload = begun(ground).await;
    let part = added(ground, upload.id, 30).await;
    let (store, id) = (&ground.store, upload.id);
    assert_eq!(store.upload("bob", id).await.unwrap(), None);
    let his = new(ground, id, 1);
    assert_eq!(store.add_part("bob", &his, MOST, None).await.unwrap(), PartOutcome::Unknown);
    assert_eq!(store.parts("bob", id, &[part.id]).await.unwrap(), []);
    let completed = store.complete_upload("bob", id, &[part.id], ground.ids.file()).await.unwrap();
    assert_eq!(completed, Completion::Unknown);
    assert_eq!(store.cancel_upload("bob", id).await.unwrap(), Cancellation::Unknown);
}

pub async fn parts_are_bounded_together_and_by_their_owners_room(ground: &Ground) {
    let upload = begun(ground).await;
    let add = async |bytes, most, room| {
        ground.store.add_part("alice", &new(ground, upload.id, bytes), most, room).await.unwrap()
    };
    assert!(matches!(add(20, 60, Some(25)).await, PartOutcome::Added(_)));
    assert_eq!(add(6, 60, Some(25)).await, PartOutcome::Full { used: 20 });
    assert_eq!(add(41, 60, None).await, PartOutcome::TooMuch { have: 20 });
    assert!(matches!(add(40, 60, None).await, PartOutcome::Added(_)));
}

pub async fn rows_name_the_objects_of_parts(ground: &Ground) {
    let upload = begun(ground).await;
    let part = added(ground, upload.id, 30).await;
    let asked = [part.object.clone(), "files/orphan".to_owned()];
    assert_eq!(ground.store.named_files(&asked).await.unwrap(), [part.object]);
}
