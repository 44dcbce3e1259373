//! Handing queued jobs to the broker.

use std::time::Duration;

use super::{Ground, away, ended};
use crate::id::JobId;
use crate::job::{Class, Cost, Ending, Kind, NewJob};
use crate::store::Route;
use crate::testing::card;

const OVERDUE: Duration = Duration::from_secs(5);

fn route() -> Route {
    Route { model: "echo".into(), class: Class::Interactive }
}

async fn waiting(ground: &Ground, count: usize, change: impl Fn(usize, &mut NewJob)) -> Vec<JobId> {
    let mut jobs: Vec<_> = (0..count).map(|_| ground.job()).collect();
    for (index, job) in jobs.iter_mut().enumerate() {
        job.published = false;
        change(index, job);
    }
    ground.store.submit(&jobs).await.unwrap();
    jobs.iter().map(|job| job.id).collect()
}

async fn due(ground: &Ground, room: u64) -> Vec<JobId> {
    let due = ground.store.due(&route(), Cost::new(room), 100).await.unwrap();
    due.into_iter().map(|due| due.id).collect()
}

pub async fn what_is_published_is_not_due(ground: &Ground) {
    ground.submitted(1).await;
    let ids = waiting(ground, 1, |_, _| {}).await;
    assert_eq!(due(ground, 100).await, ids);
    assert!(due(ground, 100).await.is_empty());
}

pub async fn due_jobs_come_by_priority_then_age(ground: &Ground) {
    let ids = waiting(ground, 3, |index, job| job.priority = [0, 5, 0][index]).await;
    assert_eq!(due(ground, 100).await, [ids[1], ids[0], ids[2]]);
}

pub async fn due_stops_when_the_room_is_used_up(ground: &Ground) {
    let ids = waiting(ground, 4, |_, job| job.cost = Cost::new(3)).await;
    assert_eq!(due(ground, 6).await, ids[..2]);
    assert!(due(ground, 0).await.is_empty());
    assert_eq!(ground.store.due(&route(), Cost::new(100), 1).await.unwrap().len(), 1);
}

pub async fn a_job_too_large_for_the_room_still_goes_alone(ground: &Ground) {
    let ids = waiting(ground, 2, |_, job| job.cost = Cost::new(1000)).await;
    assert_eq!(due(ground, 1).await, ids[..1]);
}

pub async fn concurrent_callers_get_different_jobs(ground: &Ground) {
    let ids = waiting(ground, 20, |_, _| {}).await;
    let (hers, his) = tokio::join!(due(ground, 10), due(ground, 10));
    let mut all = [hers, his].concat();
    // One caller may have looked at rows that it then had no room for; they are there the next time.
    all.extend(due(ground, 100).await);
    all.sort();
    assert_eq!(all, ids, "each job once");
}

pub async fn a_retry_is_not_due_before_its_time(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    assert!(ground.settle(worker, ended(&claimed, Ending::Retry(away(), OVERDUE)), None).await);
    assert!(due(ground, 100).await.is_empty());
    ground.clock.advance(OVERDUE);
    assert_eq!(due(ground, 100).await, [claimed.id]);
}

pub async fn routes_tell_what_is_handed_over_and_what_waits(ground: &Ground) {
    ground.store.announce(&[card("echo", Kind::Echo)]).await.unwrap();
    let mut published = ground.job();
    published.cost = Cost::new(7);
    ground.store.submit(&[published]).await.unwrap();
    ground.clock.advance(OVERDUE);
    waiting(ground, 1, |_, job| job.class = Class::Bulk).await;
    let routes = ground.store.routes(OVERDUE).await.unwrap();
    let told: Vec<_> = routes
        .into_iter()
        .map(|state| (state.route.class, state.published.units(), state.overdue, state.waiting))
        .collect();
    assert_eq!(told, [(Class::Interactive, 7, 1, false), (Class::Bulk, 0, 0, true)]);
}

pub async fn a_refused_publication_is_due_again(ground: &Ground) {
    let ids = ground.submitted(2).await;
    assert_eq!(ground.store.unpublish(&ids[..1]).await.unwrap(), 1);
    assert_eq!(due(ground, 100).await, ids[..1]);
}

pub async fn lost_messages_are_recovered_oldest_first(ground: &Ground) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.extend(ground.submitted(1).await);
    }
    assert_eq!(ground.store.recover(&route(), OVERDUE, 0).await.unwrap(), 0, "young marks are trusted");
    ground.clock.advance(OVERDUE);
    assert_eq!(ground.store.recover(&route(), OVERDUE, 1).await.unwrap(), 3);
    assert_eq!(due(ground, 100).await, ids[..3]);
}

pub async fn depths_count_queued_and_running(ground: &Ground) {
    let (_, claimed) = ground.claimed().await;
    let id = ground.submitted(1).await[0];
    let depths = ground.store.depths().await.unwrap();
    assert_eq!(depths.len(), 1);
    assert_eq!((depths[0].queued, depths[0].running), (1, 1));
    assert_eq!(depths[0].oldest, Some(ground.read(id).await.available_at));
    assert_ne!(claimed.id, id);
}
