use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection};

use crate::clock::{Clock, ManualClock};
use crate::config::StoreConfig;
use crate::job::EventType;
use crate::store::conformance::Ground;
use crate::store::conformance::events::heard;
use crate::store::conformance::webhooks::alices;
use crate::store::{Cursor, EventFilter, Postgres, Standing};
use crate::testing::Services;

async fn opened() -> (Ground, StoreConfig) {
    let clock = ManualClock::default();
    let database = Services::running().database().await;
    Postgres::migrate(&database).await.unwrap();
    let store = Postgres::with_clock(&database, Arc::new(clock.clone())).await.unwrap();
    (Ground::new(Arc::new(store), clock), database)
}

pub(in crate::store) async fn ground() -> (Ground, ()) {
    (opened().await.0, ())
}

async fn connection(database: &StoreConfig) -> PgConnection {
    PgConnection::connect(database.url.expose()).await.unwrap()
}

crate::store_conformance!(super::ground().await);

#[tokio::test]
async fn no_event_is_skipped_when_an_earlier_transaction_commits_later() {
    let (ground, database) = opened().await;
    let ids = ground.submitted(1).await;
    let before = heard(&ground, "alice", 1).await[0].at;
    let read = async |after| ground.store.events("alice", &EventFilter::default(), after, 10).await.unwrap();

    let mut slow = connection(&database).await;
    let mut earlier = slow.begin().await.unwrap();
    sqlx::query("update jobs set status = 'cancelled', version = 2 where id = $1")
        .bind(ids[0])
        .execute(&mut *earlier)
        .await
        .unwrap();
    let later = ground.submitted(1).await;
    let page = read(before).await;
    assert_eq!(page.events, [], "what is younger than an open transaction is not shown yet");
    earlier.commit().await.unwrap();

    heard(&ground, "alice", 3).await;
    let page = read(page.next).await;
    let told: Vec<_> = page.events.iter().map(|event| (event.kind, event.job.unwrap())).collect();
    assert_eq!(told, [(EventType::JobCancelled, ids[0]), (EventType::JobQueued, later[0])]);
}

#[tokio::test]
async fn events_are_forgotten_when_they_are_old_and_every_reader_has_passed_them() {
    let (ground, database) = opened().await;
    ground.submitted(3).await;
    let first = heard(&ground, "alice", 3).await[0].at;
    ground.clock.advance(Duration::from_hours(25));
    ground.submitted(1).await;
    let day_ago = ground.clock.now().minus(Duration::from_hours(24));
    assert_eq!(ground.store.purge_events(day_ago, 100).await.unwrap(), 0, "webhooks have not passed them");

    let passed = heard(&ground, "alice", 4).await[1].at;
    let mut admin = connection(&database).await;
    let pass = async |admin: &mut PgConnection, to: Cursor| {
        sqlx::query("update cursors set xid = $1::text::xid8, seq = $2 where name = 'webhooks'")
            .bind(to.xid.to_string())
            .bind(to.seq)
            .execute(admin)
            .await
            .unwrap();
    };
    pass(&mut admin, passed).await;
    assert_eq!(ground.store.purge_events(day_ago, 100).await.unwrap(), 2);
    pass(&mut admin, Cursor { xid: i64::MAX, seq: 0 }).await;
    assert_eq!(ground.store.purge_events(day_ago, 100).await.unwrap(), 1, "the last one is young");
    assert_eq!(heard(&ground, "alice", 1).await.len(), 1);

    let standing = async |after| {
        ground.store.events("alice", &EventFilter::default(), after, 10).await.unwrap().standing
    };
    assert_eq!(standing(first).await, Standing::Forgotten);
    assert_eq!(standing(Cursor::START).await, Standing::Kept);
}

#[tokio::test]
async fn an_event_that_commits_late_is_told_to_webhooks_too() {
    let (ground, database) = opened().await;
    alices(&ground).await;
    let ids = ground.submitted(2).await;
    let mut slow = connection(&database).await;
    let mut earlier = slow.begin().await.unwrap();
    sqlx::query("update jobs set status = 'cancelled', version = 2 where id = $1")
        .bind(ids[0])
        .execute(&mut *earlier)
        .await
        .unwrap();
    ground.store.cancel("alice", ids[1]).await.unwrap();
    let mut told = 0;
    for _ in 0..5 {
        told += ground.store.fan_out(1000, &ground.ids).await.unwrap().deliveries;
    }
    assert_eq!(told, 0, "the younger one waits for the older");
    earlier.commit().await.unwrap();
    heard(&ground, "alice", 4).await;
    while told < 2 {
        told += ground.store.fan_out(1000, &ground.ids).await.unwrap().deliveries;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(told, 2);
}
