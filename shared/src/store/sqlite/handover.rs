//! Handing queued jobs to the queue, on SQLite.

mod due;

use std::time::Duration;

use async_trait::async_trait;
use due::{out, pay, quotas, waiting, wake};

use super::{Sqlite, ids};
use crate::id::JobId;
use crate::job::Cost;
use crate::job::fair::{Choice, choose, seat};
use crate::store::handover::PREFIX;
use crate::store::row::{DueRow, LineRow, RouteRow};
use crate::store::{Handed, Handover, Route, RouteState, StoreResult};

#[async_trait]
impl Handover for Sqlite {
    async fn routes(&self, overdue: Duration) -> StoreResult<Vec<RouteState>> {
        let now = self.now();
        let rows: Vec<RouteRow> = sqlx::query_as(
            "-- store.routes
             select m.name as model, c.class,
                 (
                     select coalesce(sum(cost), 0) from jobs
                     where model = m.name and class = c.class and status = 'queued' and published_at is not null
                 ) as published,
                 (
                     select count(*) from jobs
                     where model = m.name and class = c.class and status = 'queued' and published_at <= $2
                 ) as overdue,
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
             cross join (select 'interactive' as class union all select 'bulk') as c
             order by m.name, c.class desc",
        )
        .bind(now)
        .bind(now.minus(overdue))
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(RouteRow::state).collect()
    }

    async fn due(&self, route: &Route, window: Cost, limit: u32) -> StoreResult<Handed> {
        let (route, now, limit) = (route.clone(), self.now(), limit as usize);
        self.write(move |connection| {
            Box::pin(async move {
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
                let (mut prefix, clock) = (PREFIX, clock.cast_unsigned());
                let room = out(connection, &route, seat(window)).await?.room(window, limit)?;
                let mut going = loop {
                    let rows = waiting(connection, &route, now, prefix).await?;
                    let quotas = quotas(connection, &LineRow::keys(&rows)).await?;
                    match choose(LineRow::lines(rows, &quotas)?, clock, room) {
                        Choice::Go(going) => break going,
                        Choice::LookFurther => prefix *= 4,
                    }
                };
                going.left |= woke;
                if going.jobs.is_empty() {
                    return Ok(Handed::new(Vec::new(), going, clock));
                }
                pay(connection, &route, &going).await?;
                let rows: Vec<DueRow> = sqlx::query_as(
                    "-- store.due: mark
                     update jobs set published_at = $1 where id in (select unhex(value) from json_each($2))
                     returning id, owner, trace",
                )
                .bind(now)
                .bind(ids(going.jobs.iter().map(|id| id.0)))
                .fetch_all(connection)
                .await?;
                Ok(Handed::new(DueRow::in_order(rows, &going.jobs), going, clock))
            })
        })
        .await
    }

    async fn unpublish(&self, among: &[JobId]) -> StoreResult<u64> {
        let among = ids(among.iter().map(|id| id.0));
        self.write(move |connection| {
            Box::pin(async move {
                let cleared = sqlx::query(
                    "-- store.unpublish
                     update jobs set published_at = null
                     where id in (select unhex(value) from json_each($1)) and status = 'queued'
                         and published_at is not null",
                )
                .bind(among)
                .execute(connection)
                .await?;
                Ok(cleared.rows_affected())
            })
        })
        .await
    }

    async fn recover(&self, route: &Route, overdue: Duration, kept: u64) -> StoreResult<u64> {
        let (route, before) = (route.clone(), self.now().minus(overdue));
        self.write(move |connection| {
            Box::pin(async move {
                // The queue hands over in order, so the messages it still has are those of the youngest marks.
                let cleared = sqlx::query(
                    "-- store.recover
                     update jobs set published_at = null where id in (
                         select id from jobs
                         where model = $1 and class = $2 and status = 'queued' and published_at <= $3
                         order by published_at desc limit -1 offset $4
                     )",
                )
                .bind(route.model)
                .bind(route.class.as_str())
                .bind(before)
                .bind(kept.cast_signed())
                .execute(connection)
                .await?;
                Ok(cleared.rows_affected())
            })
        })
        .await
    }
}
