//! Reading events and granting deliveries, on SQLite.

use sqlx::{FromRow, SqliteConnection};

use super::ids;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, JobId};
use crate::store::deliveries::choose;
use crate::store::row::{MatchRow, WaitingRow};
use crate::store::{Room, StoreResult};

/// Events after the cursor, up to and with the last of them.
#[derive(FromRow)]
pub(super) struct Unread {
    seq: i64,
    last_seq: Option<i64>,
    count: i64,
}

impl Unread {
    pub(super) fn events(&self) -> u64 {
        self.count.unsigned_abs()
    }
}

/// Whether anything follows the cursor.
pub(super) async fn is_unread(connection: &mut SqliteConnection) -> StoreResult<bool> {
    Ok(unread(connection, 1).await?.is_some())
}

/// Looks at what follows the cursor.
pub(super) async fn unread(connection: &mut SqliteConnection, limit: u32) -> StoreResult<Option<Unread>> {
    let unread: Option<Unread> = sqlx::query_as(
        "-- store.fan_out: unread
         select c.seq, max(e.seq) as last_seq, count(e.seq) as count
         from cursors c
         left join (
             select seq from events
             where seq > (select seq from cursors where name = 'webhooks') order by seq limit $1
         ) e
         where c.name = 'webhooks'
         group by c.seq",
    )
    .bind(i64::from(limit))
    .fetch_optional(connection)
    .await?;
    Ok(unread.filter(|unread| unread.count > 0))
}

/// Those events with everybody who wants to hear of them.
pub(super) async fn matches(
    connection: &mut SqliteConnection,
    unread: &Unread,
) -> StoreResult<Vec<MatchRow>> {
    let rows = sqlx::query_as(
        "-- store.fan_out: matches
         select '0.' || e.seq as place, e.owner, e.type, e.job, e.bulk, e.model, e.version, e.attempt, e.succeeded,
             e.failed, e.error, e.metadata, e.at, w.id as webhook, w.url
         from events e
         join webhooks w on w.owner = e.owner and w.disabled_at is null and w.created_at <= e.at
             and exists (select 1 from json_each(w.events) where value = e.type)
         where e.seq > $1 and e.seq <= $2
         union all
         select '0.' || e.seq as place, e.owner, e.type, e.job, e.bulk, e.model, e.version, e.attempt, e.succeeded,
             e.failed, e.error, e.metadata, e.at, null, j.webhook ->> 'url'
         from events e
         join jobs j on j.id = e.job and j.webhook is not null
         where e.seq > $1 and e.seq <= $2 and (
             exists (select 1 from json_each(j.webhook, '$.events') where value = e.type)
             or json_type(j.webhook, '$.events') is null
                 and e.type in ('job.succeeded', 'job.failed', 'job.cancelled', 'job.expired')
         )
         union all
         select '0.' || e.seq as place, e.owner, e.type, e.job, e.bulk, e.model, e.version, e.attempt, e.succeeded,
             e.failed, e.error, e.metadata, e.at, null, b.webhook ->> 'url'
         from events e
         join bulks b on b.id = e.bulk and b.webhook is not null
         where e.seq > $1 and e.seq <= $2 and (
             exists (select 1 from json_each(b.webhook, '$.events') where value = e.type)
             or json_type(b.webhook, '$.events') is null
         )",
    )
    .bind(unread.seq)
    .bind(unread.last_seq)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Moves the cursor.
pub(super) async fn pass(connection: &mut SqliteConnection, unread: &Unread) -> StoreResult<()> {
    sqlx::query(
        "-- store.fan_out: pass
         update cursors set seq = $1 where name = 'webhooks'",
    )
    .bind(unread.last_seq)
    .execute(connection)
    .await?;
    Ok(())
}

/// Leases deliveries that are due until `until`. Receivers are walked from one to the next in the index, so that a
/// million messages for one of them cost no more than a few.
pub(super) async fn grant(
    connection: &mut SqliteConnection,
    room: Room,
    now: Timestamp,
    until: Timestamp,
) -> StoreResult<Vec<DeliveryId>> {
    let mut rows: Vec<WaitingRow> = Vec::new();
    let mut last = Some((String::new(), String::new()));
    while let Some((owner, receiver)) = last {
        last = sqlx::query_as(
            "-- store.claim_deliveries: receiver
             select owner, receiver from deliveries
             where state = 'pending' and (owner, receiver) > ($1, $2) order by owner, receiver limit 1",
        )
        .bind(owner)
        .bind(receiver)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some((owner, receiver)) = &last {
            rows.extend(waiting(connection, owner, receiver, room, now).await?);
        }
    }
    let chosen = choose(WaitingRow::gather(rows), room);
    if chosen.is_empty() {
        return Ok(chosen);
    }
    sqlx::query(
        "-- store.claim_deliveries: grant
         update deliveries set leased = 1, next_at = $2 where id in (select unhex(value) from json_each($1))",
    )
    .bind(ids(chosen.iter().map(|id| id.0)))
    .bind(until)
    .execute(connection)
    .await?;
    Ok(chosen)
}

async fn waiting(
    connection: &mut SqliteConnection,
    owner: &str,
    receiver: &str,
    room: Room,
    now: Timestamp,
) -> StoreResult<Vec<WaitingRow>> {
    let rows = sqlx::query_as(
        "-- store.claim_deliveries: waiting
         select r.owner, r.receiver, d.next_at, d.id, (
             select count(*) from deliveries where leased and owner = $1 and receiver = $2 and next_at > $3
         ) as under_way
         from (select $1 as owner, $2 as receiver) r
         left join (
             select next_at, id from deliveries
             where state = 'pending' and owner = $1 and receiver = $2 and next_at <= $3
             order by next_at, id limit $4
         ) d
         order by d.next_at, d.id",
    )
    .bind(owner)
    .bind(receiver)
    .bind(now)
    .bind(i64::from(room.per_receiver))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Keeps a message, unless its job is gone.
pub(super) async fn keep_body(
    connection: &mut SqliteConnection,
    id: DeliveryId,
    body: String,
    job: Option<JobId>,
) -> StoreResult<Option<String>> {
    if let Some(job) = job {
        let held = sqlx::query(
            "-- store.keep_body: hold
             select 1 from jobs where id = $1",
        )
        .bind(job)
        .fetch_optional(&mut *connection)
        .await?;
        if held.is_none() {
            return Ok(None);
        }
    }
    let kept = sqlx::query_scalar(
        "-- store.keep_body
         update deliveries set body = coalesce(body, $2) where id = $1 returning body",
    )
    .bind(id)
    .bind(&body)
    .fetch_optional(connection)
    .await?;
    // The endpoint may be gone, and its deliveries with it; what is said then is not kept.
    Ok(Some(kept.unwrap_or(body)))
}
