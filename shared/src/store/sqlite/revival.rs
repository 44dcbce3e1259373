//! Another life for jobs that have ended without success, on SQLite.

use async_trait::async_trait;
use sqlx::{QueryBuilder, SqliteConnection};

use super::jobs::narrow;
use super::retention::leave_segments;
use super::{Sqlite, ids};
use crate::clock::micros;
use crate::id::JobId;
use crate::job::{Job, STEP};
use crate::store::row::{JobRow, job_columns};
use crate::store::{Again, Filter, Revival, StoreResult};

#[async_trait]
impl Revival for Sqlite {
    async fn retry_all(
        &self,
        owner: &str,
        filter: &Filter,
        again: Again,
        limit: u32,
    ) -> StoreResult<Vec<Job>> {
        let (owner, filter, now) = (owner.to_owned(), filter.clone(), self.now());
        self.write(move |connection| {
            Box::pin(async move {
                let mut query = QueryBuilder::<sqlx::Sqlite>::new(
                    "-- store.retry_all: wanted
                     select id from jobs
                     where status in ('failed', 'cancelled', 'expired') and bulk is null and not exists (
                         -- a model that its owner does not see
                         select 1 from registry_models m where m.name = jobs.model and m.owner not in ('', jobs.owner)
                     ) and finished_at <= ",
                );
                query.push_bind(again.ended_by).push(" and owner = ").push_bind(owner);
                narrow(&mut query, &filter);
                query.push(" order by id limit ").push_bind(i64::from(limit));
                let wanted: Vec<JobId> = query.build_query_scalar().fetch_all(&mut *connection).await?;
                let wanted = ids(wanted.iter().map(|id| id.0));
                release(connection, &wanted).await?;
                let rows: Vec<JobRow> = sqlx::query_as(concat!(
                    "-- store.retry_all
                     update jobs set
                         status = 'queued', version = version + 1, changed_at = $2, available_at = $2,
                         published_at = null, parked = 0, start_by = $3, finish_by = $4,
                         -- job::rank
                         rank = min(
                             $2 - priority * $5,
                             coalesce(max(min(coalesce($3, $4), coalesce($4, $3)), $2) - 10 * $5, $2 - priority * $5)
                         ),
                         failures = 0, losses = 0, suspects = null, cancel_requested = 0, waiters = '[]',
                         succeeded = 0, failed = 0, worker = null, started_at = null, finished_at = null,
                         purge_at = null, error_code = null, error_message = null, segment = null,
                         segment_offset = null, segment_length = null, files = '[]', timings = null
                     where id in (select unhex(value) from json_each($1))
                     returning ",
                    job_columns!()
                ))
                .bind(wanted)
                .bind(now)
                .bind(again.start_by)
                .bind(again.finish_by)
                .bind(micros(STEP))
                .fetch_all(connection)
                .await?;
                rows.into_iter().map(JobRow::job).collect()
            })
        })
        .await
    }
}

/// Lets go of the results of jobs that stay: media become garbage, ranges are to be blanked.
async fn release(connection: &mut SqliteConnection, wanted: &str) -> StoreResult<()> {
    sqlx::query(
        "-- store.retry_all: garbage
         insert into garbage (key)
         select f.value ->> 'key' from jobs j, json_each(j.files) f
         where j.id in (select unhex(value) from json_each($1))
         on conflict do nothing",
    )
    .bind(wanted)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "-- store.retry_all: blanks
         insert into blanks (segment, \"offset\", length)
         select segment, segment_offset, segment_length from jobs
         where id in (select unhex(value) from json_each($1)) and segment is not null
         on conflict do nothing",
    )
    .bind(wanted)
    .execute(&mut *connection)
    .await?;
    leave_segments(connection, wanted).await
}
