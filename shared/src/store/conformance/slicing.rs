//! Slicing: all slices at once, or the reason why there are none.

use std::time::Duration;

use super::Ground;
use super::bulks::fixtures::{ANSWERS, claim, cut, end, read, running, settlement, validating};
use crate::bulk::{BadLine, BulkStatus, Cut, Slice};
use crate::clock::Clock as _;
use crate::file::Piece;
use crate::job::{Class, Ending, ItemsAt, Settlement, Status, Timings};

pub async fn a_refused_bulk_tells_its_lines(ground: &Ground) {
    let bulk = validating(ground).await;
    let errors = [BadLine {
        code: "invalid_json_line".to_owned(),
        message: "it is no JSON".to_owned(),
        param: None,
        line: Some(3),
    }];
    assert!(ground.store.refuse_bulk(bulk.id, &errors).await.unwrap());
    assert!(!ground.store.refuse_bulk(bulk.id, &errors).await.unwrap(), "it is refused once");
    let bulk = read(ground, bulk.id).await;
    assert_eq!((bulk.status, bulk.version, &bulk.errors[..]), (BulkStatus::Failed, 2, &errors[..]));
    assert_eq!(bulk.times.ended_at, Some(ground.clock.now()));
    let cut = cut(ground, bulk.id, 1);
    assert!(!ground.store.cut_bulk(bulk.id, &cut).await.unwrap(), "nothing of it runs");
    assert!(ground.store.job("alice", cut.slices[0].0.id).await.unwrap().is_none());
}

pub async fn slices_are_made_all_at_once_and_once(ground: &Ground) {
    let (bulk, first) = running(ground, 3).await;
    assert_eq!((bulk.status, bulk.counts.total), (BulkStatus::InProgress, 30));
    assert_eq!((bulk.output_file, bulk.error_file), (None, None), "there is nothing in them yet");
    assert_eq!(bulk.model.as_deref(), Some("echo"));
    // A scheduler that lost its lease while it read comes late.
    let second = cut(ground, bulk.id, 3);
    assert!(!ground.store.cut_bulk(bulk.id, &second).await.unwrap());
    assert!(ground.store.job("alice", second.slices[0].0.id).await.unwrap().is_none());
    for (job, _) in &first.slices {
        let job = ground.read(job.id).await;
        assert_eq!((job.status, job.bulk, job.class), (Status::Queued, Some(bulk.id), Class::Bulk));
    }
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &first).await;
    let ItemsAt::File { file, lines } = &claimed[1].items else { panic!("a slice was meant") };
    assert_eq!((file.as_str(), Slice::decode(lines).unwrap().runs[0].first), ("file", 11));
}

pub async fn thousands_of_slices_are_made_together(ground: &Ground) {
    let (bulk, _) = running(ground, 2100).await;
    assert_eq!(bulk.counts.total, 21_000);
}

pub async fn bad_lines_stand_in_the_file_of_errors(ground: &Ground) {
    let bulk = validating(ground).await;
    let cut = Cut { bad: Some(("files/bad".to_owned(), 30)), bad_lines: 3, ..cut(ground, bulk.id, 0) };
    assert!(ground.store.cut_bulk(bulk.id, &cut).await.unwrap());
    let ended = end(ground, bulk.id).await.expect("no slice has to run");
    assert_eq!((ended.counts.total, ended.counts.failed), (3, 3));
    let (_, pieces) = ground.store.content("alice", cut.error_file).await.unwrap().unwrap();
    assert_eq!(pieces, [Piece::own("files/bad", 30)]);
}

pub async fn the_pace_of_slices_is_what_they_cost_and_took(ground: &Ground) {
    assert!(ground.store.slice_paces().await.unwrap().is_empty());
    let (_, cut) = running(ground, 2).await;
    let worker = ground.worker().await;
    for claimed in claim(ground, worker, &cut).await {
        let timings = Timings { run_ms: 1500.0, ..Timings::default() };
        let settlement = Settlement { timings, ..settlement(&claimed, Ending::Succeeded) };
        let segment = ground.segment(worker, 100);
        ground.store.settle_slice(worker, &settlement, ANSWERS, &segment).await.unwrap();
    }
    let pace = ground.store.slice_paces().await.unwrap().remove(0);
    assert_eq!((pace.model.as_str(), pace.cost.units(), pace.took), ("echo", 2, Duration::from_secs(3)));
}
