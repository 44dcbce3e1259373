//! Sums of what waits.

use std::time::Duration;

use super::handover::{due, waiting};
use super::{Ground, away, ended};
use crate::job::{Cost, Ending};

const LATER: Duration = Duration::from_secs(5);

/// The sums of what waits follow every arrow of a job's life.
pub async fn loads_are_the_sums_of_what_waits(ground: &Ground) {
    let sums = async || {
        let mut sums: Vec<_> = ground
            .store
            .loads()
            .await
            .unwrap()
            .into_iter()
            .map(|load| (load.owner, load.jobs, load.cost.units()))
            .collect();
        sums.sort();
        sums
    };
    let sum = |owner: &str, jobs, cost| (owner.to_owned(), jobs, cost);
    let ids = waiting(ground, 6, |index, job| {
        job.owner = ["alice", "bob"][index / 4].into();
        job.cost = Cost::new(10);
    })
    .await;
    assert_eq!(sums().await, [sum("alice", 4, 40), sum("bob", 2, 20)]);
    let worker = ground.worker().await;
    due(ground, 1000).await;
    assert_eq!(sums().await, [sum("alice", 4, 40), sum("bob", 2, 20)], "what is handed over waits still");
    let claimed = ground.store.claim(worker, &ids[..2]).await.unwrap();
    assert_eq!(sums().await, [sum("alice", 2, 20), sum("bob", 2, 20)]);
    ground.store.fold_loads().await.unwrap();
    ground.store.cancel("bob", ids[4]).await.unwrap();
    ground.store.release(worker, &[(claimed[0].id, 1)]).await.unwrap();
    assert_eq!(sums().await, [sum("alice", 3, 30), sum("bob", 1, 10)]);
    ground.store.delete("bob", ids[5]).await.unwrap();
    assert!(ground.settle(worker, ended(&claimed[1], Ending::Retry(away(), LATER)), None).await);
    ground.store.fold_loads().await.unwrap();
    assert_eq!(sums().await, [sum("alice", 4, 40)]);
    assert_eq!(ground.store.fold_loads().await.unwrap(), 0);
}
