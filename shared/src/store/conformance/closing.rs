//! Closing: a bulk ends when nothing is left to be answered, as what it came to.

use super::bulks::fixtures::{
    ANSWERS, HOUR, LINES, answer, claim, end, file, new, read, running, settlement,
};
use super::{Ground, deliveries};
use crate::bulk::{BulkStatus, Cut, NewBulk, Slice, SliceAnswers};
use crate::clock::Clock as _;
use crate::file::FileStatus;
use crate::id::{BulkId, JobId};
use crate::job::{Ending, EventType, Failure, FailureCode, Status, Webhook};
use crate::store::{Again, Filter};

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

pub async fn a_bulk_expires_with_what_was_done(ground: &Ground) {
    let (bulk, cut) = running(ground, 2).await;
    let first = Cut { slices: cut.slices[..1].to_vec(), ..cut.clone() };
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &first).await.remove(0);
    assert!(ground.store.expire_bulks(10).await.unwrap().is_empty(), "there is time left");
    assert!(answer(ground, worker, &claimed, &ground.segment(worker, 100)).await);
    ground.clock.advance(HOUR);
    assert_eq!(ground.store.expire_bulks(10).await.unwrap(), [bulk.id]);
    assert_eq!(read(ground, bulk.id).await.status, BulkStatus::Finalizing);
    assert_eq!(ground.read(cut.slices[1].0.id).await.status, Status::Expired);
    let ended = end(ground, bulk.id).await.unwrap();
    assert_eq!((ended.status, ended.counts.completed, ended.counts.failed), (BulkStatus::Expired, 8, 12));
}

pub async fn bulks_end_so_many_at_a_time(ground: &Ground) {
    let (late, other, done) =
        (running(ground, 1).await.0, running(ground, 1).await.0, running(ground, 0).await.0);
    let later = running(ground, 0).await.0;
    let first = ground.store.finalize_bulks(1).await.unwrap();
    assert_eq!(first.iter().map(|bulk| bulk.id).collect::<Vec<_>>(), [done.id]);
    assert_eq!(read(ground, later.id).await.status, BulkStatus::InProgress);
    ground.clock.advance(HOUR);
    for expected in [vec![late.id], vec![other.id], Vec::new()] {
        assert_eq!(ground.store.expire_bulks(1).await.unwrap(), expected);
    }
}

pub async fn a_bulk_that_has_run_does_not_expire(ground: &Ground) {
    let (bulk, cut) = running(ground, 1).await;
    let worker = ground.worker().await;
    let claimed = claim(ground, worker, &cut).await.remove(0);
    assert!(answer(ground, worker, &claimed, &ground.segment(worker, 100)).await);
    ground.clock.advance(HOUR * 2);
    assert!(ground.store.expire_bulks(10).await.unwrap().is_empty());
    assert_eq!(end(ground, bulk.id).await.unwrap().status, BulkStatus::Completed);
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
