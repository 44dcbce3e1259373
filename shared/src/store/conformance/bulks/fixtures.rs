//! Alice's bulks, as far into their lives as a test needs them.

use std::time::Duration;

use serde_json::json;

use crate::bulk::{Bulk, Cut, Form, Layout, NewBulk, OnBadLine, Part, Run, Slice, SliceAnswers};
use crate::file::{FileStatus, NewFile, Piece, Purpose};
use crate::id::{BulkId, FileId, JobId, WorkerId};
use crate::job::{Account, Claimed, Class, Ending, ItemsAt, NewJob, Object, Settlement, Status, Timings};
use crate::store::conformance::Ground;
use crate::store::{NewSegment, Settled};

pub(in crate::store::conformance) const HOUR: Duration = Duration::from_hours(1);
/// Lines of every slice here.
pub(in crate::store::conformance) const LINES: u64 = 10;

pub(in crate::store::conformance) async fn file(ground: &Ground, owner: &str) -> FileId {
    let id = ground.ids.file();
    let file = NewFile {
        id,
        owner: owner.to_owned(),
        filename: "lines.jsonl".to_owned(),
        purpose: Purpose::Batch,
        status: FileStatus::Processed,
        pieces: vec![Piece::own(format!("files/{}", id.0), 1000)],
        life: None,
    };
    ground.store.create_file(&file, None).await.unwrap();
    id
}

pub(in crate::store::conformance) fn new(ground: &Ground, file: FileId) -> NewBulk {
    ground.clock.advance(Duration::from_millis(1));
    NewBulk {
        id: ground.ids.bulk(),
        owner: "alice".to_owned(),
        key: None,
        form: Form::Openai,
        layout: Layout::Jsonl,
        on_bad_line: OnBadLine::Refuse,
        endpoint: Some("/v1/embeddings".to_owned()),
        model: None,
        params: Object::new(),
        file,
        retry_of: None,
        window: ("1h".to_owned(), HOUR),
        keep: HOUR * 24,
        metadata: Object::from_iter([("city".to_owned(), json!("上海"))]),
        webhook: None,
    }
}

/// A bulk of alice's whose file is not read yet.
pub(in crate::store::conformance) async fn validating(ground: &Ground) -> Bulk {
    let file = file(ground, "alice").await;
    ground.store.create_bulk(&new(ground, file)).await.unwrap().expect("the file is there")
}

pub(in crate::store::conformance) fn slice(ground: &Ground, bulk: BulkId, number: u64) -> NewJob {
    let run = Run { offset: 100 * number, length: 100, first: number * LINES + 1, lines: LINES };
    let lines =
        Slice { form: Form::Openai, model: None, params: Object::new(), part: Part::Jsonl, runs: vec![run] }
            .encode();
    let items = ItemsAt::File { file: "file".to_owned(), lines };
    NewJob { class: Class::Bulk, bulk: Some(bulk), items, item_count: 10, ..ground.job() }
}

pub(in crate::store::conformance) fn cut(ground: &Ground, bulk: BulkId, slices: u64) -> Cut {
    Cut {
        output_file: ground.ids.file(),
        error_file: ground.ids.file(),
        bad: None,
        bad_lines: 0,
        model: Some("echo".to_owned()),
        slices: (0..slices).map(|number| (slice(ground, bulk, number), LINES)).collect(),
    }
}

/// A bulk that was cut into so many slices, with their jobs.
pub(in crate::store::conformance) async fn running(ground: &Ground, slices: u64) -> (Bulk, Cut) {
    let bulk = validating(ground).await;
    let cut = cut(ground, bulk.id, slices);
    assert!(ground.store.cut_bulk(bulk.id, &cut).await.unwrap());
    (read(ground, bulk.id).await, cut)
}

pub(in crate::store::conformance) async fn read(ground: &Ground, id: BulkId) -> Bulk {
    ground.store.bulk("alice", id).await.unwrap().expect("alice has the bulk")
}

pub(in crate::store::conformance) async fn claim(
    ground: &Ground,
    worker: WorkerId,
    cut: &Cut,
) -> Vec<Claimed> {
    let ids: Vec<JobId> = cut.slices.iter().map(|(job, _)| job.id).collect();
    let mut claimed = ground.store.claim(worker, &ids).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.id);
    claimed
}

pub(in crate::store::conformance) fn settlement(claimed: &Claimed, ending: Ending) -> Settlement {
    Settlement {
        id: claimed.id,
        attempt: claimed.lease.attempt,
        ending,
        succeeded: 8,
        failed: 2,
        range: None,
        files: Vec::new(),
        timings: Timings::default(),
        account: Account::default(),
    }
}

/// Eight lines of eighty bytes, and two of twenty that failed.
pub(in crate::store::conformance) const ANSWERS: SliceAnswers =
    SliceAnswers { offset: 0, output: 80, errors: 20, completed: 8, failed: 2 };

pub(in crate::store::conformance) async fn answer(
    ground: &Ground,
    worker: WorkerId,
    claimed: &Claimed,
    segment: &NewSegment,
) -> bool {
    let settlement = settlement(claimed, Ending::Succeeded);
    let settled = ground.store.settle_slice(worker, &settlement, ANSWERS, segment).await.unwrap();
    matches!(settled, Settled::Done { status: Status::Succeeded, .. })
}

/// A bulk of one slice that has been answered, with its end, its slice's job and the segment of its answers.
pub(in crate::store::conformance) async fn answered(ground: &Ground) -> (Bulk, Cut, Claimed, NewSegment) {
    let (bulk, cut) = running(ground, 1).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await.remove(0);
    let segment = ground.segment(worker, 100);
    assert!(answer(ground, worker, &claimed, &segment).await);
    let bulk = end(ground, bulk.id).await.unwrap();
    (bulk, cut, claimed, segment)
}

/// Ends what only waits to be ended, as the scheduler does.
pub(in crate::store::conformance) async fn end(ground: &Ground, id: BulkId) -> Option<Bulk> {
    let waiting = ground.store.finalize_bulks(10).await.unwrap();
    assert!(waiting.iter().any(|bulk| bulk.id == id), "its slices have ended");
    for unanswered in ground.store.unanswered_slices(id, 100).await.unwrap() {
        let object = format!("files/{}", ground.ids.uuid());
        assert!(ground.store.answer_slice(unanswered.job, &object, 7).await.unwrap());
    }
    ground.store.end_bulk(id).await.unwrap()
}
