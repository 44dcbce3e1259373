//! The statements of one hand-over.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::ids;
use crate::clock::Timestamp;
use crate::id::{JobId, KeyId};
use crate::job::Cost;
use crate::job::fair::Going;
use crate::store::handover::WAKE;
use crate::store::row::{LineRow, OutRow};
use crate::store::{Route, StoreResult};

/// Jobs whose time has come are parked no longer. Whether there were any: there may be more.
pub(super) async fn wake(
    connection: &mut SqliteConnection,
    route: &Route,
    now: Timestamp,
) -> StoreResult<bool> {
    let mut woke = false;
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
        let awake = sqlx::query(
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
        woke |= awake.rows_affected() > 0;
    }
    Ok(woke)
}

/// What is with the broker.
pub(super) async fn out(connection: &mut SqliteConnection, route: &Route, seat: Cost) -> StoreResult<OutRow> {
    let out = sqlx::query_as(
        "-- store.due: out
         select coalesce(sum(out), 0) as total, coalesce(sum(min(out, $3)), 0) as crowd from (
             select sum(cost) as out from jobs
             where model = $1 and class = $2 and status = 'queued' and published_at is not null group by owner
         )",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(seat.units().cast_signed())
    .fetch_one(connection)
    .await?;
    Ok(out)
}

/// The first jobs of every owner and key that wait: as many of each as share a `prefix`, at least four.
pub(super) async fn waiting(
    connection: &mut SqliteConnection,
    route: &Route,
    now: Timestamp,
    prefix: i64,
) -> StoreResult<Vec<LineRow>> {
    let pairs: Vec<(String, KeyId, i64, i64)> = sqlx::query_as(
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
         select p.owner, p.key, coalesce(s.served, 0), coalesce(o.out, 0)
         from pairs p
         left join shares s on s.model = $1 and s.class = $2 and s.owner = p.owner
         left join published o on o.owner = p.owner
         order by p.owner, p.key",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .fetch_all(&mut *connection)
    .await?;
    let share = (prefix / i64::try_from(pairs.len()).unwrap_or(i64::MAX).max(1)).max(4);
    let mut rows = Vec::new();
    for (owner, key, served, out) in pairs {
        let first: Vec<LineRow> = sqlx::query_as(
            "-- store.due
             select owner, key, id, cost, rank, $6 as prefix, $7 as served, $8 as out from jobs
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
        .fetch_all(&mut *connection)
        .await?;
        rows.extend(first);
    }
    Ok(rows)
}

/// How many more jobs of those of `keys` that have a limit may be under way.
pub(super) async fn quotas(
    connection: &mut SqliteConnection,
    keys: &[KeyId],
) -> StoreResult<HashMap<KeyId, u64>> {
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
pub(super) async fn pay(
    connection: &mut SqliteConnection,
    route: &Route,
    going: &Going<JobId>,
) -> StoreResult<()> {
    sqlx::query(
        "-- store.due: time
         update clocks set at = $3 where model = $1 and class = $2",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(going.clock.cast_signed())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.due: forget
         -- who is not ahead of the route's time begins there anyway
         delete from shares where model = $1 and class = $2 and served <= $3",
    )
    .bind(&route.model)
    .bind(route.class.as_str())
    .bind(going.clock.cast_signed())
    .execute(&mut *connection)
    .await?;
    for (owner, at) in &going.served {
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
