//! The log of events on Postgres.
//!
//! A transaction gets its number when it first writes and shows its events when it commits, so a younger one may show its
//! own first. What has a number below that of the oldest transaction still open cannot be joined by anything any more.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::types::Json;

use super::Postgres;
use crate::clock::Timestamp;
use crate::id::JobId;
use crate::store::StoreResult;
use crate::store::events::{Cursor, EventFilter, EventLog, EventPage, Followed, Logged, OF_ONE_JOB};
use crate::store::row::{EventRow, LogRow, event_columns};

/// Where the log begins and ends, beside each of the events that the rest of the statement chooses.
macro_rules! log {
    ($name:literal) => {
        concat!(
            "-- ",
            $name,
            "
             with edge as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as xmin)
             select edge.xmin::text::bigint as edge_xid, 0::bigint as edge_seq,
                 f.xid::text::bigint as forgotten_xid, f.seq as forgotten_seq, e.*
             from edge join cursors f on f.name = 'forgotten' left join lateral (
                 select xid::text::bigint as xid, ",
            event_columns!(),
            " from events where xid < edge.xmin"
        )
    };
}

#[async_trait]
impl EventLog for Postgres {
    async fn events(
        &self,
        owner: &str,
        filter: &EventFilter,
        after: Cursor,
        limit: u32,
    ) -> StoreResult<EventPage> {
        let mut query = QueryBuilder::<sqlx::Postgres>::new(log!("store.events"));
        query.push(" and owner = ").push_bind(owner);
        past(&mut query, after);
        if !filter.kinds.is_empty() {
            let kinds: Vec<&str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
            query.push(" and type = any(").push_bind(kinds).push(")");
        }
        if let Some(model) = &filter.model {
            query.push(" and model = ").push_bind(model);
        }
        if !filter.jobs.is_empty() {
            query.push(" and job = any(").push_bind(&filter.jobs).push(")");
        }
        if !filter.metadata.is_empty() {
            query.push(" and metadata @> ").push_bind(Json(&filter.metadata));
        }
        in_order(&mut query, limit);
        let rows: Vec<LogRow> = query.build_query_as().fetch_all(&self.pool).await?;
        LogRow::page(rows, Some(after), limit)
    }

    async fn tail(&self, followed: &Followed, after: Option<Cursor>, limit: u32) -> StoreResult<EventPage> {
        let limit = if after.is_some() { limit } else { 0 };
        let mut query = QueryBuilder::<sqlx::Postgres>::new(log!("store.tail"));
        past(&mut query, after.unwrap_or_default());
        query.push(" and (owner = any(").push_bind(&followed.owners);
        query.push(") or job = any(").push_bind(&followed.jobs).push("))");
        in_order(&mut query, limit);
        let rows: Vec<LogRow> = query.build_query_as().fetch_all(&self.pool).await?;
        LogRow::page(rows, after, limit)
    }

    async fn job_events(&self, owner: &str, job: JobId, after: i64) -> StoreResult<Vec<Logged>> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "-- store.job_events
             select xid::text::bigint as xid, ",
            event_columns!(),
            " from events where owner = $1 and job = $2 and version > $3 order by version limit $4"
        ))
        .bind(owner)
        .bind(job)
        .bind(after)
        .bind(OF_ONE_JOB)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(EventRow::logged).collect()
    }

    async fn purge_events(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let purged: i64 = sqlx::query_scalar(
            "-- store.purge_events
             with bound as (
                 select xid, seq from cursors where name <> 'forgotten' order by xid, seq limit 1
             ), head as (
                 select xid, seq, at from events
                 where (xid, seq) <= (
                     coalesce((select xid from bound), '18446744073709551615'::xid8),
                     coalesce((select seq from bound), 9223372036854775807)
                 )
                 order by xid, seq limit $2
             ), gone as (
                 delete from events e using head h where e.xid = h.xid and e.seq = h.seq and h.at < $1
                 returning e.xid, e.seq
             ), mark as (
                 update cursors c set xid = last.xid, seq = last.seq
                 from (select xid, seq from gone order by xid desc, seq desc limit 1) as last
                 where c.name = 'forgotten' and (c.xid, c.seq) < (last.xid, last.seq)
             )
             select count(*) from gone",
        )
        .bind(before)
        .bind(i64::from(limit))
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(purged).unwrap_or(0))
    }
}

fn past(query: &mut QueryBuilder<sqlx::Postgres>, after: Cursor) {
    query.push(" and (xid, seq) > (").push_bind(after.xid.to_string()).push("::text::xid8, ");
    query.push_bind(after.seq).push(")");
}

fn in_order(query: &mut QueryBuilder<sqlx::Postgres>, limit: u32) {
    query.push(" order by events.xid, events.seq limit ").push_bind(i64::from(limit));
    query.push(") e on true order by e.xid, e.seq");
}
