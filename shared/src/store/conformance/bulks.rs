//! Bulks: made, read, listed, cancelled, forgotten.

pub(super) mod fixtures;

use super::Ground;
use crate::bulk::{BulkStatus, Cut, Form, Layout, NewBulk};
use crate::clock::Clock as _;
use crate::job::{Ending, Status};
use crate::store::{BulkCancelOutcome, BulkPage};
use fixtures::{
    ANSWERS, HOUR, answer, answered, claim, cut, end, file, new, read, running, settlement, validating,
};

pub async fn a_bulk_reads_back_as_it_was(ground: &Ground) {
    let file = file(ground, "alice").await;
    let layout = Layout::Csv { column: "text".to_owned(), id_column: None, delimiter: b';' };
    let new = NewBulk { layout, ..new(ground, file) };
    let bulk = ground.store.create_bulk(&new).await.unwrap().unwrap();
    assert_eq!((bulk.status, bulk.version), (BulkStatus::Validating, 1));
    assert_eq!((bulk.form, bulk.file, &bulk.endpoint), (new.form, file, &new.endpoint));
    assert_eq!(bulk.layout, new.layout);
    assert_eq!((bulk.keep, bulk.window.as_str(), &bulk.metadata), (new.keep, "1h", &new.metadata));
    let now = ground.clock.now();
    assert_eq!((bulk.times.created_at, bulk.times.expires_at), (now, now.plus(HOUR)));
    assert_eq!(read(ground, new.id).await, bulk);
    assert_eq!(ground.store.unread_bulks(10).await.unwrap(), [bulk]);
}

pub async fn another_owners_bulk_and_file_are_not_there(ground: &Ground) {
    let bulk = validating(ground).await;
    assert_eq!(ground.store.bulk("bob", bulk.id).await.unwrap(), None);
    assert_eq!(ground.store.cancel_bulk("bob", bulk.id).await.unwrap(), BulkCancelOutcome::Unknown);
    let page = BulkPage { form: None, after: None, limit: 10 };
    assert!(ground.store.bulks("bob", page).await.unwrap().is_empty());
    let theirs = file(ground, "bob").await;
    assert_eq!(ground.store.create_bulk(&new(ground, theirs)).await.unwrap(), None);
    assert_eq!(read(ground, bulk.id).await.status, BulkStatus::Validating);
}

pub async fn bulks_are_listed_from_the_newest_in_pages(ground: &Ground) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, validating(ground).await.id);
    }
    let native = NewBulk { form: Form::Native, ..new(ground, file(ground, "alice").await) };
    ground.store.create_bulk(&native).await.unwrap().unwrap();
    let listed = async |form, after, limit| {
        let page = BulkPage { form, after, limit };
        let bulks = ground.store.bulks("alice", page).await.unwrap();
        bulks.into_iter().map(|bulk| bulk.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(Some(Form::Openai), None, 2).await, ids[..2]);
    assert_eq!(listed(Some(Form::Openai), Some(ids[1]), 2).await, ids[2..]);
    assert_eq!(listed(None, None, 1).await, [native.id]);
}

pub async fn a_cancelled_bulk_keeps_what_was_done(ground: &Ground) {
    let (bulk, cut) = running(ground, 3).await;
    let worker = ground.worker().await;
    let first_two = Cut { slices: cut.slices[..2].to_vec(), ..cut.clone() };
    let claimed = claim(ground, worker, &first_two).await;
    assert!(answer(ground, worker, &claimed[0], &ground.segment(worker, 100)).await);
    let outcome = ground.store.cancel_bulk("alice", bulk.id).await.unwrap();
    let BulkCancelOutcome::Cancelling(cancelling) = outcome else { panic!("it stops: {outcome:?}") };
    assert_eq!(cancelling.status, BulkStatus::Cancelling);
    assert!(matches!(
        ground.store.cancel_bulk("alice", bulk.id).await.unwrap(),
        BulkCancelOutcome::Cancelling(_)
    ));
    assert!(ground.read(claimed[1].id).await.cancel_requested);
    assert_eq!(ground.read(cut.slices[2].0.id).await.status, Status::Cancelled);
    let stopped = settlement(&claimed[1], Ending::Cancelled);
    ground.store.settle_slice(worker, &stopped, ANSWERS, &ground.segment(worker, 100)).await.unwrap();
    let ended = end(ground, bulk.id).await.expect("one slice was not begun");
    assert_eq!(ended.status, BulkStatus::Cancelled);
    assert_eq!((ended.counts.completed, ended.counts.failed), (16, 14));
    assert!(matches!(
        ground.store.cancel_bulk("alice", bulk.id).await.unwrap(),
        BulkCancelOutcome::AlreadyEnded(_)
    ));
}

pub async fn a_bulk_that_is_being_read_can_be_cancelled(ground: &Ground) {
    let bulk = validating(ground).await;
    ground.store.cancel_bulk("alice", bulk.id).await.unwrap();
    assert!(ground.store.unread_bulks(10).await.unwrap().is_empty());
    assert!(!ground.store.cut_bulk(bulk.id, &cut(ground, bulk.id, 1)).await.unwrap());
    assert_eq!(end(ground, bulk.id).await.unwrap().status, BulkStatus::Cancelled);
}

pub async fn a_bulk_is_forgotten_with_its_slices_and_not_before(ground: &Ground) {
    let (bulk, _, claimed, segment) = answered(ground).await;
    ground.clock.advance(HOUR * 23);
    assert_eq!((ground.store.purge_bulks(10).await.unwrap(), ground.store.purge(10).await.unwrap()), (0, 0));
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.purge_bulks(10).await.unwrap(), 1);
    assert_eq!(ground.store.expire_files(10).await.unwrap(), 2);
    assert!(ground.store.bulk("alice", bulk.id).await.unwrap().is_none());
    assert!(ground.store.job("alice", claimed.id).await.unwrap().is_none());
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().expect("nothing lives in it").is_dead());
}
