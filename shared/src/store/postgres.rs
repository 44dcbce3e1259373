//! The store on Postgres, for a fleet.
//!
//! Many rows travel in one statement as arrays. Rows are always locked in the order of their ids, so that no two
//! statements can wait for each other.

/// What is set in a job that is to stop: one that waits ends, one that runs is asked.
macro_rules! cancelled {
    ($now:literal) => {
        concat!(
            "cancel_requested = true,
             status = case when status = 'queued' then 'cancelled' else status end,
             version = case when status = 'queued' then version + 1 else version end,
             changed_at = case when status = 'queued' then ",
            $now,
            " else changed_at end, finished_at = case when status = 'queued' then ",
            $now,
            " else finished_at end, purge_at = case when status = 'queued' then ",
            $now,
            " + (keep ->> 'cancelled')::bigint * interval '1 microsecond' else purge_at end"
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
            ", attempt = attempt - 1, worker = null, started_at = case when attempt > 1 then started_at end,
             error_code = case when not cancel_requested and finish_by <= ",
            $now,
            " then 'finish_by_passed' else error_code end,
             error_message = case when not cancel_requested and finish_by <= ",
            $now,
            " then 'the job had not ended by its `finish_by`' else error_message end,
             finished_at = case when cancel_requested or finish_by <= ",
            $now,
            " then ",
            $now,
            " end, purge_at = case when cancel_requested or finish_by <= ",
            $now,
            " then ",
            $now,
            " + (keep ->> case when cancel_requested then 'cancelled' else 'expired' end)::bigint * interval '1 microsecond'
             end"
        )
    };
}

mod attempts;
mod bulks;
mod cache;
mod clock;
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

use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{Acquire, PgPool};

use super::{Store, StoreError, StoreResult};
use crate::clock::{Clock, Timestamp};
use crate::config::StoreConfig;
use crate::shutdown::Tasks;
pub use clock::DatabaseClock;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations/postgres");

/// The store on Postgres.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
    clock: Arc<dyn Clock>,
}

impl Postgres {
    /// Opens the database that `config` names and keeps time with it; refuses a schema other than this program's.
    pub async fn open(config: &StoreConfig, tasks: &Tasks) -> StoreResult<Self> {
        let pool = pool(config).await?;
        check_schema(&pool).await?;
        let clock = DatabaseClock::follow(pool.clone(), tasks).await?;
        Ok(Self { pool, clock: Arc::new(clock) })
    }

    /// Opens the database under a clock of the caller's.
    pub async fn with_clock(config: &StoreConfig, clock: Arc<dyn Clock>) -> StoreResult<Self> {
        Ok(Self { pool: pool(config).await?, clock })
    }

    /// Brings the database's schema up to this program's.
    pub async fn migrate(config: &StoreConfig) -> StoreResult<()> {
        let pool = pool(config).await?;
        MIGRATIONS.run(&pool).await.map_err(|error| StoreError::Unavailable(error.into()))
    }

    async fn read<T, F>(&self, op: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        let mut connection = self.pool.acquire().await?;
        op(&mut connection).await
    }

    /// One statement, which is its own transaction.
    async fn write<T, F>(&self, op: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        self.read(op).await
    }

    /// Several statements that count together or not at all.
    async fn transact<T, F>(&self, op: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        let answer = op(&mut transaction).await?;
        transaction.commit().await?;
        Ok(answer)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Store for Postgres {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

super::alike::stores!(Postgres, sqlx::Postgres);
super::alike::depths!(Postgres, sqlx::Postgres);
super::alike::recent!(Postgres, sqlx::Postgres);
super::alike::explain!(Postgres, sqlx::Postgres);
super::alike::rates!(Postgres, sqlx::Postgres);
super::alike::files!(Postgres, sqlx::Postgres);
super::alike::uploads!(Postgres, sqlx::Postgres);
super::alike::names!(sqlx::Postgres);
super::alike::registry!(Postgres, sqlx::Postgres);
super::alike::residency!(Postgres, sqlx::Postgres);
super::alike::webhook_stores!(Postgres, sqlx::Postgres);
super::alike::delivery_stores!(Postgres, sqlx::Postgres);
super::alike::schedules!(Postgres, sqlx::Postgres, Postgres::insert);

async fn pool(config: &StoreConfig) -> StoreResult<PgPool> {
    let options: PgConnectOptions = config.url.expose().parse()?;
    PgPoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(config.acquire_timeout.get())
        // Compiling a statement takes a hundred times as long as any of ours runs.
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::query("set jit = off").execute(connection).await.map(|_| ()) })
        })
        .connect_with(options.application_name("forebay"))
        .await
        .map_err(StoreError::from)
}

async fn check_schema(pool: &PgPool) -> StoreResult<()> {
    let needed = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0).to_string();
    let applied: Result<Option<i64>, sqlx::Error> =
        sqlx::query_scalar("select max(version) from _sqlx_migrations where success").fetch_one(pool).await;
    let found = match applied {
        Ok(version) => version.map_or_else(|| "empty".to_owned(), |version| version.to_string()),
        Err(sqlx::Error::Database(_)) => "empty".to_owned(),
        Err(error) => return Err(error.into()),
    };
    if found == needed { Ok(()) } else { Err(StoreError::Schema { found, needed }) }
}

#[cfg(all(test, feature = "services"))]
pub(super) mod tests;
