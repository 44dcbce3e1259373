//! Bulks, from their making to their end, on SQLite. There is one writer, so nothing has to be locked.

use std::time::Duration;

use serde_json::json;
use sqlx::SqliteConnection as Connection;
use sqlx::types::Json;

use crate::bulk::{BadLine, Bulk, BulkStatus, Cut, Form, NewBulk, SliceAnswers, Unanswered};
use crate::clock::{Timestamp, micros};
use crate::file::{FileStatus, Piece, Purpose};
use crate::id::{BulkId, FileId, JobId, WorkerId};
use crate::job::{Cost, NewJob, Settlement, Status};
use crate::store::alike::{answering, bulks, closing, slicing};
use crate::store::row::{BulkRow, UnansweredRow, bulk_columns};
use crate::store::{BulkCancelOutcome, BulkPage, NewSegment, Pace, Settled, StoreResult};

use super::Sqlite;
use super::files::insert_pieces;
use super::jobs::insert as insert_jobs;

/// Rows of one insert: five columns each, below SQLite's 32766 parameters.
const SLICES_PER_INSERT: usize = 1000;

bulks!(Sqlite, sqlx::Sqlite, "");
slicing!(Sqlite, sqlx::Sqlite);
answering!(Sqlite, sqlx::Sqlite, "");
closing!(Sqlite, sqlx::Sqlite);
