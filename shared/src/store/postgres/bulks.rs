//! Bulks, from their making to their end, on Postgres.

use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection as Connection;
use sqlx::types::Json;

use crate::bulk::{BadLine, Bulk, BulkStatus, Cut, Form, NewBulk, SliceAnswers, Unanswered};
use crate::clock::{Timestamp, micros};
use crate::file::{FileStatus, Piece, Purpose};
use crate::id::{BulkId, FileId, JobId, WorkerId};
use crate::job::{Cost, NewJob, Settlement, Status};
use crate::store::alike::{answering, bulks, closing, slicing};
use crate::store::row::{BulkRow, UnansweredRow, bulk_columns};
use crate::store::{BulkCancelOutcome, BulkPage, NewSegment, Pace, Settled, StoreResult};

use super::Postgres;
use super::files::insert_pieces;

/// Rows of one insert: five columns each, below the 65535 parameters of a statement.
const SLICES_PER_INSERT: usize = 1000;

/// Inserts jobs that have no idempotency keys.
async fn insert_jobs(connection: &mut Connection, jobs: &[&NewJob], now: Timestamp) -> StoreResult<()> {
    Postgres::insert(connection, jobs, now).await.map(|_| ())
}

bulks!(Postgres, sqlx::Postgres, " for update");
slicing!(Postgres, sqlx::Postgres);
answering!(Postgres, sqlx::Postgres, " for update");
closing!(Postgres, sqlx::Postgres);
