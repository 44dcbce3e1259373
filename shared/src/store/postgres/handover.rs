//! Handing queued jobs to the broker, on Postgres.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{PgConnection, PgExecutor};

use super::Postgres;
use super::jobs::column;
use crate::clock::Timestamp;
use crate::id::{JobId, KeyId};
use crate::job::Cost;
use crate::job::fair::{Choice, choose, seat};
use crate::store::handover::{COUNTED, FOLDED, PREFIX, WAKE};
use crate::store::row::{AheadRow, DepthRow, DueRow, LineRow, LoadRow, LookRow, RouteRow, Turn};
use crate::store::{Ahead, Depth, Due, Handover, Load, Route, RouteState, StoreResult};

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

    async fn due(&self, route: &Route, window: Cost, limit: u32) -> StoreResult<Vec<Due>> {
        let limit = limit as usize;
        for _ in 0..TRIES {
            let (turn, rows) = look(&self.pool, route, self.now(), (PREFIX, seat(window))).await?;
            let Some(turn) = turn else { break };
            let room = LineRow::room(&rows, window, limit)?;
            match choose(LineRow::lines(rows, &HashMap::new())?, turn.clock, room) {
                Choice::Go { jobs, .. } if jobs.is_empty() => return Ok(Vec::new()),
                Choice::Go { jobs, served, clock } => {
                    let went = Went { jobs, served, clock, seen: Some(turn.seen) };
                    let due = mark(&self.pool, route, self.now(), went).await?;
                    if !due.is_empty() {
                        return Ok(due);
                    }
                }
                Choice::LookFurther => break,
            }
        }
        self.due_in_turn(route, window, limit).await
    }

    async fn loads(&self) -> StoreResult<Vec<Load>> {
        let rows: Vec<LoadRow> = sqlx::query_as(
            "-- store.loads
             select model, class, owner, key, sum(jobs)::bigint as jobs, sum(cost)::bigint as cost
             from (select * from loads union all select * from load_changes) as known
             group by model, class, owner, key having sum(jobs) > 0",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(LoadRow::load).collect()
    }

    async fn fold_loads(&self) -> StoreResult<u64> {
        let folded: i64 = sqlx::query_scalar(
            "-- store.fold_loads
             with gone as (
                 delete from load_changes where ctid = any (array(
                     select ctid from load_changes limit $1 for update skip locked
                 ))
                 returning *
             ), folded as (
                 insert into loads as l
                 select model, class, owner, key, sum(jobs), sum(cost) from gone
                 group by model, class, owner, key order by model, class, owner, key
                 on conflict (model, class, owner, key) do update
                     set jobs = l.jobs + excluded.jobs, cost = l.cost + excluded.cost
             )
             select count(*) from gone",
        )
        .bind(FOLDED)
        .fetch_one(&self.pool)
        .await?;
        if folded > 0 {
            sqlx::query(
                "-- store.fold_loads: forget
                 delete from loads where jobs = 0 and cost = 0",
            )
            .execute(&self.pool)
            .await?;
        }
        Ok(folded.cast_unsigned())
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
                 (select coalesce(sum(cost), 0)::bigint from before) as cost
             from job",
        )
        .bind(owner)
        .bind(id)
        .bind(COUNTED.cast_signed())
        .fetch_optional(&self.pool)
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

impl Postgres {
    /// The same one after the other: where keys have limits, where jobs wait to be woken, and when it is the first time.
    async fn due_in_turn(&self, route: &Route, window: Cost, limit: usize) -> StoreResult<Vec<Due>> {
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
                    return Ok(Vec::new());
                }
                wake(connection, &route, now).await?;
                let mut prefix = PREFIX;
                loop {
                    let (_, rows) = look(&mut *connection, &route, now, (prefix, seat(window))).await?;
                    let quotas = quotas(connection, &LineRow::keys(&rows)).await?;
                    let room = LineRow::room(&rows, window, limit)?;
                    match choose(LineRow::lines(rows, &quotas)?, clock.cast_unsigned(), room) {
                        Choice::Go { jobs, .. } if jobs.is_empty() => return Ok(Vec::new()),
                        Choice::Go { jobs, served, clock } => {
                            let went = Went { jobs, served, clock, seen: None };
                            return mark(connection, &route, now, went).await;
                        }
                        Choice::LookFurther => prefix *= 4,
                    }
                }
            })
        })
        .await
    }
}

/// What was chosen, and the state of the route's clock that it was chosen by; `None`: the clock is locked.
struct Went {
    jobs: Vec<JobId>,
    served: Vec<(String, u64)>,
    clock: u64,
    seen: Option<String>,
}

/// Marks what was chosen, unless somebody else has had a turn since.
async fn mark<'c>(
    database: impl PgExecutor<'c>,
    route: &Route,
    now: Timestamp,
    went: Went,
) -> StoreResult<Vec<Due>> {
    let rows: Vec<DueRow> = sqlx::query_as(
        "-- store.due: mark
         with turn as (
             -- whoever comes second waits for the row, and finds that it has changed
             update clocks set at = $7 where model = $1 and class = $2 and ($8 is null or xmin::text = $8) returning at
         ), paid as (
             insert into shares (model, class, owner, served)
             select $1, $2, owner, served from turn, unnest($5::text[], $6::bigint[]) as t (owner, served)
             on conflict (model, class, owner) do update set served = excluded.served
         ), forgotten as (
             -- who is not ahead of the route's time begins there anyway
             delete from shares where model = $1 and class = $2 and served <= $7 and owner <> all ($5)
                 and exists (select 1 from turn)
         ), still as (
             select id from jobs where id = any($4) and status = 'queued' and published_at is null
                 and exists (select 1 from turn)
             order by id for update skip locked
         )
         update jobs set published_at = $3 where id in (select id from still)
         returning id, owner, trace",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(now)
    .bind(&went.jobs)
    .bind(column(&went.served, |(owner, _)| owner.as_str()))
    .bind(column(&went.served, |(_, at)| at.cast_signed()))
    .bind(went.clock.cast_signed())
    .bind(went.seen)
    .fetch_all(database)
    .await?;
    Ok(DueRow::in_order(rows, &went.jobs))
}

/// Jobs whose time has come are parked no longer.
async fn wake(connection: &mut PgConnection, route: &Route, now: Timestamp) -> StoreResult<()> {
    sqlx::query(
        "-- store.due: wake
         with recursive owners as (
             (
                 select owner from jobs where model = $1 and class = $2 and status = 'queued' and parked
                 order by owner limit 1
             )
             union all
             select next.owner from owners o cross join lateral (
                 select owner from jobs
                 where model = $1 and class = $2 and status = 'queued' and parked and owner > o.owner
                 order by owner limit 1
             ) as next
         ), awake as (
             select j.id from owners o cross join lateral (
                 select id from jobs
                 where model = $1 and class = $2 and status = 'queued' and parked and owner = o.owner
                     and available_at <= $3
                 order by available_at limit $4
             ) as j
         ), still as (
             select id from jobs where id in (select id from awake) order by id for update skip locked
         )
         update jobs set parked = false where id in (select id from still)",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(now)
    .bind(WAKE)
    .execute(connection)
    .await?;
    Ok(())
}

/// The route, and the first jobs of every owner and key that wait there: as many of each as share a `prefix`, at least four.
async fn look<'c>(
    database: impl PgExecutor<'c>,
    route: &Route,
    now: Timestamp,
    (prefix, seat): (i64, Cost),
) -> StoreResult<(Option<Turn>, Vec<LineRow>)> {
    let rows: Vec<LookRow> = sqlx::query_as(
        "-- store.due
         with recursive pairs as (
             -- from owner to owner and key to key by the index, however many jobs each has
             (
                 select owner, key from jobs
                 where model = $1 and class = $2 and status = 'queued' and published_at is null and not parked
                 order by owner, key limit 1
             )
             union all
             select next.owner, next.key from pairs p cross join lateral (
                 select owner, key from jobs
                 where model = $1 and class = $2 and status = 'queued' and published_at is null and not parked
                     and (owner, key) > (p.owner, p.key)
                 order by owner, key limit 1
             ) as next
         ), published as (
             select owner, sum(cost)::bigint as out from jobs
             where model = $1 and class = $2 and status = 'queued' and published_at is not null group by owner
         ), depth as (
             select greatest(4, $4 / greatest(1, count(*))) as prefix from pairs
         ), route as (
             select c.at as clock, c.xmin::text as seen,
                 exists (
                     select 1 from jobs where model = $1 and class = $2 and status = 'queued' and parked
                         and available_at <= $3
                 ) or exists (
                     select 1 from queues q where q.model = $1 and q.paused_at is not null
                 ) or exists (
                     select 1 from keys k join pairs p on p.key = k.id where k.max_running is not null
                 ) as in_turn,
                 (select coalesce(sum(out), 0)::bigint from published) as total,
                 (select coalesce(sum(least(out, $5)), 0)::bigint from published) as crowd
             from (values (1)) as always (one) left join clocks c on c.model = $1 and c.class = $2
         ), first as (
             select p.owner, p.key, coalesce(s.served, 0) as served, coalesce(o.out, 0) as out, w.id, w.cost, w.rank, d.prefix
             from pairs p
             cross join depth d
             left join shares s on s.model = $1 and s.class = $2 and s.owner = p.owner
             left join published o on o.owner = p.owner
             cross join lateral (
                 select id, cost, rank from jobs
                 where model = $1 and class = $2 and status = 'queued' and published_at is null and not parked
                     and owner = p.owner and key = p.key and available_at <= $3
                 order by rank, id limit d.prefix
             ) as w
         )
         select r.*, f.* from route r left join first f on true order by f.owner, f.key, f.rank, f.id",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(now)
    .bind(prefix)
    .bind(seat.units().cast_signed())
    .fetch_all(database)
    .await?;
    Ok(LookRow::split(rows))
}

/// How many more jobs of those of `keys` that have a limit may be under way. The keys stay locked, so that another route
/// does not give away the same room.
async fn quotas(connection: &mut PgConnection, keys: &[KeyId]) -> StoreResult<HashMap<KeyId, u64>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let limited: Vec<KeyId> = sqlx::query_scalar(
        "-- store.due: limits
         select id from keys where id = any($1) and max_running is not null order by id for update",
    )
    .bind(keys)
    .fetch_all(&mut *connection)
    .await?;
    if limited.is_empty() {
        return Ok(HashMap::new());
    }
    let left: Vec<(KeyId, i64)> = sqlx::query_as(
        "-- store.due: quotas
         select k.id, greatest(0, k.max_running - (
             select count(*) from jobs where key = k.id and key <> '00000000-0000-0000-0000-000000000000'
                 and (status = 'running' or (status = 'queued' and published_at is not null))
         )) from keys k where k.id = any($1)",
    )
    .bind(&limited)
    .fetch_all(connection)
    .await?;
    Ok(left.into_iter().map(|(key, left)| (key, left.cast_unsigned())).collect())
}

#[cfg(all(test, feature = "services"))]
mod tests;
