//! Reading events and granting deliveries, on Postgres.

use sqlx::{FromRow, PgConnection};

use crate::clock::Timestamp;
use crate::id::{DeliveryId, JobId};
use crate::store::deliveries::choose;
use crate::store::row::{MatchRow, WaitingRow};
use crate::store::{Room, StoreResult};

/// Grants are made one after the other, so that bounds over all replicas hold.
const GRANTING: i64 = 0x0066_6f72_6562_6179;

/// Events after the cursor, up to and with the last of them.
#[derive(FromRow)]
pub(super) struct Unread {
    xid: String,
    seq: i64,
    last_xid: String,
    last_seq: i64,
    count: i64,
}

impl Unread {
    pub(super) fn events(&self) -> u64 {
        self.count.unsigned_abs()
    }
}

/// Whether anything follows the cursor.
pub(super) async fn is_unread(connection: &mut PgConnection) -> StoreResult<bool> {
    Ok(look(connection, 1).await?.is_some())
}

/// Locks the cursor and looks at what follows it. Transactions that began before may still commit events in between, so
/// the reading ends before the oldest that is open.
pub(super) async fn unread(connection: &mut PgConnection, limit: u32) -> StoreResult<Option<Unread>> {
    sqlx::query(
        "-- store.fan_out: lock
         select 1 from cursors where name = 'webhooks' for update",
    )
    .execute(&mut *connection)
    .await?;
    look(connection, limit).await
}

async fn look(connection: &mut PgConnection, limit: u32) -> StoreResult<Option<Unread>> {
    let unread = sqlx::query_as(
        "-- store.fan_out: unread
         with chunk as (
             select c.xid as from_xid, c.seq as from_seq, e.xid, e.seq
             from cursors c
             cross join lateral (
                 select xid, seq from events
                 where (xid, seq) > (c.xid, c.seq) and xid < pg_snapshot_xmin(pg_current_snapshot())
                 order by xid, seq limit $1
             ) e
             where c.name = 'webhooks'
         )
         select from_xid::text as xid, from_seq as seq, xid::text as last_xid, seq as last_seq,
             (select count(*) from chunk) as count
         from chunk order by chunk.xid desc, chunk.seq desc limit 1",
    )
    .bind(i64::from(limit))
    .fetch_optional(connection)
    .await?;
    Ok(unread)
}

/// Those events with everybody who wants to hear of them.
pub(super) async fn matches(connection: &mut PgConnection, unread: &Unread) -> StoreResult<Vec<MatchRow>> {
    let rows = sqlx::query_as(
        "-- store.fan_out: matches
         with chunk as (
             select xid::text || '.' || seq as place, * from events
             where (xid, seq) > ($1::text::xid8, $2) and (xid, seq) <= ($3::text::xid8, $4)
         )
         select e.place, e.owner, e.type, e.job, e.bulk, e.model, e.version, e.attempt, e.succeeded, e.failed, e.error,
             e.metadata, e.at, w.id as webhook, w.url
         from chunk e
         join webhooks w on w.owner = e.owner and w.disabled_at is null and w.created_at <= e.at and w.events ? e.type
         union all
         select e.place, e.owner, e.type, e.job, e.bulk, e.model, e.version, e.attempt, e.succeeded, e.failed, e.error,
             e.metadata, e.at, null, j.webhook ->> 'url'
         from chunk e
         join jobs j on j.id = e.job and j.webhook is not null
         where j.webhook -> 'events' ? e.type or (
             not j.webhook ? 'events' and e.type in ('job.succeeded', 'job.failed', 'job.cancelled', 'job.expired')
         )
         union all
         select e.place, e.owner, e.type, e.job, e.bulk, e.model, e.version, e.attempt, e.succeeded, e.failed, e.error,
             e.metadata, e.at, null, b.webhook ->> 'url'
         from chunk e
         join bulks b on b.id = e.bulk and b.webhook is not null
         where b.webhook -> 'events' ? e.type or not b.webhook ? 'events'",
    )
    .bind(&unread.xid)
    .bind(unread.seq)
    .bind(&unread.last_xid)
    .bind(unread.last_seq)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Moves the cursor.
pub(super) async fn pass(connection: &mut PgConnection, unread: &Unread) -> StoreResult<()> {
    sqlx::query(
        "-- store.fan_out: pass
         update cursors set xid = $1::text::xid8, seq = $2 where name = 'webhooks'",
    )
    .bind(&unread.last_xid)
    .bind(unread.last_seq)
    .execute(connection)
    .await?;
    Ok(())
}

/// Leases deliveries that are due until `until`. Receivers are walked from one to the next in the index, so that a
/// million messages for one of them cost no more than a few.
pub(super) async fn grant(
    connection: &mut PgConnection,
    room: Room,
    now: Timestamp,
    until: Timestamp,
) -> StoreResult<Vec<DeliveryId>> {
    sqlx::query(
        "-- store.claim_deliveries: lock
         select pg_advisory_xact_lock($1)",
    )
    .bind(GRANTING)
    .execute(&mut *connection)
    .await?;
    let rows: Vec<WaitingRow> = sqlx::query_as(
        "-- store.claim_deliveries: waiting
         with recursive receivers as (
             (select owner, receiver from deliveries where state = 'pending' order by owner, receiver limit 1)
             union all
             select next.owner, next.receiver from receivers r
             cross join lateral (
                 select owner, receiver from deliveries
                 where state = 'pending' and (owner, receiver) > (r.owner, r.receiver)
                 order by owner, receiver limit 1
             ) next
         )
         select r.owner, r.receiver, d.next_at, d.id, (
             select count(*) from deliveries where leased and owner = r.owner and receiver = r.receiver and next_at > $1
         ) as under_way
         from receivers r
         left join lateral (
             select next_at, id from deliveries
             where state = 'pending' and owner = r.owner and receiver = r.receiver and next_at <= $1
             order by next_at, id limit $2
         ) d on true
         order by r.owner, r.receiver, d.next_at, d.id",
    )
    .bind(now)
    .bind(i64::from(room.per_receiver))
    .fetch_all(&mut *connection)
    .await?;
    let chosen = choose(WaitingRow::gather(rows), room);
    if chosen.is_empty() {
        return Ok(chosen);
    }
    let granted = sqlx::query_scalar(
        "-- store.claim_deliveries: grant
         update deliveries set leased = true, next_at = $2 where id in (
             select id from deliveries where id = any($1) and state = 'pending' and next_at <= $3 order by id
             for update skip locked
         )
         returning id",
    )
    .bind(chosen)
    .bind(until)
    .bind(now)
    .fetch_all(connection)
    .await?;
    Ok(granted)
}

/// Keeps a message. Its job is held while it is kept, so that whoever deletes the job deletes this too.
pub(super) async fn keep_body(
    connection: &mut PgConnection,
    id: DeliveryId,
    body: String,
    job: Option<JobId>,
) -> StoreResult<Option<String>> {
    if let Some(job) = job {
        let held = sqlx::query(
            "-- store.keep_body: hold
             select 1 from jobs where id = $1 for key share",
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
