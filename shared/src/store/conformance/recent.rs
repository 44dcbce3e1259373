//! What became of the latest jobs.

use super::{Ground, away, ended};
use crate::job::{Class, Ending, Failure, FailureCode, NewJob, Status};

pub async fn the_latest_jobs_tell_how_they_ended(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    ground.submitted(1).await;
    let bulk = NewJob { class: Class::Bulk, ..ground.job() };
    let bobs = NewJob { owner: "bob".to_owned(), ..ground.job() };
    let failing = ground.job();
    ground.store.submit(&[bulk.clone(), bobs.clone(), failing.clone()]).await.unwrap();
    assert!(ground.store.recent("alice").await.unwrap().is_empty(), "none has ended");

    ground.clock.advance(std::time::Duration::from_secs(3));
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&segment)).await);
    for claimed in ground.store.claim(worker, &[bulk.id, bobs.id, failing.id]).await.unwrap() {
        let failure = Failure::permanent(FailureCode::AllItemsFailed, "none of the items succeeded");
        assert!(ground.settle(worker, ended(&claimed, Ending::Failed(failure)), None).await);
    }
    let told = ground.store.recent("alice").await.unwrap();
    let statuses: Vec<_> = told.iter().map(|job| job.status).collect();
    assert_eq!(statuses, [Status::Failed, Status::Succeeded], "newest first, bulk and others' left out");
    let job = ground.read(claimed.id).await;
    assert_eq!((told[1].model.as_str(), told[1].created_at), ("echo", job.created_at));
    assert_eq!(Some(told[1].finished_at), job.finished_at);
    assert_eq!(ground.store.recent("bob").await.unwrap().len(), 1);
}

pub async fn a_job_that_is_tried_again_has_not_ended(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let again = Ending::Retry(away(), std::time::Duration::from_secs(1));
    assert!(ground.settle(worker, ended(&claimed, again), None).await);
    assert!(ground.store.recent("alice").await.unwrap().is_empty());
}
