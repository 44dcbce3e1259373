//! Why something failed, and whether trying again could help.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

/// A closed set of reasons: a log field, a metric label and part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// The picture's bytes could not be decoded.
    ImageUndecodable,
    /// The picture has more pixels than allowed.
    ImageTooLarge,
    /// The text has more tokens than the model takes, and `truncate` is false.
    InputTooLong,
    /// A token's id is not in the model's vocabulary.
    UnknownToken,
    /// A URL answered with an error, or not at all.
    FetchFailed,
    /// A URL leads to an address that may not be asked.
    FetchRefused,
    /// A stored input is gone.
    InputMissing,
    /// The parameters do not fit the model.
    InvalidParams,
    /// The tensors are not what the model takes.
    WrongTensors,
    /// The model could not be loaded.
    ModelUnavailable,
    /// The model failed while running.
    InferenceFailed,
    /// The device had too little memory, even for the item alone.
    OutOfMemory,
    /// The item took its worker down five times.
    WorkerCrashed,
    /// The object store could not be reached.
    StorageUnavailable,
    /// None of the job's items succeeded.
    AllItemsFailed,
    /// The job was cancelled before the item ran.
    Cancelled,
    /// A deadline of the job passed before the item ran.
    Expired,
    /// The job had not begun by its `start_by`.
    StartByPassed,
    /// The job had not ended by its `finish_by`.
    FinishByPassed,
    /// The worker stopped or lost its lease.
    LeaseLost,
    /// The hub wants a token, or another one.
    HubRefused,
    /// The hub has no such repository, revision or file.
    NotInHub,
    /// What the hub has is no model that can be served, or larger than models may be.
    UnfitModel,
    /// A file's bytes are not those that the hub told of.
    WrongChecksum,
    /// The disk has no room for the model.
    DiskFull,
    /// A defect of Forebay's own.
    Internal,
}

words!(
    FailureCode,
    "failure code",
    ImageUndecodable = "image_undecodable",
    ImageTooLarge = "image_too_large",
    InputTooLong = "input_too_long",
    UnknownToken = "unknown_token",
    FetchFailed = "fetch_failed",
    FetchRefused = "fetch_refused",
    InputMissing = "input_missing",
    InvalidParams = "invalid_params",
    WrongTensors = "wrong_tensors",
    ModelUnavailable = "model_unavailable",
    InferenceFailed = "inference_failed",
    OutOfMemory = "out_of_memory",
    WorkerCrashed = "worker_crashed",
    StorageUnavailable = "storage_unavailable",
    AllItemsFailed = "all_items_failed",
    Cancelled = "cancelled",
    Expired = "expired",
    StartByPassed = "start_by_passed",
    FinishByPassed = "finish_by_passed",
    LeaseLost = "lease_lost",
    HubRefused = "hub_refused",
    NotInHub = "not_in_hub",
    UnfitModel = "unfit_model",
    WrongChecksum = "wrong_checksum",
    DiskFull = "disk_full",
    Internal = "internal",
);

/// Why an item or an attempt failed, decided where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The named reason.
    pub code: FailureCode,
    /// One sentence for the client; no internals, no secrets.
    pub message: String,
    /// Whether another attempt could end differently.
    pub retryable: bool,
    /// How long whoever refused asks to be left alone. Nothing that is stored says it.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// Another attempt could end differently.
    pub fn transient(code: FailureCode, message: impl fmt::Display) -> Self {
        Self { code, message: readable(&message), retryable: true, retry_after: None }
    }

    /// Another attempt would end the same.
    pub fn permanent(code: FailureCode, message: impl fmt::Display) -> Self {
        Self { code, message: readable(&message), retryable: false, retry_after: None }
    }

    /// The same, with how long to wait at least.
    #[must_use]
    pub fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }
}

/// Postgres stores every character but one.
fn readable(message: &impl fmt::Display) -> String {
    message.to_string().replace('\0', "\u{FFFD}")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}
