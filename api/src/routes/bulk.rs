//! Bulks in our own words: what their endpoints share.

mod bring;
pub mod cancel;
pub mod create;
pub mod events;
pub mod get;
pub mod list;
pub mod results;
pub mod retry;

use forebay_shared::bulk::{BadLine, Bulk, BulkStatus, Form};
use forebay_shared::clock::Timestamp;
use forebay_shared::job::Object;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bulk;

/// A bulk: a file of requests, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Bulk)]
pub struct BulkView {
    /// `batch_…`, the same that OpenAI's clients know it by.
    id: String,
    /// `bulk`
    object: &'static str,
    /// Where it stands.
    status: BulkStatus,
    /// How its lines are written and answered: `openai` or `native`.
    #[schema(value_type = String)]
    form: Form,
    /// How the file is written: `jsonl`, `csv`, `zip` or `tar`.
    format: &'static str,
    /// What every line must name.
    endpoint: Option<String>,
    /// The model of lines that name none, or that all lines name.
    model: Option<String>,
    /// Parameters for every line.
    params: Object,
    /// The file that was uploaded.
    file: String,
    /// The bulk whose failed lines run again in this one.
    retry_of: Option<String>,
    /// How long it may take.
    window: String,
    /// How many lines there are, have an answer, and have failed.
    lines: LineCounts,
    /// The share of the work that is done, 0 to 1, by what lines cost.
    progress: f64,
    /// When it will probably have ended, at the pace so far.
    #[schema(value_type = Option<String>, format = DateTime)]
    eta: Option<Timestamp>,
    /// Why the file was refused: the first bad lines.
    errors: Vec<LineError>,
    /// The file of answers, as soon as there is one.
    output_file: Option<String>,
    /// The file of lines that failed, if any did.
    error_file: Option<String>,
    /// Where the answers so far are.
    results_url: String,
    /// The client's own words.
    metadata: Object,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// What has not run by then is given up.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// Lines.
#[derive(Debug, Serialize, ToSchema)]
struct LineCounts {
    total: u64,
    completed: u64,
    failed: u64,
}

/// What is wrong with a line, or with the file.
#[derive(Debug, Serialize, ToSchema)]
struct LineError {
    /// The named reason.
    code: String,
    /// One sentence.
    message: String,
    /// Where in the line the reason stands.
    field: Option<String>,
    /// The line's number, from 1.
    line: Option<u64>,
}

impl BulkView {
    /// The bulk as it stands now.
    pub fn new(bulk: Bulk, now: Timestamp) -> Self {
        let name = bulk::name(bulk.id);
        Self {
            results_url: format!("/v1/bulk/{name}/results"),
            id: name,
            object: "bulk",
            progress: progress(&bulk),
            eta: eta(&bulk, now),
            status: bulk.status,
            form: bulk.form,
            format: bulk.layout.name(),
            endpoint: bulk.endpoint,
            model: bulk.model,
            params: bulk.params,
            file: bulk.file.to_string(),
            retry_of: bulk.retry_of.map(bulk::name),
            window: bulk.window,
            lines: LineCounts {
                total: bulk.counts.total,
                completed: bulk.counts.completed,
                failed: bulk.counts.failed,
            },
            errors: bulk.errors.into_iter().map(LineError::from).collect(),
            output_file: bulk.output_file.map(|file| file.to_string()),
            error_file: bulk.error_file.map(|file| file.to_string()),
            metadata: bulk.metadata,
            created_at: bulk.times.created_at,
            started_at: bulk.times.in_progress_at,
            expires_at: bulk.times.expires_at,
            finished_at: bulk.times.ended_at,
        }
    }
}

impl From<BadLine> for LineError {
    fn from(BadLine { code, message, param, line }: BadLine) -> Self {
        Self { code, message, field: param, line }
    }
}

/// By what lines cost, since they are not alike.
fn progress(bulk: &Bulk) -> f64 {
    if bulk.times.ended_at.is_some() {
        return 1.0;
    }
    if bulk.cost == 0 { 0.0 } else { bulk.cost_done as f64 / bulk.cost as f64 }
}

/// At the pace so far; nobody knows before something is done.
fn eta(bulk: &Bulk, now: Timestamp) -> Option<Timestamp> {
    if bulk.status != BulkStatus::InProgress || bulk.cost_done == 0 {
        return None;
    }
    let passed = now.since(bulk.times.in_progress_at?);
    let left = bulk.cost.saturating_sub(bulk.cost_done) as f64 / bulk.cost_done as f64;
    Some(now.plus(passed.mul_f64(left)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use forebay_shared::bulk::{Counts, OnBadLine, Times};
    use forebay_shared::id::{BulkId, FileId};
    use uuid::Uuid;

    use super::*;

    fn bulk(cost_done: u64) -> Bulk {
        let created_at = Timestamp::from_micros(0);
        Bulk {
            id: BulkId(Uuid::nil()),
            owner: "alice".to_owned(),
            key: None,
            form: Form::Native,
            layout: forebay_shared::bulk::Layout::Jsonl,
            on_bad_line: OnBadLine::Report,
            status: BulkStatus::InProgress,
            ending: None,
            version: 2,
            endpoint: None,
            model: None,
            params: Object::new(),
            file: FileId(Uuid::nil()),
            retry_of: None,
            window: "24h".to_owned(),
            keep: Duration::from_hours(1),
            metadata: Object::new(),
            webhook: None,
            output_file: None,
            error_file: None,
            errors: Vec::new(),
            counts: Counts { total: 10, completed: 1, failed: 0 },
            cost: 100,
            cost_done,
            times: Times {
                created_at,
                expires_at: created_at,
                in_progress_at: Some(created_at),
                finalizing_at: None,
                cancelling_at: None,
                ended_at: None,
            },
        }
    }

    #[test]
    fn a_quarter_in_a_minute_is_the_whole_in_four() {
        let minute = Timestamp::from_micros(60_000_000);
        assert!((progress(&bulk(25)) - 0.25).abs() < 1e-9);
        assert_eq!(eta(&bulk(25), minute), Some(Timestamp::from_micros(240_000_000)));
        assert_eq!(eta(&bulk(0), minute), None, "nothing is known yet");
    }
}
