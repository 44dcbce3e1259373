//! The database's clock, read without asking it each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use sqlx::PgPool;

use crate::clock::{Clock, Timestamp, micros};
use crate::shutdown::Tasks;
use crate::store::StoreResult;

/// How often the clocks are compared: a quartz drifts less than a millisecond in that time.
const COMPARE_EVERY: Duration = Duration::from_secs(10);

/// A reading that took longer says too little: it is right to within half of this.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// The database's clock: its last reading plus what a monotonic clock says has passed since.
///
/// It is right to within half a round trip, and no caller's time of day enters it. A machine that slept shows an instant
/// that is too early until the next comparison, so it can only overrate its own lease; whether the lease had been given
/// away is decided by the worker's row, which the reaper has then closed.
#[derive(Clone, Debug)]
pub struct DatabaseClock {
    started: Instant,
    /// The database's microseconds when `started` was taken.
    origin: Arc<AtomicI64>,
}

impl DatabaseClock {
    /// Reads the clock now, and again from time to time for as long as `tasks` run.
    pub(super) async fn follow(pool: PgPool, tasks: &Tasks) -> StoreResult<Self> {
        let clock = Self { started: Instant::now(), origin: Arc::new(AtomicI64::new(0)) };
        clock.compare(&pool).await?;
        let follower = clock.clone();
        let stopping = tasks.stopped();
        tasks.spawn("store clock", async move {
            let compare_for_ever = async {
                loop {
                    tokio::time::sleep(COMPARE_EVERY).await;
                    if let Err(error) = follower.compare(&pool).await {
                        tracing::debug!(%error, "the database's clock could not be read");
                    }
                }
            };
            tokio::select! {
                () = compare_for_ever => {}
                () = stopping => {}
            }
        });
        Ok(clock)
    }

    async fn compare(&self, pool: &PgPool) -> StoreResult<()> {
        let mut connection = pool.acquire().await?;
        let asked = self.started.elapsed();
        let there: Timestamp = sqlx::query_scalar(
            "-- store.clock
             select clock_timestamp()",
        )
        .fetch_one(&mut *connection)
        .await?;
        let took = self.started.elapsed().saturating_sub(asked);
        if took > ROUND_TRIP && self.origin.load(Ordering::Relaxed) != 0 {
            tracing::debug!(?took, "the database's clock was read too slowly to be trusted");
            return Ok(());
        }
        let between = asked + took / 2;
        self.origin.store(there.micros() - micros(between), Ordering::Relaxed);
        Ok(())
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.origin.load(Ordering::Relaxed) + micros(self.started.elapsed()))
    }
}
