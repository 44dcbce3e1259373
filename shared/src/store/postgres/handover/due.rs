//! The statements of one hand-over.

use std::collections::HashMap;

use sqlx::{PgConnection, PgExecutor};

use super::column;
use crate::clock::Timestamp;
use crate::id::{JobId, KeyId};
use crate::job::Cost;
use crate::job::fair::Going;
use crate::store::handover::WAKE;
use crate::store::row::{DueRow, LineRow, LookRow, OutRow, Turn};
use crate::store::{Due, Route, StoreResult};

/// Marks what was chosen, unless somebody else has had a turn since the route's clock was `seen`; `None`: it is locked.
pub(super) async fn mark<'c>(
    database: impl PgExecutor<'c>,
    route: &Route,
    now: Timestamp,
    (going, seen): (&Going<JobId>, Option<&str>),
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
    .bind(&going.jobs)
    .bind(column(&going.served, |(owner, _)| owner.as_str()))
    .bind(column(&going.served, |(_, at)| at.cast_signed()))
    .bind(going.clock.cast_signed())
    .bind(seen)
    .fetch_all(database)
    .await?;
    Ok(DueRow::in_order(rows, &going.jobs))
}

/// Jobs whose time has come are parked no longer. Whether there were any: there may be more.
pub(super) async fn wake(connection: &mut PgConnection, route: &Route, now: Timestamp) -> StoreResult<bool> {
    let awake = sqlx::query(
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
    Ok(awake.rows_affected() > 0)
}

/// The route, and the first jobs of every owner and key that wait there: as many of each as share a `prefix`, at least four.
pub(super) async fn look<'c>(
    database: impl PgExecutor<'c>,
    route: &Route,
    now: Timestamp,
    (prefix, seat): (i64, Cost),
) -> StoreResult<(Option<Turn>, OutRow, Vec<LineRow>)> {
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
pub(super) async fn quotas(
    connection: &mut PgConnection,
    keys: &[KeyId],
) -> StoreResult<HashMap<KeyId, u64>> {
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
