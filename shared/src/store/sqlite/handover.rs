//! Handing queued jobs to the queue, on SQLite.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{Sqlite, ids};
use crate::clock::Timestamp;
use crate::id::{JobId, KeyId};
use crate::job::Cost;
use crate::job::fair::{Choice, choose, seat};
use crate::store::handover::{COUNTED, PREFIX, WAKE};
use crate::store::row::{AheadRow, DepthRow, DueRow, LineRow, LoadRow, RouteRow};
use crate::store::{Ahead, Depth, Due, Handover, Load, Route, RouteState, StoreResult};

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

    async fn due(&self, route: &Route, window: Cost, limit: u32) -> StoreResult<Vec<Due>> {
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
                    return Ok(Vec::new());
                }
                wake(connection, &route, now).await?;
                let mut prefix = PREFIX;
                let (jobs, served, clock) = loop {
                    let rows = waiting(connection, &route, now, (prefix, seat(window))).await?;
                    let quotas = quotas(connection, &LineRow::keys(&rows)).await?;
                    let room = LineRow::room(&rows, window, limit)?;
                    match choose(LineRow::lines(rows, &quotas)?, clock.cast_unsigned(), room) {
                        Choice::Go { jobs, served, clock } => break (jobs, served, clock),
                        Choice::LookFurther => prefix *= 4,
                    }
                };
                if jobs.is_empty() {
                    return Ok(Vec::new());
                }
                pay(connection, &route, &served, clock).await?;
                let rows: Vec<DueRow> = sqlx::query_as(
                    "-- store.due: mark
                     update jobs set published_at = $1 where id in (select unhex(value) from json_each($2))
                     returning id, owner, trace",
                )
                .bind(now)
                .bind(ids(jobs.iter().map(|id| id.0)))
                .fetch_all(connection)
                .await?;
                Ok(DueRow::in_order(rows, &jobs))
            })
        })
        .await
    }

    async fn loads(&self) -> StoreResult<Vec<Load>> {
        let rows: Vec<LoadRow> = sqlx::query_as(
            "-- store.loads
             select model, class, owner, key, jobs, cost from loads where jobs > 0",
        )
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(LoadRow::load).collect()
    }

    /// They are counted in place; what has come to nothing is forgotten.
    async fn fold_loads(&self) -> StoreResult<u64> {
        self.write(|connection| {
            Box::pin(async move {
                sqlx::query(
                    "-- store.fold_loads: forget
                     delete from loads where jobs = 0 and cost = 0",
                )
                .execute(connection)
                .await?;
                Ok(0)
            })
        })
        .await
    }

    async fn ahead(&self, owner: &str, id: JobId) -> StoreResult<Option<Ahead>> {
        let row: Option<AheadRow> = sqlx::query_as(
            "-- store.ahead
             with job as (
                 select id, model, class, owner, key, cost, rank, published_at from jobs
                 where owner = $1 and id = $2 and status = 'queued'
             ), before as (
                 -- what was handed over, but for what this one was handed over before
                 select w.cost from job j join jobs w on w.model = j.model and w.class = j.class and w.owner = j.owner
                     and w.key = j.key and w.status = 'queued' and w.published_at is not null
                     and (j.published_at is null or (w.published_at, w.id) < (j.published_at, j.id))
                 union all
                 select cost from (
                     select w.cost from job j join jobs w on w.model = j.model and w.class = j.class
                         and w.owner = j.owner and w.key = j.key and w.status = 'queued'
                         and w.published_at is null and not w.parked and (w.rank, w.id) < (j.rank, j.id)
                     where j.published_at is null order by w.rank, w.id limit $3
                 ) as waiting
             )
             select model, class, owner, key, cost as own, (select count(*) from before) as jobs,
                 (select coalesce(sum(cost), 0) from before) as cost
             from job",
        )
        .bind(owner)
        .bind(id)
        .bind(COUNTED.cast_signed())
        .fetch_optional(&self.readers)
        .await?;
        row.map(AheadRow::ahead).transpose()
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

/// Jobs whose time has come are parked no longer.
async fn wake(connection: &mut SqliteConnection, route: &Route, now: Timestamp) -> StoreResult<()> {
    let owners: Vec<String> = sqlx::query_scalar(
        "-- store.due: wake, owners
         with recursive owners (owner) as (
             select min(owner) from jobs where model = $1 and class = $2 and status = 'queued' and parked
             union all
             select (
                 select min(owner) from jobs
                 where model = $1 and class = $2 and status = 'queued' and parked and owner > o.owner
             ) from owners o where o.owner is not null
         )
         select owner from owners where owner is not null",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .fetch_all(&mut *connection)
    .await?;
    for owner in owners {
        sqlx::query(
            "-- store.due: wake
             update jobs set parked = 0 where id in (
                 select id from jobs
                 where model = $1 and class = $2 and status = 'queued' and parked and owner = $3 and available_at <= $4
                 order by available_at limit $5
             )",
        )
        .bind(&route.model)
        .bind(route.class.as_str())
        .bind(owner)
        .bind(now)
        .bind(WAKE)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The first jobs of every owner and key that wait: as many of each as share a `prefix`, at least four.
async fn waiting(
    connection: &mut SqliteConnection,
    route: &Route,
    now: Timestamp,
    (prefix, seat): (i64, Cost),
) -> StoreResult<Vec<LineRow>> {
    let pairs: Vec<(String, KeyId, i64, i64, i64, i64)> = sqlx::query_as(
        "-- store.due: pairs
         with recursive pairs (owner, key) as (
             -- from owner to owner and key to key by the index, however many jobs each has
             select * from (
                 select owner, key from jobs
                 where model = $1 and class = $2 and status = 'queued' and published_at is null and not parked
                 order by owner, key limit 1
             )
             union all
             select n.owner, n.key from pairs p join jobs n on n.rowid = (
                 select rowid from jobs
                 where model = $1 and class = $2 and status = 'queued' and published_at is null and not parked
                     and (owner, key) > (p.owner, p.key)
                 order by owner, key limit 1
             )
         ), published as (
             select owner, sum(cost) as out from jobs
             where model = $1 and class = $2 and status = 'queued' and published_at is not null group by owner
         )
         select p.owner, p.key, coalesce(s.served, 0), coalesce(o.out, 0), coalesce((select sum(out) from published), 0),
             coalesce((select sum(min(out, $3)) from published), 0)
         from pairs p
         left join shares s on s.model = $1 and s.class = $2 and s.owner = p.owner
         left join published o on o.owner = p.owner
         order by p.owner, p.key",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(seat.units().cast_signed())
    .fetch_all(&mut *connection)
    .await?;
    let share = (prefix / i64::try_from(pairs.len()).unwrap_or(i64::MAX).max(1)).max(4);
    let mut rows = Vec::new();
    for (owner, key, served, out, total, crowd) in pairs {
        let first: Vec<LineRow> = sqlx::query_as(
            "-- store.due
             select owner, key, id, cost, rank, $6 as prefix, $7 as served, $8 as out, $9 as total, $10 as crowd from jobs
             where model = $1 and class = $2 and status = 'queued' and published_at is null and not parked
                 and owner = $3 and key = $4 and available_at <= $5
             order by rank, id limit $6",
        )
        .bind(&route.model)
        .bind(route.class.as_str())
        .bind(owner)
        .bind(key)
        .bind(now)
        .bind(share)
        .bind(served)
        .bind(out)
        .bind(total)
        .bind(crowd)
        .fetch_all(&mut *connection)
        .await?;
        rows.extend(first);
    }
    Ok(rows)
}

/// How many more jobs of those of `keys` that have a limit may be under way.
async fn quotas(connection: &mut SqliteConnection, keys: &[KeyId]) -> StoreResult<HashMap<KeyId, u64>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let left: Vec<(KeyId, i64)> = sqlx::query_as(
        "-- store.due: quotas
         select k.id, max(0, k.max_running - (
             select count(*) from jobs where key = k.id and key <> x'00000000000000000000000000000000'
                 and (status = 'running' or (status = 'queued' and published_at is not null))
         )) from keys k where k.id in (select unhex(value) from json_each($1)) and k.max_running is not null",
    )
    .bind(ids(keys.iter().map(|key| key.0)))
    .fetch_all(connection)
    .await?;
    Ok(left.into_iter().map(|(key, left)| (key, left.cast_unsigned())).collect())
}

/// Writes down what owners have had, and the route's time.
async fn pay(
    connection: &mut SqliteConnection,
    route: &Route,
    served: &[(String, u64)],
    clock: u64,
) -> StoreResult<()> {
    sqlx::query(
        "-- store.due: time
         update clocks set at = $3 where model = $1 and class = $2",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(clock.cast_signed())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.due: forget
         -- who is not ahead of the route's time begins there anyway
         delete from shares where model = $1 and class = $2 and served <= $3",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(clock.cast_signed())
    .execute(&mut *connection)
    .await?;
    for (owner, at) in served {
        sqlx::query(
            "-- store.due: pay
             insert into shares (model, class, owner, served) values ($1, $2, $3, $4)
             on conflict (model, class, owner) do update set served = excluded.served",
        )
        .bind(&route.model)
        .bind(route.class.as_str())
        .bind(owner)
        .bind(at.cast_signed())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
