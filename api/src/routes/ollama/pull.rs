//! `POST /api/pull`

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use forebay_dialects::ollama::pull::{Pull, Transfer, begun, read, rest, step};
use forebay_shared::id::JobId;
use forebay_shared::job::{EventType, FailureCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::progress::{Teller, answer};
use super::{OllamaError, OllamaProgress, order, streaming};
use crate::auth::Submitter;
use crate::call::{Manner, named};
use crate::problem::{Code, Problem, Surface};
use crate::registry::pull::{Wanted, submit};
use crate::routes::jobs::cancel;
use crate::state::App;
use crate::stream::{JobStream, Tells, Told};

/// How long to wait before asking a database that was away again.
const AGAIN: Duration = Duration::from_secs(1);

/// Pull a model, as Ollama does
///
/// From the hub that the service is configured with, in the hub's names: `org/name`, with `:` and a precision or a file where
/// it has several graphs. It is a job; who hangs up before it has ended cancels it, unless `x-forebay-detach` is `true`. What has
/// been downloaded then is not downloaded again. `insecure` is passed over.
#[utoipa::path(
    post,
    path = "/api/pull",
    tag = "ollama",
    operation_id = "ollama_pull",
    request_body = OllamaPull,
    params(
        ("Accept" = Option<String>, Header, description = "`text/event-stream`: a streamed answer comes as server-sent events, and not as lines"),
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
    ),
    responses(
        (status = 200, description = "How far it is, step by step; the last alone, as one JSON object, if `stream` is `false`. What fails later is told as `error` in a step's place", body = OllamaProgress, content_type = "application/x-ndjson", headers(
            ("x-forebay-job" = String, description = "The job that does it"),
        )),
        (status = 400, description = "The body cannot be read, or names no model of a hub", body = OllamaError),
        (status = 404, description = "The hub has no such model; if the answer is not streamed", body = OllamaError),
        (status = 408, description = "The body did not arrive in time", body = OllamaError),
        (status = 409, description = "Somebody cancelled the job; if the answer is not streamed", body = OllamaError),
        (status = 413, description = "The body is too large", body = OllamaError),
        (status = 415, description = "A web page sends something that is not called JSON", body = OllamaError),
        (status = 500, description = "The job failed; if the answer is not streamed", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn pull(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    let (headers, streaming) = (request.headers().clone(), streaming(&app, request.headers()));
    let detached = Manner::read(&headers)?.is_detached();
    let Pull { reference, manner } = read(&order(&app, request).await?, streaming)?;
    let owner = submitter.owner.clone();
    let wanted = Wanted::read(Surface::Ollama, &reference, None)?;
    let id = submit(&app, submitter, wanted, &headers).await?.id;
    let follower = app.clone();
    let following = |teller: Teller| async move {
        teller.tell(begun());
        let told = tokio::select! {
            told = follow(&follower, (&owner, id), &teller) => told,
            () = teller.left(), if !detached => {
                take_along(follower, owner, id);
                return Ok(());
            }
        };
        told.unwrap_or_else(|problem| {
            if !detached {
                take_along(follower, owner, id);
            }
            Err(problem)
        })
    };
    named(id, answer(&app, manner, following).await)
}

/// Cancels a pull that nobody hears of any more, however long the database is away: nothing else would end it early.
fn take_along(app: App, owner: String, id: JobId) {
    let tasks = app.parts.tasks.clone();
    tasks.spawn("pull given up", async move {
        while let Err(problem) = cancel::stop(&app, &owner, id, "caller_gone").await {
            tracing::warn!(%problem, job.id = %id, "a pull that nobody waits for cannot be cancelled at the moment");
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = app.parts.tasks.stopping() => return,
            }
        }
    });
}

/// What following a pull came to: how the pull ended, or why that is not heard.
type Followed = Result<Result<(), Problem>, Problem>;

/// Tells what the job's events tell, until it ends.
async fn follow(app: &App, (owner, id): (&str, JobId), teller: &Teller) -> Followed {
    let Some(mut stream) = JobStream::open(app, (owner, id), None, None).await? else { return Ok(Ok(())) };
    let mut latest = begun();
    while let Some(told) = stream.next().await {
        match told {
            Told::Event { kind: EventType::JobProgress, data, .. } => {
                let heard: Heard = read_event(data.get())?;
                if let Some(transfer) = heard.transfer {
                    let step = step(transfer);
                    if step != latest {
                        teller.tell(step.clone());
                        latest = step;
                    }
                }
            }
            Told::Event { data, .. } => {
                let job: Ended = read_event(data.get())?;
                if let Some(ended) = job.ended() {
                    if ended.is_ok() {
                        rest(&latest).for_each(|step| teller.tell(step));
                    }
                    return Ok(ended);
                }
            }
            Told::Quiet { .. } => {}
            Told::Broken(problem) => return Err(problem),
        }
    }
    // Its caller is told so, and may come back for it.
    Ok(Err(Problem::new(
        Code::Unavailable,
        "the service is stopping; the pull goes on, and is followed as a job",
    )))
}

fn read_event<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, Problem> {
    serde_json::from_str(data).map_err(|error| Problem::internal(std::sync::Arc::new(error)))
}

/// How far the job is.
#[derive(Deserialize)]
struct Heard {
    #[serde(default)]
    transfer: Option<Transfer>,
}

/// What is told of a job.
#[derive(Deserialize)]
struct Ended {
    status: String,
    #[serde(default)]
    error: Option<Why>,
    #[serde(default)]
    result: Option<Outcomes>,
}

#[derive(Deserialize)]
struct Outcomes {
    #[serde(default)]
    items: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    error: Option<Why>,
}

#[derive(Deserialize)]
struct Why {
    code: String,
    message: String,
}

impl Ended {
    /// What it came to, if it has ended.
    fn ended(self) -> Option<Result<(), Problem>> {
        let first =
            self.result.and_then(|result| result.items.into_iter().next()).and_then(|item| item.error);
        match self.status.as_str() {
            "queued" | "running" => None,
            "succeeded" if first.is_none() => Some(Ok(())),
            "cancelled" => Some(Err(Problem::new(Code::JobCancelled, "the pull was cancelled"))),
            _ => Some(Err(first.or(self.error).map_or_else(
                || Problem::new(Code::JobFailed, "the pull failed"),
                |why| {
                    let missing = why.code == FailureCode::NotInHub.as_str();
                    Problem::new(if missing { Code::UnknownModel } else { Code::JobFailed }, why.message)
                },
            ))),
        }
    }
}

/// Which model.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct OllamaPull {
    /// The model, as the hub knows it; `name` says the same. `hf.co/` before it is passed over.
    model: String,
    /// Whether every step is told, or the last alone. As the service is configured, if it is left out.
    stream: Option<bool>,
}
