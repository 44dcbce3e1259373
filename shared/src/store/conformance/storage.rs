//! What owners keep: files and models as they stand, jobs as they were last counted.

use super::{Ground, ended};
use crate::job::{Ending, ItemsAt, MediaFile, NewJob};
use crate::registry::{Content, ContentDigest, ModelFile, NewModel};
use crate::store::{CopyOutcome, DeleteOutcome, PutOutcome, Removal};

pub async fn jobs_count_once_they_are_counted(ground: &Ground) {
    let items = ItemsAt::Row("[1,2,3]".to_owned());
    let with_inputs = NewJob { items, blobs: vec!["inputs/1".to_owned()], blob_bytes: 500, ..ground.job() };
    ground.store.submit(&[with_inputs]).await.unwrap();
    let worker = ground.worker().await;
    let done = NewJob { items: ItemsAt::Blob("inputs/2/items".to_owned()), blob_bytes: 40, ..ground.job() };
    ground.store.submit(std::slice::from_ref(&done)).await.unwrap();
    let [claimed] = &ground.store.claim(worker, &[done.id]).await.unwrap()[..] else {
        panic!("it is claimed")
    };
    let media = |key: &str, bytes| MediaFile {
        item: 0,
        key: key.to_owned(),
        content_type: "image/png".to_owned(),
        bytes,
    };
    let mut settlement = ended(claimed, Ending::Succeeded);
    settlement.files = vec![media("media/1", 1000), media("media/2", 2000)];
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, settlement, Some(&segment)).await);

    assert!(!ground.store.is_full("alice", 1).await.unwrap(), "nothing was counted yet");
    ground.store.count_storage().await.unwrap();
    // Items in the row, objects; a result of ten bytes, media, an object.
    let all = (7 + 500) + (10 + 3000 + 40);
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), all);
    assert!(ground.store.is_full("alice", all).await.unwrap());
    assert!(!ground.store.is_full("alice", all + 1).await.unwrap());
    assert!(!ground.store.is_full("bob", 1).await.unwrap());
}

pub async fn an_owners_models_count_as_they_stand(ground: &Ground) {
    let content = Content::at(ContentDigest([1; 32]), ground.ids.uuid(), 700);
    ground.store.record_content(&content).await.unwrap();
    let file = ModelFile { path: "model.onnx".to_owned(), digest: content.digest, bytes: content.bytes };
    for (owner, name) in [(Some("alice"), "mood"), (Some("bob"), "bobs"), (None, "everybodys")] {
        let (owner, name, source) = (owner.map(str::to_owned), name.to_owned(), "test".to_owned());
        let model = NewModel { owner, name, source, files: vec![file.clone()], card: None };
        assert!(matches!(ground.store.put_model(&model).await.unwrap(), PutOutcome::Put(..)));
    }
    let copied = ground.store.copy_model((None, "everybodys"), (Some("alice"), "copy")).await.unwrap();
    assert!(matches!(copied, CopyOutcome::Copied(_)));
    assert_eq!(
        ground.store.stored_bytes("alice").await.unwrap(),
        1400,
        "a copy counts as if it were stored again"
    );
    assert!(ground.store.is_full("alice", 1400).await.unwrap());
    assert!(
        ground.store.is_full("bob", 700).await.unwrap() && !ground.store.is_full("bob", 701).await.unwrap()
    );
    for (owner, name, count) in
        [("alice", "mood", 1), ("alice", "new", 2), ("bob", "mood", 1), ("carol", "x", 0)]
    {
        assert_eq!(ground.store.models_besides(owner, name).await.unwrap(), count, "{owner}, {name}");
    }
    assert_eq!(ground.store.delete_model(Some("alice"), "copy").await.unwrap(), Removal::Deleted);
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), 700);
}

pub async fn an_owner_without_jobs_keeps_nothing(ground: &Ground) {
    let job = NewJob { blob_bytes: 500, ..ground.job() };
    ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
    ground.store.count_storage().await.unwrap();
    assert!(ground.store.is_full("alice", 500).await.unwrap());
    assert_eq!(ground.store.delete("alice", job.id).await.unwrap(), DeleteOutcome::Deleted);
    ground.store.count_storage().await.unwrap();
    assert_eq!(ground.store.stored_bytes("alice").await.unwrap(), 0);
    assert!(!ground.store.is_full("alice", 1).await.unwrap());
}
