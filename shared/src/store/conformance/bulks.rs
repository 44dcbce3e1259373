//! Bulks: read, cut, answered, ended; every line once.

use std::time::Duration;

use serde_json::json;

use super::{Ground, LIFE, deliveries};
use crate::bulk::{
    BadLine, Bulk, BulkStatus, Cut, Form, Layout, NewBulk, OnBadLine, Part, Run, Slice, SliceAnswers,
};
use crate::clock::Clock as _;
use crate::file::{FileStatus, NewFile, Piece, Purpose};
use crate::id::{BulkId, FileId, JobId, WorkerId};
use crate::job::{
    Account, Claimed, Class, Ending, EventType, Failure, FailureCode, ItemsAt, NewJob, Object, Settlement,
    Status, Timings, Webhook,
};
use crate::store::{Again, Blank, BulkCancelOutcome, BulkPage, Filter, NewSegment, Settled};

const HOUR: Duration = Duration::from_hours(1);
/// Lines of every slice here.
const LINES: u64 = 10;

async fn file(ground: &Ground, owner: &str) -> FileId {
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

fn new(ground: &Ground, file: FileId) -> NewBulk {
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
async fn validating(ground: &Ground) -> Bulk {
    let file = file(ground, "alice").await;
    ground.store.create_bulk(&new(ground, file)).await.unwrap().expect("the file is there")
}

fn slice(ground: &Ground, bulk: BulkId, number: u64) -> NewJob {
    let run = Run { offset: 100 * number, length: 100, first: number * LINES + 1, lines: LINES };
    let lines =
        Slice { form: Form::Openai, model: None, params: Object::new(), part: Part::Jsonl, runs: vec![run] }
            .encode();
    let items = ItemsAt::File { file: "file".to_owned(), lines };
    NewJob { class: Class::Bulk, bulk: Some(bulk), items, item_count: 10, ..ground.job() }
}

fn cut(ground: &Ground, bulk: BulkId, slices: u64) -> Cut {
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
async fn running(ground: &Ground, slices: u64) -> (Bulk, Cut) {
    let bulk = validating(ground).await;
    let cut = cut(ground, bulk.id, slices);
    assert!(ground.store.cut_bulk(bulk.id, &cut).await.unwrap());
    (read(ground, bulk.id).await, cut)
}

async fn read(ground: &Ground, id: BulkId) -> Bulk {
    ground.store.bulk("alice", id).await.unwrap().expect("alice has the bulk")
}

async fn claim(ground: &Ground, worker: WorkerId, cut: &Cut) -> Vec<Claimed> {
    let ids: Vec<JobId> = cut.slices.iter().map(|(job, _)| job.id).collect();
    let mut claimed = ground.store.claim(worker, &ids).await.unwrap();
    claimed.sort_by_key(|claimed| claimed.id);
    claimed
}

fn settlement(claimed: &Claimed, ending: Ending) -> Settlement {
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
const ANSWERS: SliceAnswers = SliceAnswers { offset: 0, output: 80, errors: 20, completed: 8, failed: 2 };

async fn answer(ground: &Ground, worker: WorkerId, claimed: &Claimed, segment: &NewSegment) -> bool {
    let settlement = settlement(claimed, Ending::Succeeded);
    let settled = ground.store.settle_slice(worker, &settlement, ANSWERS, segment).await.unwrap();
    matches!(settled, Settled::Done { status: Status::Succeeded, .. })
}

/// Ends what only waits to be ended, as the scheduler does.
async fn end(ground: &Ground, id: BulkId) -> Option<Bulk> {
    let waiting = ground.store.finalize_bulks(10).await.unwrap();
    assert!(waiting.iter().any(|bulk| bulk.id == id), "its slices have ended");
    for unanswered in ground.store.unanswered_slices(id, 100).await.unwrap() {
        let object = format!("files/{}", ground.ids.uuid());
        assert!(ground.store.answer_slice(unanswered.job, &object, 7).await.unwrap());
    }
    ground.store.end_bulk(id).await.unwrap()
}

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

pub async fn a_bulk_completes_when_every_line_is_answered(ground: &Ground) {
    let (bulk, cut) = running(ground, 2).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await;
    assert!(answer(ground, worker, &claimed[0], &ground.segment(worker, 100)).await);
    // The other one fails as a whole: nobody knows its lines any more but the scheduler.
    let failure = Failure::permanent(FailureCode::InputMissing, "a stored input is gone");
    assert!(ground.settle(worker, settlement(&claimed[1], Ending::Failed(failure)), None).await);
    let finalizing = ground.store.finalize_bulks(10).await.unwrap().remove(0);
    assert_eq!(finalizing.status, BulkStatus::Finalizing);
    assert_eq!(ground.store.end_bulk(bulk.id).await.unwrap(), None, "ten lines stand nowhere");
    let unanswered = ground.store.unanswered_slices(bulk.id, 10).await.unwrap();
    assert_eq!((unanswered.len(), unanswered[0].job, unanswered[0].number), (1, claimed[1].id, 2));
    assert_eq!(unanswered[0].error.as_ref().unwrap().0, "input_missing");
    assert_eq!(Slice::decode(&unanswered[0].slice).unwrap().lines(), LINES);
    let ended = end(ground, bulk.id).await.expect("nothing is left");
    assert_eq!(ended.status, BulkStatus::Completed);
    assert_eq!((ended.counts.total, ended.counts.completed, ended.counts.failed), (20, 8, 12));
    assert_eq!((ended.output_file, ended.error_file), (Some(cut.output_file), Some(cut.error_file)));
    assert_eq!(read(ground, bulk.id).await, ended);
    assert_eq!(ground.store.end_bulk(bulk.id).await.unwrap(), None, "it ends once");
    let output = ground.store.file("alice", cut.output_file).await.unwrap().unwrap();
    assert_eq!(output.expires_at, Some(ground.clock.now().plus(HOUR * 24)));
    assert_eq!(output.status, FileStatus::Processed);
}

pub async fn a_clean_bulk_has_no_file_of_errors(ground: &Ground) {
    let (bulk, cut) = running(ground, 1).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await.remove(0);
    let answers = SliceAnswers { output: 100, errors: 0, completed: 10, failed: 0, ..ANSWERS };
    let settlement = settlement(&claimed, Ending::Succeeded);
    ground.store.settle_slice(worker, &settlement, answers, &ground.segment(worker, 100)).await.unwrap();
    let ended = end(ground, bulk.id).await.unwrap();
    assert_eq!((ended.output_file, ended.error_file), (Some(cut.output_file), None));
    assert!(ground.store.file("alice", cut.error_file).await.unwrap().is_none());
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

pub async fn a_bulk_expires_with_what_was_done(ground: &Ground) {
    let (bulk, cut) = running(ground, 2).await;
    let first = Cut { slices: cut.slices[..1].to_vec(), ..cut.clone() };
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &first).await.remove(0);
    assert!(ground.store.expire_bulks().await.unwrap().is_empty(), "there is time left");
    assert!(answer(ground, worker, &claimed, &ground.segment(worker, 100)).await);
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.expire_bulks().await.unwrap(), [bulk.id]);
    assert_eq!(read(ground, bulk.id).await.status, BulkStatus::Finalizing);
    assert_eq!(ground.read(cut.slices[1].0.id).await.status, Status::Expired);
    let ended = end(ground, bulk.id).await.unwrap();
    assert_eq!((ended.status, ended.counts.completed, ended.counts.failed), (BulkStatus::Expired, 8, 12));
}

pub async fn a_bulk_that_has_run_does_not_expire(ground: &Ground) {
    let (bulk, cut) = running(ground, 1).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await.remove(0);
    assert!(answer(ground, worker, &claimed, &ground.segment(worker, 100)).await);
    ground.clock.advance(HOUR * 2);
    assert!(ground.store.expire_bulks().await.unwrap().is_empty());
    assert_eq!(end(ground, bulk.id).await.unwrap().status, BulkStatus::Completed);
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
    let (bulk, cut) = running(ground, 1).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await.remove(0);
    let segment = ground.segment(worker, 100);
    assert!(answer(ground, worker, &claimed, &segment).await);
    end(ground, bulk.id).await.unwrap();
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().is_none());
    assert!(ground.store.delete_file("alice", cut.error_file).await.unwrap());
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("there is a blank to write");
    assert_eq!((lock.is_dead(), lock.plan()), (false, &[Blank { offset: 80, length: 20 }][..]));
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

pub async fn a_bulk_is_forgotten_with_its_slices_and_not_before(ground: &Ground) {
    let (bulk, cut) = running(ground, 1).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await.remove(0);
    let segment = ground.segment(worker, 100);
    assert!(answer(ground, worker, &claimed, &segment).await);
    end(ground, bulk.id).await.unwrap();
    ground.clock.advance(HOUR * 23);
    assert_eq!((ground.store.purge_bulks(10).await.unwrap(), ground.store.purge(10).await.unwrap()), (0, 0));
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.purge_bulks(10).await.unwrap(), 1);
    assert_eq!(ground.store.expire_files(10).await.unwrap(), 2);
    assert!(ground.store.bulk("alice", bulk.id).await.unwrap().is_none());
    assert!(ground.store.job("alice", claimed.id).await.unwrap().is_none());
    assert!(ground.store.lock_segment(&segment.key).await.unwrap().expect("nothing lives in it").is_dead());
}

/// A bulk with a webhook of its own, cancelled before it was read.
async fn cancelled(ground: &Ground, events: &[&str]) -> BulkId {
    let file = file(ground, "alice").await;
    let events = events.iter().map(|event| (*event).to_owned()).collect();
    let webhook = Some(Webhook { url: "https://alice.example/hook".to_owned(), events });
    let bulk = NewBulk { webhook, ..new(ground, file) };
    ground.store.create_bulk(&bulk).await.unwrap().expect("the file is there");
    ground.store.cancel_bulk("alice", bulk.id).await.unwrap();
    assert_eq!(end(ground, bulk.id).await.unwrap().status, BulkStatus::Cancelled);
    bulk.id
}

pub async fn a_bulks_own_webhook_is_told(ground: &Ground) {
    let (any, this) = (cancelled(ground, &[]).await, cancelled(ground, &["batch.cancelled"]).await);
    cancelled(ground, &["batch.completed"]).await;
    assert_eq!(deliveries::fan_out(ground, 3).await.deliveries, 2);
    let mut told: Vec<_> = deliveries::claim(ground)
        .await
        .into_iter()
        .map(|told| (told.event.bulk, told.event.job, told.event.kind, told.webhook))
        .collect();
    told.sort_by_key(|(bulk, ..)| *bulk);
    assert_eq!(told, [any, this].map(|bulk| (Some(bulk), None, EventType::BatchCancelled, None)));
}

pub async fn slices_that_are_cancelled_as_jobs_are_told_of_by_their_bulk(ground: &Ground) {
    let (bulk, cut) = running(ground, 3).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await;
    assert!(answer(ground, worker, &claimed[0], &ground.segment(worker, 100)).await);
    let (second, third) = (&claimed[1], cut.slices[2].0.id);
    ground.store.release(worker, &[(claimed[2].id, claimed[2].lease.attempt)]).await.unwrap();
    let filter = Filter { bulk: Some(bulk.id), ..Filter::default() };
    let stopped = ground.store.cancel_all("alice", &filter, 10).await.unwrap();
    let mut stopped: Vec<JobId> = stopped.iter().map(|job| job.id).collect();
    stopped.sort();
    assert_eq!(stopped, [second.id, third]);
    assert!(ground.settle(worker, super::ended(second, Ending::Cancelled), None).await);
    let ended = end(ground, bulk.id).await.unwrap();
    assert_eq!(ended.status, BulkStatus::Completed, "nobody asked the bulk to stop");
    assert_eq!((ended.counts.completed, ended.counts.failed), (8, 22), "every line is answered");
    let again = Again { ended_by: ground.clock.now(), start_by: None, finish_by: None };
    let retried = ground.store.retry_all("alice", &filter, again, 10).await.unwrap();
    assert_eq!(retried, [], "a bulk runs its lines again, not its slices");
}
