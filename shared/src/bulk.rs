//! A bulk: an uploaded file of requests, and how far it is.
//!
//! Plain data and pure policy, like `job`. A bulk becomes slices: jobs over ranges of the file, whose lines are never
//! copied. Counts are of lines; a line may be several items.

mod layout;
mod lines;
mod slice;
mod status;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use layout::{Layout, Part};
pub use lines::{Line, Lines};
pub use slice::{LineId, Run, Slice};
pub use status::{BulkStatus, Form, OnBadLine};

use crate::clock::Timestamp;
use crate::id::{BulkId, FileId, JobId, KeyId};
use crate::job::{NewJob, Object, Status, Webhook};

/// A validated request for a bulk: what the store needs to make a row.
#[derive(Clone, Debug)]
pub struct NewBulk {
    /// The id under which the client will ask.
    pub id: BulkId,
    /// Whose it is.
    pub owner: String,
    /// The API key that asked for it.
    pub key: Option<KeyId>,
    /// How its lines are written and answered.
    pub form: Form,
    /// How its file is written.
    pub layout: Layout,
    /// What becomes of the others when a line cannot be read.
    pub on_bad_line: OnBadLine,
    /// What every line must name; any, if it is not given.
    pub endpoint: Option<String>,
    /// The model of lines that name none.
    pub model: Option<String>,
    /// Parameters for every line; a line's own stand over them.
    pub params: Object,
    /// The uploaded file.
    pub file: FileId,
    /// The bulk whose failed lines are to run again, and no others.
    pub retry_of: Option<BulkId>,
    /// How long it may take: as the client wrote it, and how long that is.
    pub window: (String, Duration),
    /// How long its output is kept once it has ended.
    pub keep: Duration,
    /// The client's own words.
    pub metadata: Object,
    /// Whom else to tell.
    pub webhook: Option<Webhook>,
}

/// A bulk as its row tells it, with the counts of its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Bulk {
    /// Its id.
    pub id: BulkId,
    /// Whose it is.
    pub owner: String,
    /// The API key that asked for it.
    pub key: Option<KeyId>,
    /// How its lines are written and answered.
    pub form: Form,
    /// How its file is written.
    pub layout: Layout,
    /// What becomes of the others when a line cannot be read.
    pub on_bad_line: OnBadLine,
    /// Where it stands.
    pub status: BulkStatus,
    /// What it is to become once its slices have ended, if that is not `completed`.
    pub ending: Option<BulkStatus>,
    /// Grows with every change of status; the id of its events.
    pub version: i64,
    /// What every line must name.
    pub endpoint: Option<String>,
    /// The model of lines that name none; of a bulk that was read, the one that all lines name.
    pub model: Option<String>,
    /// Parameters for every line.
    pub params: Object,
    /// The uploaded file.
    pub file: FileId,
    /// The bulk whose failed lines run again.
    pub retry_of: Option<BulkId>,
    /// How long it may take, as the client wrote it.
    pub window: String,
    /// How long its output is kept once it has ended.
    pub keep: Duration,
    /// The client's own words.
    pub metadata: Object,
    /// Whom else to tell.
    pub webhook: Option<Webhook>,
    /// The file of answers, once it has any.
    pub output_file: Option<FileId>,
    /// The file of lines that failed, once it has any.
    pub error_file: Option<FileId>,
    /// Why the file was refused.
    pub errors: Vec<BadLine>,
    /// How many lines there are, have an answer, and have failed.
    pub counts: Counts,
    /// What its lines cost together.
    pub cost: u64,
    /// What those cost that have ended.
    pub cost_done: u64,
    /// When each status was reached.
    pub times: Times,
}

/// Lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All that are to be answered.
    pub total: u64,
    /// Answered.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
}

/// When a bulk reached what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// It was accepted.
    pub created_at: Timestamp,
    /// What is not answered by then has expired.
    pub expires_at: Timestamp,
    /// Its file was read and its slices were made.
    pub in_progress_at: Option<Timestamp>,
    /// Its slices had ended.
    pub finalizing_at: Option<Timestamp>,
    /// It was asked to stop.
    pub cancelling_at: Option<Timestamp>,
    /// It ended, as its status says.
    pub ended_at: Option<Timestamp>,
}

/// What is wrong with a line, or with the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadLine {
    /// The named reason.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Where in the line the reason stands.
    #[serde(default)]
    pub param: Option<String>,
    /// The line's number, from 1.
    #[serde(default)]
    pub line: Option<u64>,
}

/// A bulk's file that was read and found good: what is to be made of it at once.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Where answers are to stand.
    pub output_file: FileId,
    /// Where lines that failed are to stand.
    pub error_file: FileId,
    /// An object with what is wrong with lines that are in no slice, and its size.
    pub bad: Option<(String, u64)>,
    /// How many lines that object tells of.
    pub bad_lines: u64,
    /// The model that all lines name, if they all name one.
    pub model: Option<String>,
    /// Jobs with the number of their lines, in the order of the file.
    pub slices: Vec<(NewJob, u64)>,
}

/// A slice that has ended and whose lines stand nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its job.
    pub job: JobId,
    /// Where its answers belong in the bulk's files.
    pub number: u32,
    /// Which lines, encoded.
    pub slice: String,
    /// How many items they have.
    pub items: u32,
    /// How it ended.
    pub status: Status,
    /// Why, if it failed: the code and a sentence.
    pub error: Option<(String, String)>,
}

/// What a worker made of a slice, as it stands in a segment: answers first, errors behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceAnswers {
    /// The first byte.
    pub offset: u64,
    /// Bytes of answers.
    pub output: u64,
    /// Bytes of errors.
    pub errors: u64,
    /// Lines with an answer.
    pub completed: u32,
    /// Lines with an error.
    pub failed: u32,
}
