use std::sync::Arc;

use crate::clock::ManualClock;
use crate::store::Postgres;
use crate::store::conformance::Ground;
use crate::testing::Services;

async fn ground() -> (Ground, ()) {
    let clock = ManualClock::default();
    let database = Services::running().database().await;
    Postgres::migrate(&database).await.unwrap();
    let store = Postgres::with_clock(&database, Arc::new(clock.clone())).await.unwrap();
    (Ground::new(Arc::new(store), clock), ())
}

crate::store_conformance!(super::ground().await);
