//! OpenAI's batches, which are bulks.

pub mod cancel;
pub mod create;
pub mod get;
pub mod list;

use forebay_shared::bulk::{BadLine, Bulk, BulkStatus};
use forebay_shared::clock::Timestamp;
use forebay_shared::job::Object;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bulk;

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchView {
    /// `batch_…`
    id: String,
    /// `batch`
    object: &'static str,
    /// What its lines ask for.
    endpoint: String,
    /// The model, if all lines name the same.
    model: Option<String>,
    /// Why the file was refused.
    errors: Option<BatchErrors>,
    /// The file that was uploaded.
    input_file_id: String,
    /// How long it may take.
    completion_window: String,
    /// Where it stands.
    status: BulkStatus,
    /// The file of answers, as soon as there is one; it can be read while the batch runs.
    output_file_id: Option<String>,
    /// The file of lines that failed, if any did.
    error_file_id: Option<String>,
    /// Unix seconds, like all that follow.
    created_at: i64,
    in_progress_at: Option<i64>,
    expires_at: i64,
    finalizing_at: Option<i64>,
    completed_at: Option<i64>,
    failed_at: Option<i64>,
    expired_at: Option<i64>,
    cancelling_at: Option<i64>,
    cancelled_at: Option<i64>,
    /// Lines.
    request_counts: RequestCounts,
    /// The client's own words.
    metadata: Option<Object>,
}

/// How many lines there are, have an answer, and have failed.
#[derive(Debug, Serialize, ToSchema)]
struct RequestCounts {
    total: u64,
    completed: u64,
    failed: u64,
}

/// Why a file was refused.
#[derive(Debug, Serialize, ToSchema)]
struct BatchErrors {
    /// `list`
    object: &'static str,
    /// The first bad lines.
    data: Vec<BatchError>,
}

/// What is wrong with a line, or with the file.
#[derive(Debug, Serialize, ToSchema)]
struct BatchError {
    /// The named reason.
    code: String,
    /// One sentence.
    message: String,
    /// Where in the line the reason stands.
    param: Option<String>,
    /// The line's number, from 1.
    line: Option<u64>,
}

impl BatchView {
    pub(super) fn new(bulk: Bulk) -> Self {
        let ended = |status: BulkStatus| {
            bulk.times.ended_at.filter(|_| bulk.status == status).map(Timestamp::seconds)
        };
        let seconds = |at: Option<Timestamp>| at.map(Timestamp::seconds);
        let errors = (!bulk.errors.is_empty()).then(|| BatchErrors {
            object: "list",
            data: bulk.errors.iter().cloned().map(BatchError::from).collect(),
        });
        Self {
            id: bulk::name(bulk.id),
            object: "batch",
            completed_at: ended(BulkStatus::Completed),
            failed_at: ended(BulkStatus::Failed),
            expired_at: ended(BulkStatus::Expired),
            cancelled_at: ended(BulkStatus::Cancelled),
            created_at: bulk.times.created_at.seconds(),
            in_progress_at: seconds(bulk.times.in_progress_at),
            expires_at: bulk.times.expires_at.seconds(),
            finalizing_at: seconds(bulk.times.finalizing_at),
            cancelling_at: seconds(bulk.times.cancelling_at),
            errors,
            endpoint: bulk.endpoint.unwrap_or_default(),
            model: bulk.model,
            input_file_id: bulk.file.to_string(),
            completion_window: bulk.window,
            status: bulk.status,
            output_file_id: bulk.output_file.map(|file| file.to_string()),
            error_file_id: bulk.error_file.map(|file| file.to_string()),
            request_counts: RequestCounts {
                total: bulk.counts.total,
                completed: bulk.counts.completed,
                failed: bulk.counts.failed,
            },
            metadata: Some(bulk.metadata).filter(|metadata| !metadata.is_empty()),
        }
    }
}

impl From<BadLine> for BatchError {
    fn from(BadLine { code, message, param, line }: BadLine) -> Self {
        Self { code, message, param, line }
    }
}
