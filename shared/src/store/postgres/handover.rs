//! Handing queued jobs to the broker, on Postgres.

mod due;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use due::{look, mark, quotas, wake};

use super::Postgres;
use super::jobs::column;
use crate::id::JobId;
use crate::job::Cost;
use crate::job::fair::{Choice, choose, seat};
use crate::store::handover::PREFIX;
use crate::store::row::{LineRow, RouteRow};
use crate::store::{Handed, Handover, Route, RouteState, StoreResult};

/// Looks at what is due before the route's clock is locked: each costs one statement, and one more if anything goes. When
/// others come in between so often, one waits for its turn.
const TRIES: usize = 3;

#[async_trait]
impl Handover for Postgres {
    async fn routes(&self, overdue: Duration) -> StoreResult<Vec<RouteState>> {
        let now = self.now();
        // Each number comes from a partial index that holds only what is published, or only one row of what waits.
        let rows: Vec<RouteRow> = sqlx::query_as(
            "-- store.routes
             select m.name as model, c.class, p.published, p.overdue,
                 exists (
                     select 1 from jobs where model = m.name and class = c.class and status = 'queued'
                         and published_at is null and not parked
                 ) or exists (
                     select 1 from jobs where model = m.name and class = c.class and status = 'queued' and parked
                         and available_at <= $1
                 ) or exists (
                     -- whatever comes is to wait for the queue to be resumed
                     select 1 from queues q where q.model = m.name and q.paused_at is not null
                 ) as waiting
             from models m
             cross join (values ('interactive'), ('bulk')) as c (class)
             cross join lateral (
                 select coalesce(sum(cost), 0)::bigint as published, count(*) filter (where published_at <= $2) as overdue
                 from jobs where model = m.name and class = c.class and status = 'queued' and published_at is not null
             ) as p
             order by m.name, c.class desc",
        )
        .bind(now)
        .bind(now.minus(overdue))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(RouteRow::state).collect()
    }

    async fn due(&self, route: &Route, window: Cost, limit: u32) -> StoreResult<Handed> {
        let limit = limit as usize;
        for _ in 0..TRIES {
            let (turn, out, rows) = look(&self.pool, route, self.now(), (PREFIX, seat(window))).await?;
            let Some(turn) = turn else { break };
            match choose(LineRow::lines(rows, &HashMap::new())?, turn.clock, out.room(window, limit)?) {
                Choice::Go(going) if going.jobs.is_empty() => {
                    return Ok(Handed::new(Vec::new(), going, turn.clock));
                }
                Choice::Go(going) => {
                    let due = mark(&self.pool, route, self.now(), (&going, Some(&turn.seen))).await?;
                    if !due.is_empty() {
                        return Ok(Handed::new(due, going, turn.clock));
                    }
                }
                Choice::LookFurther => break,
            }
        }
        self.due_in_turn(route, window, limit).await
    }

    async fn unpublish(&self, ids: &[JobId]) -> StoreResult<u64> {
        let cleared = sqlx::query(
            "-- store.unpublish
             update jobs set published_at = null where id in (
                 select id from jobs where id = any($1) and status = 'queued' and published_at is not null
                 order by id for update
             )",
        )
        .bind(ids)
        .execute(&self.pool)
        .await?;
        Ok(cleared.rows_affected())
    }

    async fn recover(&self, route: &Route, overdue: Duration, kept: u64) -> StoreResult<u64> {
        // The broker hands over in order, so the messages it still has are those of the youngest marks.
        let cleared = sqlx::query(
            "-- store.recover
             update jobs set published_at = null where id in (
                 select id from jobs
                 where model = $1 and class = $2 and status = 'queued' and published_at <= $3
                 order by published_at desc offset $4 for update skip locked
             )",
        )
        .bind(&route.model)
        .bind(route.class.as_str())
        .bind(self.now().minus(overdue))
        .bind(kept.cast_signed())
        .execute(&self.pool)
        .await?;
        Ok(cleared.rows_affected())
    }
}

impl Postgres {
    /// The same one after the other: where keys have limits, where jobs wait to be woken, and when it is the first time.
    async fn due_in_turn(&self, route: &Route, window: Cost, limit: usize) -> StoreResult<Handed> {
        let (route, now) = (route.clone(), self.now());
        self.transact(move |connection| {
            Box::pin(async move {
                // The row is locked, so one replica after the other fills this route, and each sees what is there by then.
                let (clock, paused): (i64, bool) = sqlx::query_as(
                    "-- store.due: clock
                     insert into clocks (model, class, at) values ($1, $2, 0)
                     on conflict (model, class) do update set at = clocks.at
                     returning at, exists (select 1 from queues q where q.model = $1 and q.paused_at is not null)",
                )
                .bind(&route.model)
                .bind(route.class.as_str())
                .fetch_one(&mut *connection)
                .await?;
                if paused {
                    return Ok(Handed::paused());
                }
                let woke = wake(connection, &route, now).await?;
                let mut prefix = PREFIX;
                loop {
                    let (_, out, rows) = look(&mut *connection, &route, now, (prefix, seat(window))).await?;
                    let quotas = quotas(connection, &LineRow::keys(&rows)).await?;
                    let room = out.room(window, limit)?;
                    let clock = clock.cast_unsigned();
                    match choose(LineRow::lines(rows, &quotas)?, clock, room) {
                        Choice::Go(mut going) => {
                            going.left |= woke;
                            if going.jobs.is_empty() {
                                return Ok(Handed::new(Vec::new(), going, clock));
                            }
                            let due = mark(connection, &route, now, (&going, None)).await?;
                            return Ok(Handed::new(due, going, clock));
                        }
                        Choice::LookFurther => prefix *= 4,
                    }
                }
            })
        })
        .await
    }
}

#[cfg(all(test, feature = "services"))]
mod tests;
