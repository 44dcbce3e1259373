use std::time::Duration;

use forebay_shared::clock::Timestamp;
use forebay_shared::job::{
    Account, Backoff, Class, Cost, ItemsAt, Lease, Object, Output, Status, Suspects, Timings,
};
use forebay_shared::segment::SEGMENT_LIMIT;
use forebay_shared::testing::fresh_ids;

use super::*;
use crate::room::Room;
use crate::shelf::Shelved;

fn claimed(items: u32) -> Claimed {
    let ids = fresh_ids();
    Claimed {
        id: ids.job(),
        owner: "alice".into(),
        lease: Lease { worker: ids.worker(), attempt: 1 },
        model: "echo".into(),
        class: Class::Interactive,
        priority: 0,
        rank: Timestamp::from_micros(0),
        item_count: items,
        items: ItemsAt::Row("[]".into()),
        cost: Cost::new(1),
        bulk: None,
        finish_by: None,
        params: Object::new(),
        failures: 0,
        max_attempts: 3,
        suspects: Suspects::default(),
        available_at: Timestamp::from_micros(0),
        claimed_at: Timestamp::from_micros(0),
        waiters: Vec::new(),
        trace: None,
    }
}

fn finished(outcomes: Vec<Ended>) -> Finished {
    let claimed = claimed(u32::try_from(outcomes.len()).unwrap());
    let held = Room::new(Cost::new(1)).take(claimed.cost, claimed.class, "alice".into());
    Finished {
        claimed,
        outcomes,
        stopped: None,
        timings: Timings::default(),
        account: Account::default(),
        held,
        lines: None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among outcomes")]
fn answer(text: &str) -> Ended {
    Ok(Output::Echo { echo: text.into() }.into())
}

fn transient() -> Ended {
    Err(Failure::transient(FailureCode::FetchFailed, "the host is away"))
}

fn permanent() -> Ended {
    Err(Failure::permanent(FailureCode::ImageUndecodable, "it is torn"))
}

fn policy() -> RetryPolicy {
    let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(5), jitter: 0.2 };
    RetryPolicy { infrastructure: backoff, fetch: backoff, model: backoff }
}

fn settled(job: Finished) -> Settlement {
    let mut parts = parts(vec![job], policy(), 0.5);
    parts.remove(0).drafts.remove(0).settlement
}

#[test]
fn one_output_makes_a_success() {
    let settlement = settled(finished(vec![permanent(), answer("a"), transient()]));
    assert_eq!(settlement.ending, Ending::Succeeded);
    assert_eq!((settlement.succeeded, settlement.failed), (1, 2));
    assert!(settlement.range.is_some());
}

#[test]
fn a_transient_failure_is_tried_again_without_a_result() {
    let settlement = settled(finished(vec![transient()]));
    assert_eq!(settlement.ending.status(), Status::Queued);
    assert_eq!(settlement.range, None);
    let settlement = settled(finished(vec![permanent(), transient()]));
    assert_eq!(settlement.ending.status(), Status::Queued);
}

#[test]
fn the_last_attempt_fails_and_keeps_what_each_item_said() {
    let mut job = finished(vec![transient(), permanent()]);
    job.claimed.failures = 2;
    let settlement = settled(job);
    let Ending::Failed(failure) = &settlement.ending else { panic!("{settlement:?}") };
    assert_eq!(failure.code, FailureCode::AllItemsFailed);
    assert!(failure.message.contains("the host is away"), "{failure}");
    assert!(settlement.range.is_some());
}

#[test]
fn a_single_item_fails_with_its_own_reason() {
    let settlement = settled(finished(vec![permanent()]));
    assert_eq!(settlement.ending.failure().map(|failure| failure.code), Some(FailureCode::ImageUndecodable));
}

#[test]
fn a_cancelled_job_keeps_what_was_finished() {
    let mut job = finished(vec![answer("a"), permanent()]);
    job.stopped = Some(Stop::Cancelled);
    let settlement = settled(job);
    assert_eq!((settlement.ending, settlement.succeeded), (Ending::Cancelled, 1));
    assert!(settlement.range.is_some());
}

#[test]
fn an_expired_job_keeps_what_was_finished_and_says_why() {
    let mut job = finished(vec![answer("a"), transient()]);
    job.stopped = Some(Stop::Expired);
    let settlement = settled(job);
    assert_eq!((settlement.ending.status(), settlement.succeeded), (Status::Expired, 1));
    assert_eq!(settlement.ending.failure().map(|failure| failure.code), Some(FailureCode::FinishByPassed));
    assert!(settlement.range.is_some());
}

#[test]
fn jobs_settled_together_share_a_segment_until_it_is_full() {
    let large = "x".repeat(SEGMENT_LIMIT / 2);
    let jobs = vec![
        finished(vec![answer("a")]),
        finished(vec![answer("b")]),
        finished(vec![answer(&large)]),
        finished(vec![answer(&large)]),
    ];
    let parts = parts(jobs, policy(), 0.5);
    assert_eq!(parts.iter().map(|part| part.drafts.len()).collect::<Vec<_>>(), [3, 1]);
    let ranges: Vec<_> = parts[0].drafts.iter().filter_map(|draft| draft.settlement.range).collect();
    assert_eq!(ranges[0].1, ranges[1].0, "one after the other");
}

#[test]
fn media_are_objects_of_their_own_and_know_their_item() {
    let file = |item: u32, n: u32| MediaFile {
        item,
        key: format!("media/w/j/1-{item}-{n}"),
        content_type: "image/png".into(),
        bytes: 3,
    };
    let picture = |files| Ok(Shelved { files, ..Output::Echo { echo: "p".into() }.into() });
    let job = finished(vec![answer("a"), picture(vec![file(1, 0), file(1, 1)]), picture(vec![file(2, 0)])]);
    let worker = job.claimed.lease.worker;
    let mut parts = parts(vec![job], policy(), 0.5);
    let part = parts.remove(0);
    assert_eq!(part.drafts[0].settlement.files, [file(1, 0), file(1, 1), file(2, 0)]);
    let object = part.segment.finish(worker, 0).1;
    let document = String::from_utf8_lossy(&object);
    assert!(document.contains(r#""files":[0,1]"#) && document.contains(r#""files":[2]"#), "{document}");
}

#[test]
fn delays_follow_the_policy() {
    let backoff = Backoff { base: Duration::from_secs(4), jitter: 0.0, ..policy().fetch };
    let retry = RetryPolicy { fetch: backoff, ..policy() };
    let parts = parts(vec![finished(vec![transient()])], retry, 0.5);
    let Ending::Retry(_, delay) = parts[0].drafts[0].settlement.ending else { panic!("a retry was meant") };
    assert_eq!(delay, Duration::from_secs(4));
}
