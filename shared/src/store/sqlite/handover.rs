//! Handing queued jobs to the queue, on SQLite.

use std::time::Duration;

use async_trait::async_trait;

use super::{Sqlite, ids};
use crate::id::JobId;
use crate::job::Cost;
use crate::store::row::{DepthRow, DueRow, RouteRow};
use crate::store::{Depth, Due, Handover, Route, RouteState, StoreResult};

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
                         and published_at is null and available_at <= $1
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

    async fn due(&self, route: &Route, room: Cost, limit: u32) -> StoreResult<Vec<Due>> {
        let (route, now) = (route.clone(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let rows: Vec<DueRow> = sqlx::query_as(
                    "-- store.due
                     update jobs set published_at = $3 where id in (
                         select id from (
                             select id, sum(cost) over (order by priority desc, available_at, id) - cost as ahead
                             from (
                                 select id, cost, priority, available_at from jobs
                                 where model = $1 and class = $2 and status = 'queued' and published_at is null
                                     and available_at <= $3
                                 order by priority desc, available_at, id
                                 limit $5
                             )
                         )
                         where ahead < $4
                     )
                     returning id, trace, priority, available_at",
                )
                .bind(route.model)
                .bind(route.class.as_str())
                .bind(now)
                .bind(room.units().cast_signed())
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
                Ok(DueRow::in_order(rows))
            })
        })
        .await
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
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(DepthRow::depth).collect()
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
