//! The store on SQLite, for `forebay serve`.
//!
//! One process, one writer. Readers have their own connections and never wait for it. Ids travel in groups as a JSON
//! array of hexadecimal words.

/// What is set in a job that is to stop: one that waits ends, one that runs is asked.
macro_rules! cancelled {
    ($now:literal) => {
        concat!(
            "cancel_requested = 1,
             status = iif(status = 'queued', 'cancelled', status),
             version = iif(status = 'queued', version + 1, version),
             changed_at = iif(status = 'queued', ",
            $now,
            ", changed_at), finished_at = iif(status = 'queued', ",
            $now,
            ", finished_at), purge_at = iif(status = 'queued', ",
            $now,
            " + json_extract(keep, '$.cancelled'), purge_at)"
        )
    };
}

/// What is set in a job whose claim is taken back as if it had never been. One that was asked to stop ends instead, and
/// so does one whose time is over.
macro_rules! taken_back {
    ($now:literal) => {
        concat!(
            "status = case when cancel_requested then 'cancelled' when finish_by <= ",
            $now,
            " then 'expired' else 'queued' end,
             version = version + 1, changed_at = ",
            $now,
            ", attempt = attempt - 1, worker = null, started_at = iif(attempt > 1, started_at, null),
             error_code = iif(not cancel_requested and finish_by <= ",
            $now,
            ", 'finish_by_passed', error_code),
             error_message = iif(not cancel_requested and finish_by <= ",
            $now,
            ", 'the job had not ended by its `finish_by`', error_message),
             finished_at = iif(cancel_requested or finish_by <= ",
            $now,
            ", ",
            $now,
            ", null), purge_at = iif(cancel_requested or finish_by <= ",
            $now,
            ", ",
            $now,
            " + json_extract(keep, iif(cancel_requested, '$.cancelled', '$.expired')), null)"
        )
    };
}

mod attempts;
mod bulks;
mod cache;
mod deliveries;
mod events;
mod expiry;
mod files;
mod handover;
mod jobs;
mod loads;
mod recall;
mod registry;
mod retention;
mod revival;
mod segments;
mod storage;
mod workers;
mod writer;

use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqlitePool};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Store, StoreError, StoreResult};
use crate::clock::{Clock, Timestamp};
use crate::shutdown::Tasks;
use writer::Writer;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/sqlite");

/// Reading connections: as many as read at once without waiting; each costs a file handle and a page cache of 2 MB.
const READERS: u32 = 4;

/// The store on SQLite.
#[derive(Clone, Debug)]
pub struct Sqlite {
    readers: SqlitePool,
    writer: Writer,
    /// Held while a segment's object is rewritten; one at a time is enough for one process.
    segments: Arc<Mutex<()>>,
    clock: Arc<dyn Clock>,
}

impl Sqlite {
    /// Opens or makes the database file, brings its schema up to date, and starts its writer.
    pub async fn open(file: &Path, clock: Arc<dyn Clock>, tasks: &Tasks) -> StoreResult<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit that was answered survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(5));
        let mut connection = options.connect().await?;
        MIGRATIONS.run(&mut connection).await.map_err(|error| StoreError::Unavailable(error.into()))?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await?;
        let writer = Writer::start(connection, tasks);
        Ok(Self { readers, writer, segments: Arc::default(), clock })
    }

    async fn read<T, F>(&self, op: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        let mut connection = self.readers.acquire().await?;
        op(&mut connection).await
    }

    /// Statements that count together or not at all. They share a commit with whatever else is being written.
    async fn write<T, F>(&self, op: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, StoreResult<T>> + Send + 'static,
    {
        self.writer.write(op).await
    }

    /// The same as `write`, which is always a transaction here.
    async fn transact<T, F>(&self, op: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, StoreResult<T>> + Send + 'static,
    {
        self.writer.write(op).await
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Store for Sqlite {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

super::alike::stores!(Sqlite, sqlx::Sqlite);
super::alike::depths!(Sqlite, sqlx::Sqlite);
super::alike::recent!(Sqlite, sqlx::Sqlite);
super::alike::explain!(Sqlite, sqlx::Sqlite);
super::alike::rates!(Sqlite, sqlx::Sqlite);
super::alike::files!(Sqlite, sqlx::Sqlite);
super::alike::uploads!(Sqlite, sqlx::Sqlite);
super::alike::names!(sqlx::Sqlite);
super::alike::registry!(Sqlite, sqlx::Sqlite);
super::alike::residency!(Sqlite, sqlx::Sqlite);
super::alike::webhook_stores!(Sqlite, sqlx::Sqlite);
super::alike::delivery_stores!(Sqlite, sqlx::Sqlite);
super::alike::schedules!(Sqlite, sqlx::Sqlite, jobs::insert);

/// Ids as `json_each` and `unhex` read them.
fn ids<I: Into<Uuid>>(ids: impl IntoIterator<Item = I>) -> String {
    let words: Vec<String> = ids.into_iter().map(|id| id.into().simple().to_string()).collect();
    serde_json::json!(words).to_string()
}

#[cfg(test)]
pub(super) mod tests;
