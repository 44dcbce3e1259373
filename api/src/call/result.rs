//! What a job that has ended is answered with: its outcomes in a dialect's words, or the picture that it gave.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use forebay_dialects::Fault;
use forebay_dialects::call::{Answer, Answered, Reply};
use forebay_shared::events::RESULT_LIMIT;
use forebay_shared::file::Piece;
use forebay_shared::job::{Job, Outcome, Status, read_result};

use crate::download::Download;
use crate::limits;
use crate::problem::{Code, Problem};
use crate::state::App;

/// What a result takes while it is translated, as a multiple of its size: its text, its numbers, and the answer.
const RESULT_COPIES: u64 = 3;
/// A result up to this size comes with its event.
const SMALL: u64 = RESULT_LIMIT as u64;

/// What `reply` writes of the outcomes; `told` is the result as the job's event brought it.
pub async fn written(
    app: &App,
    job: Job,
    told: Option<String>,
    reply: impl Reply,
) -> Result<Response, Problem> {
    let size = job.result.as_ref().map_or(0, |at| at.length);
    // What is small enough to come with an event needs no room of its own.
    let _room = match size {
        ..=SMALL => None,
        _ => Some(app.memory.reserve(size * RESULT_COPIES).await?),
    };
    let document = document(app, &job, told).await?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let answer = limits::work(&app.parts.tasks, size, move || {
        let outcomes = outcomes(&job, document.as_deref())?;
        let id = job.id.to_string().replace('-', "");
        Ok(reply.write(Answered { id: &id, model: &job.model, job: Some(&job) }, outcomes)?)
    });
    respond(answer.await?)
}

/// The answer as HTTP has it.
pub fn respond(answer: Answer) -> Result<Response, Problem> {
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type))];
    let mut response = (content_type, Body::from(answer.body)).into_response();
    for (name, value) in answer.headers {
        let value = HeaderValue::try_from(value).map_err(|error| Problem::internal(Arc::new(error)))?;
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(response)
}

/// The picture that the job gave of its one item: it streams, however large it is.
pub async fn drawn(app: &App, job: &Job, told: Option<String>) -> Result<Response, Problem> {
    let document = document(app, job, told).await?;
    if let Some(Err(failure)) = outcomes(job, document.as_deref())?.into_iter().next() {
        return Err(Fault::from(failure).into());
    }
    let file = job.files.first().ok_or_else(|| Problem::defect("a model that draws gave no picture"))?;
    let download = Download {
        pieces: vec![Piece::own(&file.key, file.bytes)],
        content_type: file.content_type.clone(),
        tag: format!("{}-{}-0", job.id, job.version),
    };
    download.answer(&app.parts.blobs, &HeaderMap::new()).await
}

/// The job's result, as its event told it or as it is stored.
async fn document(app: &App, job: &Job, told: Option<String>) -> Result<Option<Bytes>, Problem> {
    match (told, &job.result) {
        (Some(document), _) => Ok(Some(document.into())),
        (None, Some(at)) => {
            let range = at.offset..at.offset + at.length;
            Ok(Some(app.parts.blobs.range(&at.segment, range).await?))
        }
        (None, None) => Ok(None),
    }
}

/// What became of the items; a job that ended before it had any tells why.
fn outcomes(job: &Job, document: Option<&[u8]>) -> Result<Vec<Outcome>, Problem> {
    match (job.status, document, &job.error) {
        (Status::Cancelled, ..) => Err(Problem::new(Code::JobCancelled, "the job was cancelled")),
        (Status::Expired, ..) => {
            Err(Problem::new(Code::Timeout, "the job's deadline passed before it ended"))
        }
        (_, Some(document), _) => read_result(document).map_err(|error| Problem::internal(Arc::new(error))),
        (_, None, Some(error)) => Err(Fault::from(error.clone()).into()),
        (_, None, None) => Err(Problem::defect("the job ended without a result or a reason")),
    }
}
