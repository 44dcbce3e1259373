//! What stands on routes, in all or before one job.

use super::Ground;
use super::handover::{due, waiting};
use crate::job::Cost;

pub async fn depths_count_queued_and_running(ground: &Ground) {
    let (_, claimed) = ground.claimed().await;
    let id = ground.submitted(1).await[0];
    let depths = ground.store.depths().await.unwrap();
    assert_eq!(depths.len(), 1);
    assert_eq!((depths[0].queued, depths[0].running), (1, 1));
    assert_eq!(depths[0].oldest, Some(ground.read(id).await.available_at));
    assert_ne!(claimed.id, id);
}

pub async fn a_job_knows_what_stands_before_it(ground: &Ground) {
    let ids = waiting(ground, 5, |index, job| {
        job.owner = ["alice", "alice", "alice", "alice", "bob"][index].into();
        job.priority = [0, 0, 5, 0, 9][index];
        job.cost = Cost::new(10);
    })
    .await;
    let ahead = async |owner: &str, id| {
        let ahead = ground.store.ahead(owner, id).await.unwrap();
        ahead.map(|ahead| (ahead.jobs, ahead.cost.units(), ahead.own.units(), ahead.at_least))
    };
    assert_eq!(ahead("alice", ids[3]).await, Some((3, 30, 10, false)));
    assert_eq!(ahead("alice", ids[2]).await, Some((0, 0, 10, false)));
    assert_eq!(ahead("bob", ids[4]).await, Some((0, 0, 10, false)), "others' jobs are not in its line");
    assert_eq!(ahead("bob", ids[3]).await, None, "not its job");
    let handed = due(ground, 1).await;
    assert_eq!(handed, [ids[4], ids[2]]);
    assert_eq!(ahead("alice", ids[0]).await, Some((1, 10, 10, false)), "what is handed over goes first");
    assert_eq!(ahead("alice", ids[2]).await, Some((0, 0, 10, false)));
}
