//! The log of events on SQLite.
//!
//! There is one writer, so what is numbered later is shown later, and whatever a reader sees is complete.

use async_trait::async_trait;
use sqlx::{QueryBuilder, SqliteConnection};

use super::Sqlite;
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
             select 0 as edge_xid, coalesce((select seq from sqlite_sequence where name = 'events'), 0) as edge_seq,
                 f.xid as forgotten_xid, f.seq as forgotten_seq, e.*
             from cursors f left join (
                 select xid, ",
            event_columns!(),
            " from events where true"
        )
    };
}

#[async_trait]
impl EventLog for Sqlite {
    async fn events(
        &self,
        owner: &str,
        filter: &EventFilter,
        after: Cursor,
        limit: u32,
    ) -> StoreResult<EventPage> {
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(log!("store.events"));
        query.push(" and owner = ").push_bind(owner);
        past(&mut query, after);
        if !filter.kinds.is_empty() {
            let kinds: Vec<&str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
            let kinds = serde_json::json!(kinds).to_string();
            query.push(" and type in (select value from json_each(").push_bind(kinds).push("))");
        }
        if let Some(model) = &filter.model {
            query.push(" and model = ").push_bind(model);
        }
        if !filter.jobs.is_empty() {
            of_jobs(&mut query, " and ", &filter.jobs);
        }
        for (name, value) in &filter.metadata {
            query.push(" and exists (select 1 from json_each(metadata) where key = ").push_bind(name);
            query.push(" and value = ").push_bind(value.as_str().unwrap_or_default()).push(")");
        }
        in_order(&mut query, limit);
        let rows: Vec<LogRow> = query.build_query_as().fetch_all(&self.readers).await?;
        LogRow::page(rows, Some(after), limit)
    }

    async fn tail(&self, followed: &Followed, after: Option<Cursor>, limit: u32) -> StoreResult<EventPage> {
        let limit = if after.is_some() { limit } else { 0 };
        let owners = serde_json::json!(followed.owners).to_string();
        let mut query = QueryBuilder::<sqlx::Sqlite>::new(log!("store.tail"));
        past(&mut query, after.unwrap_or_default());
        query.push(" and (owner in (select value from json_each(").push_bind(owners).push(")) ");
        of_jobs(&mut query, " or ", &followed.jobs);
        query.push(")");
        in_order(&mut query, limit);
        let rows: Vec<LogRow> = query.build_query_as().fetch_all(&self.readers).await?;
        LogRow::page(rows, after, limit)
    }

    async fn job_events(&self, owner: &str, job: JobId, after: i64) -> StoreResult<Vec<Logged>> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "-- store.job_events
             select xid, ",
            event_columns!(),
            " from events where owner = $1 and job = $2 and version > $3 order by version limit $4"
        ))
        .bind(owner)
        .bind(job)
        .bind(after)
        .bind(OF_ONE_JOB)
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(EventRow::logged).collect()
    }

    async fn purge_events(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            Box::pin(async move {
                let gone: Vec<i64> = sqlx::query_scalar(
                    "-- store.purge_events
                     delete from events where at < $1 and seq in (
                         select seq from events
                         where seq <= coalesce(
                             (select min(seq) from cursors where name <> 'forgotten'), 9223372036854775807
                         )
                         order by seq limit $2
                     )
                     returning seq",
                )
                .bind(before)
                .bind(i64::from(limit))
                .fetch_all(&mut *connection)
                .await?;
                if let Some(last) = gone.iter().max() {
                    mark(connection, *last).await?;
                }
                Ok(gone.len() as u64)
            })
        })
        .await
    }
}

/// Notes that events up to here may be gone.
async fn mark(connection: &mut SqliteConnection, last: i64) -> StoreResult<()> {
    sqlx::query(
        "-- store.purge_events: mark
         update cursors set seq = $1 where name = 'forgotten' and seq < $1",
    )
    .bind(last)
    .execute(connection)
    .await?;
    Ok(())
}

fn past(query: &mut QueryBuilder<sqlx::Sqlite>, after: Cursor) {
    query.push(" and seq > ").push_bind(after.seq);
}

fn of_jobs(query: &mut QueryBuilder<sqlx::Sqlite>, link: &str, jobs: &[JobId]) {
    let jobs = super::ids(jobs.iter().map(|id| id.0));
    query.push(link).push("job in (select unhex(value) from json_each(").push_bind(jobs).push("))");
}

fn in_order(query: &mut QueryBuilder<sqlx::Sqlite>, limit: u32) {
    query.push(" order by seq limit ").push_bind(i64::from(limit));
    query.push(") e on true where f.name = 'forgotten' order by e.seq");
}
