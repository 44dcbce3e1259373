//! Events, each beside where the log begins and ends.

use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::Place;
use crate::clock::Timestamp;
use crate::id::{BulkId, JobId};
use crate::store::events::{Cursor, EventPage, Logged, Standing};
use crate::store::{StoreError, StoreResult};

/// The columns of [`EventRow`]; the driver writes `xid` in its own way.
macro_rules! event_columns {
    () => {
        "seq, owner, type, job, bulk, model, version, attempt, succeeded, failed, error, metadata, at"
    };
}

pub(in crate::store) use event_columns;

#[derive(FromRow)]
pub(in crate::store) struct EventRow {
    xid: i64,
    seq: i64,
    owner: String,
    r#type: String,
    job: Option<JobId>,
    bulk: Option<BulkId>,
    model: Option<String>,
    version: i64,
    attempt: Option<i32>,
    succeeded: Option<i32>,
    failed: Option<i32>,
    error: Option<String>,
    metadata: Option<Json<Value>>,
    at: Timestamp,
}

impl EventRow {
    pub(in crate::store) fn logged(self) -> StoreResult<Logged> {
        let cursor = Cursor { xid: self.xid, seq: self.seq };
        let at = Place { table: "events", row: cursor.to_string() };
        Ok(Logged {
            at: cursor,
            owner: self.owner,
            kind: at.word("type", &self.r#type)?,
            job: self.job,
            bulk: self.bulk,
            model: self.model,
            version: self.version,
            attempt: at.number("attempt", self.attempt.unwrap_or(0))?,
            succeeded: at.number("succeeded", self.succeeded.unwrap_or(0))?,
            failed: at.number("failed", self.failed.unwrap_or(0))?,
            error: self.error.map(|code| at.word("error", &code)).transpose()?,
            metadata: match self.metadata {
                Some(metadata) => at.json("metadata", metadata)?,
                None => serde_json::Map::new(),
            },
            happened_at: self.at,
        })
    }
}

/// Where the log begins and ends, and one event if there is any.
pub(in crate::store) struct LogRow {
    edge: Cursor,
    forgotten: Cursor,
    event: Option<EventRow>,
}

impl<'r, R> FromRow<'r, R> for LogRow
where
    R: sqlx::Row,
    &'static str: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    EventRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let cursor = |xid: &'static str, seq: &'static str| {
            Ok::<_, sqlx::Error>(Cursor { xid: row.try_get(xid)?, seq: row.try_get(seq)? })
        };
        let has_event: Option<i64> = row.try_get("seq")?;
        Ok(Self {
            edge: cursor("edge_xid", "edge_seq")?,
            forgotten: cursor("forgotten_xid", "forgotten_seq")?,
            event: has_event.map(|_| EventRow::from_row(row)).transpose()?,
        })
    }
}

impl LogRow {
    /// The page that these rows are; without `after`, where the log ends.
    pub(in crate::store) fn page(
        rows: Vec<Self>,
        after: Option<Cursor>,
        limit: u32,
    ) -> StoreResult<EventPage> {
        // The database always answers with a row; one without an event if there is none.
        let Some(first) = rows.first() else {
            let row = "forgotten".to_owned();
            return Err(StoreError::Corrupt { table: "cursors", column: "name", row });
        };
        let (edge, forgotten) = (first.edge, first.forgotten);
        let after = after.unwrap_or(edge);
        let events: Vec<_> =
            rows.into_iter().filter_map(|row| row.event).map(EventRow::logged).collect::<StoreResult<_>>()?;
        let more = limit > 0 && events.len() >= limit as usize;
        let next = match events.last() {
            Some(last) if more => last.at,
            _ => edge.max(after),
        };
        Ok(EventPage { events, next, more, standing: Standing::of(after, forgotten, edge) })
    }
}
