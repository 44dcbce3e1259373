//! Answering: every line of a slice once, whoever says it.

use super::bulks::fixtures::{ANSWERS, answer, answered, claim, end, read, running, settlement};
use super::{Ground, LIFE};
use crate::file::{FileStatus, Piece};
use crate::job::{Class, Ending};
use crate::store::{Blank, Settled};

pub async fn an_answered_slice_stands_in_the_files_at_once(ground: &Ground) {
    let (bulk, cut) = running(ground, 2).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await;
    let segment = ground.segment(worker, 100);
    assert!(answer(ground, worker, &claimed[1], &segment).await);
    let bulk = read(ground, bulk.id).await;
    assert_eq!((bulk.counts.completed, bulk.counts.failed), (8, 2));
    assert_eq!((bulk.output_file, bulk.error_file), (Some(cut.output_file), Some(cut.error_file)));
    assert_eq!(bulk.cost_done, 1);
    let (output, pieces) = ground.store.content("alice", cut.output_file).await.unwrap().unwrap();
    assert_eq!((output.bytes, output.status), (80, FileStatus::Uploaded));
    assert_eq!(pieces, [Piece::of_segment(&segment.key, 0, 80)]);
    let (_, pieces) = ground.store.content("alice", cut.error_file).await.unwrap().unwrap();
    assert_eq!(pieces, [Piece::of_segment(&segment.key, 80, 20)]);
    assert!(ground.store.finalize_bulks(10).await.unwrap().is_empty(), "a slice still runs");
    assert_eq!(ground.store.end_bulk(bulk.id).await.unwrap(), None);
}

pub async fn a_slice_is_answered_once(ground: &Ground) {
    let (bulk, cut) = running(ground, 1).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await.remove(0);
    let segment = ground.segment(worker, 100);
    assert!(answer(ground, worker, &claimed, &segment).await);
    assert!(answer(ground, worker, &claimed, &segment).await, "repeating it is harmless");
    let another = ground.worker().await;
    let settlement = settlement(&claimed, Ending::Succeeded);
    let other = ground.segment(another, 100);
    let stale = ground.store.settle_slice(another, &settlement, ANSWERS, &other).await.unwrap();
    assert_eq!(stale, Settled::Stale(claimed.id));
    assert!(!ground.store.answer_slice(claimed.id, "files/late", 7).await.unwrap());
    assert_eq!(read(ground, bulk.id).await.counts.completed, 8);
    assert!(ground.store.recorded_segments(&[other.key]).await.unwrap().is_empty());
}

pub async fn a_zombie_cannot_answer_what_another_runs(ground: &Ground) {
    let (bulk, cut) = running(ground, 1).await;
    let zombie = ground.worker().await;
    let before = claim(ground, zombie, &cut).await.remove(0);
    ground.clock.advance(LIFE * 2);
    ground.store.reap().await.unwrap();
    assert!(!answer(ground, zombie, &before, &ground.segment(zombie, 100)).await);
    let worker = ground.worker().await;
    let route = crate::store::Route { model: "echo".to_owned(), class: Class::Bulk };
    ground.store.due(&route, crate::job::Cost::new(100), 10).await.unwrap();
    let after = claim(ground, worker, &cut).await.remove(0);
    assert!(!answer(ground, zombie, &before, &ground.segment(zombie, 100)).await);
    assert!(answer(ground, worker, &after, &ground.segment(worker, 100)).await);
    assert_eq!(read(ground, bulk.id).await.counts.completed, 8);
}

pub async fn a_deleted_output_file_takes_what_follows_with_it(ground: &Ground) {
    let (bulk, cut) = running(ground, 2).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await;
    let (first, second) = (ground.segment(worker, 100), ground.segment(worker, 100));
    assert!(answer(ground, worker, &claimed[0], &first).await);
    assert!(ground.store.delete_file("alice", cut.output_file).await.unwrap());
    assert!(ground.store.delete_file("alice", cut.error_file).await.unwrap());
    assert!(ground.store.lock_segment(&first.key).await.unwrap().expect("nothing lives in it").is_dead());
    assert!(answer(ground, worker, &claimed[1], &second).await);
    let lock = ground.store.lock_segment(&second.key).await.unwrap().expect("nothing lives in it either");
    assert!(lock.is_dead());
    assert_eq!(lock.plan().len(), 2);
    drop(lock);
    let ended = end(ground, bulk.id).await.unwrap();
    assert_eq!((ended.counts.completed, ended.output_file, ended.error_file), (16, None, None));
}

pub async fn a_piece_keeps_its_segment_until_its_file_goes(ground: &Ground) {
    let (_, cut, _, segment) = answered(ground).await;
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().is_none());
    assert!(ground.store.delete_file("alice", cut.error_file).await.unwrap());
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("there is a blank to write");
    assert_eq!((lock.is_dead(), lock.plan()), (false, &[Blank { offset: 80, length: 20 }][..]));
}
