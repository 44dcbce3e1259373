//! What a client of a socket is answered, as HTTP would answer it.

use axum::body::to_bytes;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::response::Response;
use bytes::Bytes;
use forebay_shared::store::Cursor;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use serde_json::value::RawValue;

use super::{ClientMessage, ServerMessage, Visitor};
use crate::auth::{Reader, Submitter, Writer};
use crate::problem::{Code, Problem};
use crate::routes::jobs::{Id, Name, NotAName, cancel, find, own_id, submit};
use crate::state::App;
use crate::stream::{JobStream, OwnerStream, Permitted, Tells, Told, not_ours};

/// What a subscription tells, with its number.
pub(super) type Telling = BoxStream<'static, (u64, Option<Told>)>;

/// An answer, and the stream that begins with it.
pub struct Reply {
    pub(super) message: ServerMessage,
    pub(super) stream: Option<(u64, Telling)>,
}

/// The same handler as `POST /v1/jobs` has, asked as a request would ask it.
pub(super) async fn submitted(
    app: App,
    visitor: Visitor,
    asked: ClientMessage,
) -> Result<ServerMessage, Problem> {
    visitor.enter(&app).await?;
    let job = asked.job.ok_or_else(|| missing("job"))?;
    let mut request = visitor.request(job.get().to_owned().into());
    let headers = request.headers_mut();
    if let Some(key) = &asked.idempotency_key {
        let value = HeaderValue::try_from(key.as_str()).map_err(|_| {
            Problem::new(Code::InvalidField, "`idempotency_key` must be visible ASCII").at("idempotency_key")
        })?;
        headers.insert("idempotency-key", value);
    }
    let (mut parts, body) = request.into_parts();
    let submitter = Submitter::from_request_parts(&mut parts, &app).await?;
    let request = Request::from_parts(parts, body);
    let answer = match asked.client_id {
        Some(id) => submit::named(&app, submitter, own_id(id, "client_id")?, request).await?,
        None => submit::submit(State(app), submitter, request).await?,
    };
    let replayed = answer.headers().contains_key("idempotency-replayed");
    Ok(ServerMessage::Accepted { reference: asked.reference, replayed, job: document_of(answer).await? })
}

pub(super) async fn cancelled(
    app: App,
    visitor: Visitor,
    asked: ClientMessage,
) -> Result<ServerMessage, Problem> {
    visitor.enter(&app).await?;
    let name = name(asked.job.as_deref())?.ok_or_else(|| missing("job"))?;
    let mut parts = parts(visitor);
    let writer = Writer::from_request_parts(&mut parts, &app).await?;
    let id = find(&app, &writer.0, name).await?;
    let answer = cancel::cancel(State(app), writer, Id(id)).await?;
    let answer = axum::response::IntoResponse::into_response(answer);
    Ok(ServerMessage::Cancelled { reference: asked.reference, job: document_of(answer).await? })
}

pub(super) async fn subscribed(app: App, visitor: Visitor, number: u64, asked: ClientMessage) -> Reply {
    let reference = asked.reference.clone();
    match follow(app, visitor, asked, number).await {
        Ok(stream) => Reply {
            message: ServerMessage::Subscribed { reference, subscription: number },
            stream: Some((number, stream)),
        },
        Err(problem) => Reply {
            message: ServerMessage::Error {
                reference,
                subscription: Some(number),
                problem: document(&problem),
            },
            stream: None,
        },
    }
}

async fn follow(
    app: App,
    visitor: Visitor,
    asked: ClientMessage,
    number: u64,
) -> Result<BoxStream<'static, (u64, Option<Told>)>, Problem> {
    visitor.enter(&app).await?;
    let Reader(owner) = Reader::from_request_parts(&mut parts(visitor.clone()), &app).await?;
    if let Some(name) = name(asked.job.as_deref())? {
        let id = find(&app, &owner, name).await?;
        let after = asked.after.map(|after| after.parse::<u32>().map_err(|_| version())).transpose()?;
        let stream = JobStream::open(&app, (&owner, id), after.map(i64::from), None).await?;
        return Ok(match stream {
            Some(stream) => telling(number, Permitted::new(stream, &app, visitor.credentials())),
            None => futures::stream::once(async move { (number, None) }).boxed(),
        });
    }
    let after = asked.after.map(|after| after.parse::<Cursor>().map_err(|_| not_ours())).transpose()?;
    let filter = asked.filter.unwrap_or_default().read(&app, &owner).await?;
    let stream = OwnerStream::open(&app, &owner, filter, after, None).await?;
    Ok(telling(number, Permitted::new(stream, &app, visitor.credentials())))
}

/// A stream's words under its number, and none at its end.
fn telling(number: u64, stream: impl Tells) -> BoxStream<'static, (u64, Option<Told>)> {
    futures::stream::unfold(Some(stream), move |stream| async move {
        let mut stream = stream?;
        let told = stream.next().await;
        let rest = told.is_some().then_some(stream);
        Some(((number, told), rest))
    })
    .boxed()
}

pub(super) fn answered(
    reference: Option<String>,
    answer: impl Future<Output = Result<ServerMessage, Problem>> + Send + 'static,
) -> BoxFuture<'static, Reply> {
    async move {
        match answer.await {
            Ok(message) => Reply { message, stream: None },
            Err(problem) => failed(reference, &problem).await,
        }
    }
    .boxed()
}

pub(super) fn failed(reference: Option<String>, problem: &Problem) -> BoxFuture<'static, Reply> {
    let message = ServerMessage::Error { reference, subscription: None, problem: document(problem) };
    std::future::ready(Reply { message, stream: None }).boxed()
}

/// The headers of a request as far as they say who asks.
fn parts(visitor: Visitor) -> axum::http::request::Parts {
    visitor.request(Bytes::new()).into_parts().0
}

fn name(job: Option<&RawValue>) -> Result<Option<Name>, Problem> {
    let text = job.map(|job| serde_json::from_str::<String>(job.get()).unwrap_or_default());
    text.map(|text| text.parse())
        .transpose()
        .map_err(|why: NotAName| Problem::new(Code::InvalidId, format_args!("`job` must be {why}")).at("job"))
}

fn missing(field: &str) -> Problem {
    Problem::new(Code::MissingField, format_args!("missing field `{field}`")).at(field)
}

fn version() -> Problem {
    let detail = "`after` must be the id of an event of this job, which is its version: a number from 0";
    Problem::new(Code::InvalidCursor, detail).at("after")
}

pub(super) fn document(problem: &Problem) -> Box<RawValue> {
    RawValue::from_string(problem.document("")).expect("a problem is written as JSON")
}

/// The JSON of an answer that we wrote ourselves.
async fn document_of(answer: Response) -> Result<Box<RawValue>, Problem> {
    let body = to_bytes(answer.into_body(), usize::MAX).await;
    let text = body.ok().and_then(|body| String::from_utf8(body.into()).ok());
    text.and_then(|text| RawValue::from_string(text).ok())
        .ok_or_else(|| Problem::defect("an answer of ours is no JSON"))
}
