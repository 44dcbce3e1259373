//! The words a bulk's life is told in: OpenAI's, for every dialect.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

/// Where a bulk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkStatus {
    /// Its file is being read.
    Validating,
    /// The file was refused; nothing ran.
    Failed,
    /// Its slices wait or run.
    InProgress,
    /// Its slices have ended, and their last lines are being written.
    Finalizing,
    /// Every line has an answer or an error.
    Completed,
    /// Its window passed before every line had run.
    Expired,
    /// It was asked to stop; what runs stops between batches.
    Cancelling,
    /// It stopped because the client asked.
    Cancelled,
}

impl BulkStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Validating,
        Self::Failed,
        Self::InProgress,
        Self::Finalizing,
        Self::Completed,
        Self::Expired,
        Self::Cancelling,
        Self::Cancelled,
    ];

    /// Whether nothing can happen to the bulk any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Completed | Self::Expired | Self::Cancelled)
    }
}

/// How a bulk's lines are written, and how they are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `{"custom_id","method","url","body"}`, answered as OpenAI answers them.
    Openai,
    /// `{"id","input","params","model"}`, answered as jobs are.
    Native,
}

/// What becomes of the others when a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBadLine {
    /// None of them runs: the file is refused.
    Refuse,
    /// They run; the bad line is told in the file of errors.
    Report,
}

words!(
    BulkStatus,
    "bulk status",
    Validating = "validating",
    Failed = "failed",
    InProgress = "in_progress",
    Finalizing = "finalizing",
    Completed = "completed",
    Expired = "expired",
    Cancelling = "cancelling",
    Cancelled = "cancelled",
);
words!(Form, "form", Openai = "openai", Native = "native");
words!(OnBadLine, "reaction", Refuse = "refuse", Report = "report");
