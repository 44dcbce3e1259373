use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::clock::{Clock, ManualClock};
use crate::shutdown::Tasks;
use crate::store::conformance::Ground;
use crate::store::conformance::events::heard;
use crate::store::{Cursor, EventFilter, Sqlite, Standing};

pub(in crate::store) async fn ground() -> (Ground, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::default();
    let store = Sqlite::open(&folder.path().join("forebay.db"), Arc::new(clock.clone()), &Tasks::new()).await;
    (Ground::new(Arc::new(store.unwrap()), clock), folder)
}

async fn connection(folder: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(folder.join("forebay.db")).connect().await.unwrap()
}

crate::store_conformance!(super::ground().await);

#[tokio::test]
async fn events_are_forgotten_when_they_are_old_and_every_reader_has_passed_them() {
    let (ground, folder) = ground().await;
    ground.submitted(3).await;
    let first = heard(&ground, "alice", 3).await[0].at;
    ground.clock.advance(Duration::from_hours(25));
    ground.submitted(1).await;
    let day_ago = ground.clock.now().minus(Duration::from_hours(24));
    assert_eq!(ground.store.purge_events(day_ago, 100).await.unwrap(), 0, "webhooks have not passed them");

    let mut admin = connection(folder.path()).await;
    let pass = async |admin: &mut SqliteConnection, to: i64| {
        sqlx::query("update cursors set seq = $1 where name = 'webhooks'")
            .bind(to)
            .execute(admin)
            .await
            .unwrap();
    };
    pass(&mut admin, 2).await;
    assert_eq!(ground.store.purge_events(day_ago, 100).await.unwrap(), 2);
    pass(&mut admin, i64::MAX).await;
    assert_eq!(ground.store.purge_events(day_ago, 100).await.unwrap(), 1, "the last one is young");
    assert_eq!(heard(&ground, "alice", 1).await.len(), 1);

    let standing = async |after| {
        ground.store.events("alice", &EventFilter::default(), after, 10).await.unwrap().standing
    };
    assert_eq!(standing(first).await, Standing::Forgotten);
    assert_eq!(standing(Cursor::START).await, Standing::Kept);
}
