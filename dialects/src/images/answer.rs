//! What became of a task, and what a picture that was processed at once gave.

use forebay_shared::job::{Job, Outcome, Output, Status};
use serde::Serialize;
use serde_json::json;

use crate::call::{self, Answer, Answered};
use crate::{Fault, FaultCode};

/// How a result is written.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// As what `POST /process` gave: `{"result": …}`.
    Processed,
    /// As what a task gave: `{"status": "completed", "result": …}`.
    Task,
}

/// A task, as `GET /tasks/{task_id}` tells of it.
#[derive(Debug, Serialize)]
struct Task<'a, R> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<R>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// What the model made of an item, and the pictures that belong to it.
#[derive(Debug, Serialize)]
struct Made {
    #[serde(flatten)]
    output: Output,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<File>,
}

/// A picture that a model gave.
#[derive(Debug, Serialize)]
struct File {
    url: String,
    content_type: String,
    bytes: u64,
}

/// The answer to whoever submits a task.
pub fn accepted(job: &Job) -> Answer {
    Answer::json(&json!({ "task_id": job.id }))
}

/// A task that has not ended, or that failed with this error.
pub fn standing(status: Status, error: Option<&str>) -> Answer {
    let status = match status {
        Status::Queued => "pending",
        Status::Running => "processing",
        Status::Succeeded | Status::Failed | Status::Cancelled | Status::Expired => "failed",
    };
    Answer::json(&Task::<()> { status, result: None, error })
}

impl call::Reply for Reply {
    /// One item's output stands by itself. Jobs that were not submitted here may have several: then there is a list.
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let mut made = Vec::with_capacity(outcomes.len());
        for (index, outcome) in outcomes.into_iter().enumerate() {
            made.push(Made { output: outcome.map_err(Fault::from)?, files: files(answered.job, index) });
        }
        match made.len() {
            0 => Err(Fault::new(FaultCode::JobFailed, "the task has no result")),
            1 => Ok(self.told(made.pop())),
            _ => Ok(self.told(Some(made))),
        }
    }
}

impl Reply {
    fn told(self, result: Option<impl Serialize>) -> Answer {
        match self {
            Self::Processed => Answer::json(&json!({ "result": result })),
            Self::Task => Answer::json(&Task { status: "completed", result, error: None }),
        }
    }
}

/// The pictures of an item, by the links that the job itself has.
fn files(job: Option<&Job>, index: usize) -> Vec<File> {
    let Some(job) = job else { return Vec::new() };
    let own = job.files.iter().enumerate().filter(|(_, file)| file.item as usize == index);
    let file = |(n, file): (usize, &forebay_shared::job::MediaFile)| File {
        url: format!("/v1/jobs/{}/files/{n}", job.id),
        content_type: file.content_type.clone(),
        bytes: file.bytes,
    };
    own.map(file).collect()
}

#[cfg(test)]
mod tests;
