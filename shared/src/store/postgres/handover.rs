//! Handing queued jobs to the broker, on Postgres.

use std::time::Duration;

use async_trait::async_trait;

use super::Postgres;
use crate::id::JobId;
use crate::job::Cost;
use crate::store::row::{DepthRow, DueRow, RouteRow};
use crate::store::{Depth, Due, Handover, Route, RouteState, StoreResult};

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
                         and published_at is null and available_at <= $1
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

    async fn due(&self, route: &Route, room: Cost, limit: u32) -> StoreResult<Vec<Due>> {
        let rows: Vec<DueRow> = sqlx::query_as(
            "-- store.due
             with waiting as (
                 select id, cost, priority, available_at from jobs
                 where model = $1 and class = $2 and status = 'queued' and published_at is null and available_at <= $3
                 order by priority desc, available_at, id
                 limit $5 for update skip locked
             ), measured as (
                 select id, sum(cost) over (order by priority desc, available_at, id) - cost as ahead from waiting
             )
             update jobs set published_at = $3 where id in (select id from measured where ahead < $4)
             returning id, trace, priority, available_at",
        )
        .bind(&route.model)
        .bind(route.class.as_str())
        .bind(self.now())
        .bind(room.units().cast_signed())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(DueRow::in_order(rows))
    }

    async fn depths(&self) -> StoreResult<Vec<Depth>> {
        let rows: Vec<DepthRow> = sqlx::query_as(
            "-- store.depths
             select model, class,
                 count(*) filter (where status = 'queued') as queued,
                 count(*) filter (where status = 'running') as running,
                 min(available_at) filter (where status = 'queued') as oldest
             from jobs where status in ('queued', 'running') group by model, class order by model, class desc",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(DepthRow::depth).collect()
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
