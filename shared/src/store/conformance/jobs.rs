//! Jobs as clients see them.

use std::time::Duration;

use serde_json::json;

use super::{Ground, ended};
use crate::clock::Clock;
use crate::job::{Class, ClientId, Ending, ItemsAt, Keep, MediaFile, NewJob, Object, Status};
use crate::store::{Blank, CancelOutcome, DeleteOutcome, Filter, Page, Submitted};
use crate::testing::{keyed, sample_job};

const FIRST: Page = Page { after: None, limit: 100 };

fn object<const N: usize>(pairs: [(&str, serde_json::Value); N]) -> Object {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

pub async fn a_submitted_job_reads_back_as_it_was(ground: &Ground) {
    let mut job = ground.job();
    job.params = object([("delay_ms", json!(5))]);
    job.metadata = object([("city", json!("上海"))]);
    job.priority = -3;
    job.class = Class::Bulk;
    job.waiter = Some("api-1".into());
    job.items = ItemsAt::Blob("inputs/items".into());
    let submitted = ground.store.submit(&[job.clone()]).await.unwrap();
    let [Submitted::Created(answered)] = &submitted[..] else { panic!("a new job was meant: {submitted:?}") };
    assert_eq!(**answered, ground.read(job.id).await);
    assert_eq!(**answered, job.queued(ground.clock.now()));
}

pub async fn a_group_is_submitted_in_order(ground: &Ground) {
    let jobs: Vec<_> = (0..1100).map(|_| ground.job()).collect();
    let submitted = ground.store.submit(&jobs).await.unwrap();
    for (job, submitted) in jobs.iter().zip(submitted) {
        let Submitted::Created(created) = submitted else { panic!("a new job was meant") };
        assert_eq!(created.id, job.id);
    }
}

pub async fn an_owner_sees_only_its_own(ground: &Ground) {
    let id = ground.submitted(1).await[0];
    assert!(ground.store.job("bob", id).await.unwrap().is_none());
    assert!(ground.store.jobs("bob", &Filter::default(), FIRST).await.unwrap().is_empty());
    assert!(ground.store.attempts("bob", id).await.unwrap().is_empty());
    assert!(ground.store.watch("bob", id, "api-1").await.unwrap().is_none());
    assert_eq!(ground.store.cancel("bob", id).await.unwrap(), CancelOutcome::Unknown);
    assert_eq!(ground.store.delete("bob", id).await.unwrap(), DeleteOutcome::Unknown);
    assert_eq!(ground.read(id).await.status, Status::Queued);
}

pub async fn a_listing_runs_from_the_newest_in_pages(ground: &Ground) {
    let mut ids = ground.submitted(5).await;
    ids.reverse();
    let page = ground.store.jobs("alice", &Filter::default(), Page { after: None, limit: 3 }).await.unwrap();
    assert_eq!(page.iter().map(|job| job.id).collect::<Vec<_>>(), ids[..3]);
    let rest =
        ground.store.jobs("alice", &Filter::default(), Page { after: Some(ids[2]), limit: 3 }).await.unwrap();
    assert_eq!(rest.iter().map(|job| job.id).collect::<Vec<_>>(), ids[3..]);
}

pub async fn a_listing_filters_by_every_field(ground: &Ground) {
    let mut special = ground.job();
    special.model = "other".into();
    special.class = Class::Bulk;
    special.metadata = object([("a", json!("1")), ("b", json!("2"))]);
    let plain = ground.job();
    ground.store.submit(&[special.clone(), plain.clone()]).await.unwrap();
    ground.store.cancel("alice", special.id).await.unwrap();
    let now = ground.clock.now();
    let later = now.plus(Duration::from_secs(1));
    let matching = [
        Filter { status: Some(Status::Cancelled), ..Filter::default() },
        Filter { model: Some("other".into()), ..Filter::default() },
        Filter { class: Some(Class::Bulk), ..Filter::default() },
        Filter { metadata: object([("b", json!("2"))]), ..Filter::default() },
        Filter {
            metadata: object([("a", json!("1")), ("b", json!("2"))]),
            created_before: Some(later),
            ..Filter::default()
        },
    ];
    for filter in matching {
        let found = ground.store.jobs("alice", &filter, FIRST).await.unwrap();
        assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), [special.id], "{filter:?}");
    }
    let none = [
        Filter { metadata: object([("a", json!("2"))]), ..Filter::default() },
        Filter { created_after: Some(later), ..Filter::default() },
        Filter { created_before: Some(now), ..Filter::default() },
    ];
    for filter in none {
        assert!(ground.store.jobs("alice", &filter, FIRST).await.unwrap().is_empty(), "{filter:?}");
    }
}

pub async fn a_repeated_key_returns_the_first_job(ground: &Ground) {
    let first = keyed(ground.job(), "k", 1, &ground.clock);
    let repeat = keyed(ground.job(), "k", 1, &ground.clock);
    let other = keyed(ground.job(), "k", 2, &ground.clock);
    ground.store.submit(std::slice::from_ref(&first)).await.unwrap();
    let answers = ground.store.submit(&[repeat.clone(), other]).await.unwrap();
    let [Submitted::Repeated(standing), Submitted::Mismatch] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(standing.id, first.id);
    assert!(ground.store.job("alice", repeat.id).await.unwrap().is_none());
}

pub async fn a_key_twice_in_one_group_makes_one_job(ground: &Ground) {
    let first = keyed(ground.job(), "k", 1, &ground.clock);
    let repeat = keyed(ground.job(), "k", 1, &ground.clock);
    let answers = ground.store.submit(&[first.clone(), repeat]).await.unwrap();
    let [Submitted::Created(created), Submitted::Repeated(standing)] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!((created.id, standing.id), (first.id, first.id));
}

pub async fn an_expired_key_is_free_again(ground: &Ground) {
    let first = keyed(ground.job(), "k", 1, &ground.clock);
    ground.store.submit(&[first]).await.unwrap();
    ground.clock.advance(Duration::from_secs(86_401));
    let later = keyed(ground.job(), "k", 2, &ground.clock);
    let answers = ground.store.submit(std::slice::from_ref(&later)).await.unwrap();
    let [Submitted::Created(created)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(created.id, later.id);
}

pub async fn a_taken_name_is_told_without_a_submission(ground: &Ground) {
    let under = |key: &str, body| keyed(ground.job(), key, body, &ground.clock);
    let named = |body| {
        let client_id = Some(ClientId { id: "order".into(), fingerprint: [body; 32] });
        NewJob { client_id, ..ground.job() }
    };
    let first = [under("k", 1), named(1)];
    ground.store.submit(&first).await.unwrap();
    let asked = [under("k", 1), under("k", 2), named(1), named(2), under("new", 1), ground.job()];
    let told = ground.store.standing(&asked).await.unwrap();
    let [
        Some(Submitted::Repeated(key)),
        Some(Submitted::Mismatch),
        Some(Submitted::Repeated(name)),
        Some(Submitted::Mismatch),
        None,
        None,
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!([key.id, name.id], [first[0].id, first[1].id]);
    for job in &asked {
        assert!(ground.store.job("alice", job.id).await.unwrap().is_none());
    }
    ground.clock.advance(Duration::from_secs(86_401));
    let told = ground.store.standing(&asked).await.unwrap();
    assert_eq!(told[0], None, "an expired key stands for nothing");
    let his = NewJob { owner: "bob".into(), ..named(1) };
    assert_eq!(ground.store.standing(&[his]).await.unwrap(), [None]);
}

pub async fn owners_do_not_share_keys(ground: &Ground) {
    let hers = keyed(ground.job(), "k", 1, &ground.clock);
    let his = keyed(sample_job(&ground.ids, "bob"), "k", 2, &ground.clock);
    let answers = ground.store.submit(&[hers, his]).await.unwrap();
    assert!(matches!(answers[..], [Submitted::Created(_), Submitted::Created(_)]), "{answers:?}");
}

pub async fn a_queued_job_is_cancelled_at_once(ground: &Ground) {
    let id = ground.submitted(1).await[0];
    let outcome = ground.store.cancel("alice", id).await.unwrap();
    let CancelOutcome::Cancelled(job) = outcome else { panic!("{outcome:?}") };
    assert_eq!((job.status, job.version), (Status::Cancelled, 2));
    assert_eq!(job.finished_at, Some(ground.clock.now()));
    assert_eq!(job.purge_at, Some(ground.clock.now().plus(Duration::from_hours(1))));
}

pub async fn a_running_job_is_asked_to_stop(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let outcome = ground.store.cancel("alice", claimed.id).await.unwrap();
    assert!(matches!(outcome, CancelOutcome::Requested(job) if job.cancel_requested && job.version == 2));
    assert!(ground.settle(worker, ended(&claimed, Ending::Cancelled), None).await);
    assert_eq!(ground.read(claimed.id).await.status, Status::Cancelled);
}

pub async fn an_ended_job_is_not_cancelled(ground: &Ground) {
    let id = ground.submitted(1).await[0];
    ground.store.cancel("alice", id).await.unwrap();
    let outcome = ground.store.cancel("alice", id).await.unwrap();
    assert!(matches!(outcome, CancelOutcome::AlreadyEnded(job) if job.version == 2));
}

pub async fn a_deleted_job_leaves_garbage_and_a_blank(ground: &Ground) {
    let mut job = ground.job();
    job.blobs = vec!["inputs/0".into(), "inputs/1".into()];
    ground.store.submit(&[job.clone()]).await.unwrap();
    let worker = ground.worker().await;
    let claimed = ground.store.claim(worker, &[job.id]).await.unwrap().remove(0);
    let segment = ground.segment(worker, 10);
    let mut settlement = ended(&claimed, Ending::Succeeded);
    settlement.files =
        vec![MediaFile { item: 0, key: "media/0".into(), content_type: "image/png".into(), bytes: 3 }];
    assert!(ground.settle(worker, settlement, Some(&segment)).await);

    assert_eq!(ground.store.delete("alice", job.id).await.unwrap(), DeleteOutcome::Deleted);
    assert_eq!(ground.store.delete("alice", job.id).await.unwrap(), DeleteOutcome::Unknown);
    assert!(ground.store.job("alice", job.id).await.unwrap().is_none());
    assert_eq!(ground.store.garbage(10).await.unwrap(), ["inputs/0", "inputs/1", "media/0"]);
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("there is a blank to write");
    assert_eq!(lock.plan(), [Blank { offset: 0, length: 10 }]);
}

pub async fn a_running_job_is_not_deleted(ground: &Ground) {
    let (_, claimed) = ground.claimed().await;
    assert_eq!(ground.store.delete("alice", claimed.id).await.unwrap(), DeleteOutcome::Running);
    assert_eq!(ground.read(claimed.id).await.status, Status::Running);
}

pub async fn a_purge_forgets_what_is_past_retention(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&segment)).await);
    let mut longer = ground.job();
    longer.keep = Keep::all(Duration::from_hours(2));
    ground.store.submit(&[longer.clone()]).await.unwrap();
    ground.store.cancel("alice", longer.id).await.unwrap();

    assert_eq!(ground.store.purge(10).await.unwrap(), 0);
    ground.clock.advance(Duration::from_hours(1));
    assert_eq!(ground.store.purge(10).await.unwrap(), 1);
    assert!(ground.store.job("alice", claimed.id).await.unwrap().is_none());
    assert!(ground.store.job("alice", longer.id).await.unwrap().is_some());
    assert_eq!(ground.store.pending_segments(10).await.unwrap(), [segment.key]);
}

pub async fn a_waiter_is_added_once(ground: &Ground) {
    let id = ground.submitted(1).await[0];
    ground.store.watch("alice", id, "api-1").await.unwrap();
    ground.store.watch("alice", id, "api-2").await.unwrap();
    let job = ground.store.watch("alice", id, "api-1").await.unwrap().expect("alice has the job");
    assert_eq!(job.waiters, ["api-1", "api-2"]);
}

pub async fn garbage_is_forgotten_when_removed(ground: &Ground) {
    let mut job = ground.job();
    job.blobs = vec!["inputs/0".into(), "inputs/1".into()];
    ground.store.submit(&[job.clone()]).await.unwrap();
    ground.store.delete("alice", job.id).await.unwrap();
    ground.store.forget_garbage(&["inputs/0".to_owned()]).await.unwrap();
    assert_eq!(ground.store.garbage(10).await.unwrap(), ["inputs/1"]);
}

pub async fn only_ended_jobs_are_told(ground: &Ground) {
    let ids = ground.submitted(2).await;
    ground.store.cancel("alice", ids[0]).await.unwrap();
    let ended: Vec<_> = ground.store.ended(&ids).await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(ended, ids[..1]);
}

pub async fn rows_name_their_objects(ground: &Ground) {
    let mut job = ground.job();
    job.blobs = vec!["inputs/0".into()];
    let other = ground.job();
    ground.store.submit(&[job.clone(), other.clone()]).await.unwrap();
    let worker = ground.worker().await;
    let claimed = ground.store.claim(worker, &[job.id]).await.unwrap().remove(0);
    let mut settlement = ended(&claimed, Ending::Succeeded);
    settlement.files =
        vec![MediaFile { item: 0, key: "media/0".into(), content_type: "image/png".into(), bytes: 3 }];
    assert!(ground.settle(worker, settlement, Some(&ground.segment(worker, 10))).await);
    let mut named = ground.store.named_objects(&[job.id, other.id, ground.ids.job()]).await.unwrap();
    named.sort();
    assert_eq!(named, ["inputs/0", "media/0"]);
}
