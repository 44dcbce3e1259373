use std::sync::Arc;

use crate::clock::ManualClock;
use crate::shutdown::Tasks;
use crate::store::Sqlite;
use crate::store::conformance::Ground;

async fn ground() -> (Ground, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::default();
    let store = Sqlite::open(&folder.path().join("forebay.db"), Arc::new(clock.clone()), &Tasks::new()).await;
    (Ground::new(Arc::new(store.unwrap()), clock), folder)
}

crate::store_conformance!(super::ground().await);
