//! Many jobs cancelled or retried at once.

use std::time::Duration;

use serde_json::json;

use super::{Ground, away, ended};
use crate::clock::Clock;
use crate::id::JobId;
use crate::job::{Class, ClientId, Cost, Deadline, Ending, Failure, FailureCode, Job, MediaFile, Status};
use crate::registry::NewModel;
use crate::store::{Again, Blank, Filter, PutOutcome, Removal, RetryOutcome, Route, Submitted};

async fn cancelled(ground: &Ground, filter: &Filter, limit: u32) -> Vec<Job> {
    let mut jobs = ground.store.cancel_all("alice", filter, limit).await.unwrap();
    jobs.sort_by_key(|job| job.id);
    jobs
}

fn again(ground: &Ground) -> Again {
    Again { ended_by: ground.clock.now(), start_by: None, finish_by: None }
}

async fn retried(ground: &Ground, id: JobId) -> RetryOutcome {
    ground.store.retry("alice", id, again(ground)).await.unwrap()
}

pub async fn many_are_cancelled_by_every_field(ground: &Ground) {
    let mut special = ground.job();
    special.model = "other".into();
    special.class = Class::Bulk;
    special.bulk = Some(ground.ids.bulk());
    special.metadata.insert("a".into(), json!("1"));
    let filters = [
        Filter { model: Some("other".into()), ..Filter::default() },
        Filter { class: Some(Class::Bulk), ..Filter::default() },
        Filter { bulk: special.bulk, ..Filter::default() },
        Filter { metadata: special.metadata.clone(), ..Filter::default() },
        Filter { status: Some(Status::Queued), model: Some("other".into()), ..Filter::default() },
    ];
    let plain = ground.submitted(1).await[0];
    for filter in filters {
        let mut job = special.clone();
        job.id = ground.ids.job();
        ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
        let told = cancelled(ground, &filter, 100).await;
        assert_eq!(told.iter().map(|job| job.id).collect::<Vec<_>>(), [job.id], "{filter:?}");
        assert_eq!(ground.read(job.id).await, told[0]);
        assert_eq!(told[0].status, Status::Cancelled);
    }
    let chosen = Filter { ids: vec![plain], ..Filter::default() };
    assert!(ground.store.cancel_all("bob", &chosen, 100).await.unwrap().is_empty(), "it is alice's");
    assert_eq!(cancelled(ground, &chosen, 100).await.len(), 1);
}

pub async fn what_runs_is_asked_once_and_what_waits_ends(ground: &Ground) {
    let (_, claimed) = ground.claimed().await;
    let waiting = ground.submitted(1).await[0];
    let told = cancelled(ground, &Filter::default(), 100).await;
    let told: Vec<_> = told.iter().map(|job| (job.id, job.status, job.cancel_requested)).collect();
    assert_eq!(told, [(claimed.id, Status::Running, true), (waiting, Status::Cancelled, true)]);
    assert!(cancelled(ground, &Filter::default(), 100).await.is_empty(), "nobody is asked twice");
}

pub async fn many_are_cancelled_in_chunks(ground: &Ground) {
    ground.submitted(5).await;
    let filter = Filter { status: Some(Status::Queued), ..Filter::default() };
    for left in [2, 2, 1, 0] {
        assert_eq!(cancelled(ground, &filter, 2).await.len(), left);
    }
}

pub async fn a_models_queue_is_emptied_for_all_owners(ground: &Ground) {
    let (_, running) = ground.claimed().await;
    let hers = ground.submitted(1).await[0];
    let his = crate::testing::sample_job(&ground.ids, "bob");
    let mut other = ground.job();
    other.model = "other".into();
    ground.store.submit(&[his.clone(), other.clone()]).await.unwrap();
    let mut gone: Vec<_> =
        ground.store.cancel_queue("echo", 100).await.unwrap().iter().map(|job| job.id).collect();
    gone.sort();
    let mut expected = [hers, his.id];
    expected.sort();
    assert_eq!(gone, expected);
    assert_eq!(ground.read(running.id).await.status, Status::Running);
    assert_eq!(ground.read(other.id).await.status, Status::Queued);
}

pub async fn an_ended_job_runs_again_with_its_history(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let failure = Failure::permanent(FailureCode::InferenceFailed, "no");
    assert!(ground.settle(worker, ended(&claimed, Ending::Failed(failure)), None).await);
    ground.clock.advance(Duration::from_secs(5));
    let outcome = retried(ground, claimed.id).await;
    let RetryOutcome::Queued(job) = outcome else { panic!("{outcome:?}") };
    assert_eq!(*job, ground.read(claimed.id).await);
    assert_eq!((job.status, job.version, job.attempt), (Status::Queued, 4, 1));
    assert_eq!(job.available_at, ground.clock.now());
    assert_eq!((job.finished_at, job.purge_at, job.error), (None, None, None));

    super::workers::hand_over(ground, claimed.id).await;
    let second = ground.store.claim(worker, &[claimed.id]).await.unwrap().remove(0);
    assert_eq!((second.lease.attempt, second.failures), (2, 0), "failures are counted anew");
    assert!(ground.settle(worker, ended(&second, Ending::Failed(away())), None).await);
    let history = ground.store.attempts("alice", claimed.id).await.unwrap();
    let told: Vec<_> = history.iter().map(|attempt| (attempt.number, attempt.code)).collect();
    assert_eq!(told, [(1, FailureCode::InferenceFailed), (2, FailureCode::StorageUnavailable)]);
}

pub async fn what_a_retried_job_had_is_released_as_by_a_deletion(ground: &Ground) {
    let mut job = ground.job();
    job.blobs = vec!["inputs/0".into()];
    ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
    let worker = ground.worker().await;
    let claimed = ground.store.claim(worker, &[job.id]).await.unwrap().remove(0);
    ground.store.cancel("alice", job.id).await.unwrap();
    let segment = ground.segment(worker, 10);
    let mut settlement = ended(&claimed, Ending::Cancelled);
    settlement.range = Some((0, 10));
    settlement.files =
        vec![MediaFile { item: 0, key: "media/0".into(), content_type: "image/png".into(), bytes: 3 }];
    assert!(ground.settle(worker, settlement, Some(&segment)).await);

    assert!(matches!(retried(ground, job.id).await, RetryOutcome::Queued(_)));
    let read = ground.read(job.id).await;
    assert!(read.result.is_none() && read.files.is_empty() && !read.cancel_requested);
    assert_eq!(ground.store.garbage(10).await.unwrap(), ["media/0"], "its inputs stay");
    let lock = ground.store.lock_segment(&segment.key).await.unwrap().expect("there is a blank to write");
    assert_eq!(lock.plan(), [Blank { offset: 0, length: 10 }]);
    assert!(lock.is_dead());
}

pub async fn a_retried_job_has_new_deadlines_or_none(ground: &Ground) {
    let mut job = ground.job();
    let soon = ground.clock.now().plus(Duration::from_secs(1));
    (job.start_by, job.finish_by) = (Some(soon), Some(soon));
    ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
    ground.clock.advance(Duration::from_secs(1));
    assert_eq!(ground.store.expire(10).await.unwrap().len(), 1);
    let later = ground.clock.now().plus(Duration::from_secs(1));
    let with = Again { start_by: Some(later), ..again(ground) };
    ground.store.retry("alice", job.id, with).await.unwrap();
    let read = ground.read(job.id).await;
    assert_eq!((read.start_by, read.finish_by), (Some(later), None));
    ground.clock.advance(Duration::from_secs(1));
    let expired = ground.store.expire(10).await.unwrap();
    assert_eq!(expired[0].error, Some(Deadline::StartBy.failure()), "the new deadline counts");
    retried(ground, job.id).await;
    assert_eq!(ground.read(job.id).await.start_by, None);
}

pub async fn a_retried_job_waits_where_its_priority_and_its_deadline_put_it(ground: &Ground) {
    let soon = ground.clock.now().plus(Duration::from_mins(1));
    let retried = super::handover::waiting(ground, 4, |index, job| job.priority = [0, 0, 0, -1][index]).await;
    let newer = super::handover::waiting(ground, 3, |index, job| job.priority = [1, 0, 10][index]).await;
    let old = Filter { ids: retried.clone(), ..Filter::default() };
    assert_eq!(cancelled(ground, &old, 100).await.len(), 4);
    for (id, start_by, finish_by) in
        [(0, None, None), (1, Some(soon), None), (2, None, Some(soon)), (3, None, None)]
    {
        let with = Again { start_by, finish_by, ..again(ground) };
        ground.store.retry("alice", retried[id], with).await.unwrap();
    }
    let [plain, starting, finishing, patient] = retried[..] else { panic!("{retried:?}") };
    let due = super::handover::due(ground, 100).await;
    assert_eq!(due, [newer[2], starting, finishing, newer[0], plain, newer[1], patient]);
}

pub async fn what_has_not_ended_or_has_succeeded_is_not_retried(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let queued = ground.submitted(1).await[0];
    for id in [queued, claimed.id] {
        assert!(matches!(retried(ground, id).await, RetryOutcome::Refused(_)));
    }
    assert!(
        ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&ground.segment(worker, 10))).await
    );
    let outcome = retried(ground, claimed.id).await;
    assert!(matches!(outcome, RetryOutcome::Refused(job) if job.status == Status::Succeeded));
    let mut slice = ground.job();
    slice.bulk = Some(ground.ids.bulk());
    ground.store.submit(std::slice::from_ref(&slice)).await.unwrap();
    ground.store.cancel("alice", slice.id).await.unwrap();
    assert!(matches!(retried(ground, slice.id).await, RetryOutcome::Refused(_)), "its bulk retries it");
    assert_eq!(ground.store.retry("bob", queued, again(ground)).await.unwrap(), RetryOutcome::Unknown);
}

pub async fn what_names_another_owners_model_is_not_retried(ground: &Ground) {
    let ids = ground.submitted(2).await;
    cancelled(ground, &Filter::default(), 100).await;
    for (owner, is_hers) in [(Some("bob"), false), (Some("alice"), true), (None, true)] {
        let owner = owner.map(str::to_owned);
        let model = NewModel {
            owner: owner.clone(),
            name: "echo".to_owned(),
            source: "folder".to_owned(),
            files: Vec::new(),
            card: None,
        };
        assert!(matches!(ground.store.put_model(&model).await.unwrap(), PutOutcome::Put(..)));
        let many = ground.store.retry_all("alice", &Filter::default(), again(ground), 1).await.unwrap();
        assert_eq!(many.len(), usize::from(is_hers), "{owner:?}");
        let one = retried(ground, ids[1]).await;
        assert_eq!(matches!(one, RetryOutcome::Queued(_)), is_hers, "{owner:?}: {one:?}");
        cancelled(ground, &Filter::default(), 100).await;
        assert_eq!(ground.store.delete_model(owner.as_deref(), "echo").await.unwrap(), Removal::Deleted);
    }
}

pub async fn many_are_retried_and_those_that_end_anew_are_not(ground: &Ground) {
    let ids = ground.submitted(3).await;
    cancelled(ground, &Filter::default(), 100).await;
    let again = again(ground);
    let failed = Filter { status: Some(Status::Failed), ..Filter::default() };
    assert!(ground.store.retry_all("alice", &failed, again, 100).await.unwrap().is_empty());
    assert_eq!(ground.store.retry_all("alice", &Filter::default(), again, 2).await.unwrap().len(), 2);
    ground.clock.advance(Duration::from_millis(1));
    cancelled(ground, &Filter::default(), 100).await;
    let rest = ground.store.retry_all("alice", &Filter::default(), again, 100).await.unwrap();
    assert_eq!(rest.iter().map(|job| job.id).collect::<Vec<_>>(), ids[2..]);
}

pub async fn a_paused_queue_hands_nothing_over_and_claims_nothing(ground: &Ground) {
    ground.store.announce(&[crate::testing::card("echo", crate::job::Kind::Echo)]).await.unwrap();
    let route = Route { model: "echo".into(), class: Class::Interactive };
    let published = ground.submitted(1).await[0];
    let (_, running) = ground.claimed().await;
    ground.store.pause("echo").await.unwrap();
    let worker = ground.worker().await;
    assert!(ground.store.claim(worker, &[published]).await.unwrap().is_empty());
    let late = ground.submitted(1).await[0];
    assert!(ground.store.claim(worker, &[late]).await.unwrap().is_empty(), "its mark does not help");
    assert!(ground.store.due(&route, Cost::new(100), 100).await.unwrap().jobs.is_empty());
    let states = ground.store.routes(Duration::ZERO).await.unwrap();
    assert!(states.iter().all(|state| state.waiting), "newcomers are not admitted: {states:?}");
    assert_eq!(ground.read(running.id).await.status, Status::Running, "what runs goes on");
    let paused = ground.store.queues().await.unwrap();
    assert_eq!((&*paused[0].model, paused[0].draining_at), ("echo", None));

    assert!(ground.store.resume("echo").await.unwrap());
    assert!(!ground.store.resume("echo").await.unwrap());
    let due: Vec<_> =
        ground.store.due(&route, Cost::new(100), 100).await.unwrap().jobs.iter().map(|due| due.id).collect();
    assert_eq!(due, [published, late], "nothing is lost");
    assert_eq!(ground.store.claim(worker, &[published, late]).await.unwrap().len(), 2);
}

pub async fn another_models_queue_is_not_paused(ground: &Ground) {
    ground.store.pause("other").await.unwrap();
    ground.claimed().await;
}

pub async fn a_draining_model_says_so(ground: &Ground) {
    ground.store.announce(&[crate::testing::card("echo", crate::job::Kind::Echo)]).await.unwrap();
    assert!(!ground.store.models().await.unwrap()[0].draining);
    let id = ground.submitted(1).await[0];
    ground.store.drain_queue("echo").await.unwrap();
    assert!(ground.store.models().await.unwrap()[0].draining);
    let worker = ground.worker().await;
    assert_eq!(ground.store.claim(worker, &[id]).await.unwrap().len(), 1, "what is accepted runs");
    ground.store.resume("echo").await.unwrap();
    assert!(!ground.store.models().await.unwrap()[0].draining);
}

fn named(ground: &Ground, id: &str, body: u8) -> crate::job::NewJob {
    let mut job = ground.job();
    job.client_id = Some(ClientId { id: id.to_owned(), fingerprint: [body; 32] });
    job
}

pub async fn a_clients_id_names_one_job(ground: &Ground) {
    let first = named(ground, "order-1", 1);
    let plain = ground.job();
    ground.store.submit(&[first.clone(), plain]).await.unwrap();
    assert_eq!(ground.read(first.id).await.client_id.as_deref(), Some("order-1"));
    let names = ["order-1".to_owned(), "order-2".to_owned()];
    assert_eq!(ground.store.named("alice", &names).await.unwrap(), [(names[0].clone(), first.id)]);
    assert_eq!(ground.store.named("bob", &names).await.unwrap(), []);

    let (repeat, misuse, neighbour) =
        (named(ground, "order-1", 1), named(ground, "order-1", 2), ground.job());
    let mut his = named(ground, "order-1", 3);
    his.owner = "bob".into();
    let answers = ground.store.submit(&[repeat.clone(), neighbour.clone(), his]).await.unwrap();
    let [Submitted::Repeated(standing), Submitted::Created(_), Submitted::Created(_)] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(standing.id, first.id);
    assert!(ground.store.job("alice", repeat.id).await.unwrap().is_none());
    assert_eq!(ground.store.submit(&[misuse]).await.unwrap(), [Submitted::Mismatch]);

    ground.store.delete("alice", first.id).await.unwrap();
    let later = ground.store.submit(&[named(ground, "order-1", 2)]).await.unwrap();
    assert!(matches!(later[..], [Submitted::Created(_)]), "a deleted job's name is free");
}

pub async fn a_clients_id_twice_in_one_group_makes_one_job(ground: &Ground) {
    let (first, repeat, misuse) = (named(ground, "n", 1), named(ground, "n", 1), named(ground, "n", 2));
    let answers = ground.store.submit(&[first.clone(), repeat, misuse]).await.unwrap();
    let [Submitted::Created(created), Submitted::Repeated(standing), Submitted::Mismatch] = &answers[..]
    else {
        panic!("{answers:?}")
    };
    assert_eq!((created.id, standing.id), (first.id, first.id));
}
