//! `POST /v1/jobs`

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::job::{ClientId, Idempotency, Job, Kind, NewJob};
use forebay_shared::store::Submitted;

pub use super::multipart::MultipartSubmission;
use super::ready::{Coming, Placed, ready};
use super::{Followed, JobView, apply, follow, url};
use crate::auth::Submitter;
use crate::follow::Wait;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::{self, App};
use crate::submission::Submission;
use crate::submission::place::{Inputs, discard};
use crate::{cache, idempotency, prefer};

/// Submit a job
///
/// Give the inputs as JSON, or send pictures as `multipart/form-data`: one part named `job` with the same JSON but without
/// inputs, and the pictures, in order, as the other parts. The job is accepted at once; poll it, or wait for it with
/// `Prefer: wait=<seconds>`, which answers with the finished job if it ends in time.
#[utoipa::path(
    post,
    path = "/v1/jobs",
    tag = "jobs",
    operation_id = "submit_job",
    request_body(
        content(
            (Submission = "application/json"),
            (MultipartSubmission = "multipart/form-data"),
        ),
        description = "What is to be done, to which inputs, by which model",
    ),
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=<seconds>`, 0…60: wait for the job to end", example = "wait=10"),
        ("Cancel-After" = Option<String>, Header, description = "The same as `finish_by`", example = "1m"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: the same as the parameter `cache` with `false`: no answer that was kept from earlier will do, and none is kept", example = "no-cache"),
        ("Idempotency-Key" = Option<String>, Header, description = "1…255 visible ASCII characters. A repeated submission under the same key answers with the first job"),
    ),
    responses(
        (status = 200, description = "The job has ended", body = JobView, headers(
            ("Preference-Applied" = String, description = "The wait that was asked for"),
            ("x-forebay-cache" = String, description = "Where answers are kept: whether all of the result was kept from earlier (`hit`), some of it (`partial`) or none (`miss`)"),
        )),
        (status = 202, description = "The job is accepted", body = JobView, headers(
            ("Location" = String, description = "Where the job is"),
            ("Retry-After" = u32, description = "When to ask again, in seconds"),
            ("Idempotency-Replayed" = bool, description = "`true` if the job is an earlier submission's"),
            ("Preference-Applied" = String, description = "The wait that was asked for"),
        )),
        (status = 400, description = "The body cannot be read, or a header is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such model", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The idempotency key stands for another submission", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is neither JSON nor multipart", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much is waiting already", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn submit(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    let wishes = Wishes::read(&app, request.headers());
    counted(&app, submitter, wishes, request).await
}

/// The same under an id of the client's own.
pub async fn named(
    app: &App,
    submitter: Submitter,
    id: String,
    request: Request,
) -> Result<Response, Problem> {
    let wishes = Wishes::read(app, request.headers()).and_then(|wishes| wishes.under(id));
    counted(app, submitter, wishes, request).await
}

async fn counted(
    app: &App,
    submitter: Submitter,
    wishes: Result<Wishes, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let taken = match wishes {
        Ok(wishes) => take(app, submitter, wishes, request).await,
        Err(problem) => Err(problem),
    };
    taken.inspect_err(refused)
}

/// Counts a refusal.
pub fn refused(problem: &Problem) {
    let code = problem.code().as_str();
    metrics::counter!("forebay_submissions_refused_total", "code" => code).increment(1);
}

/// What the headers wish for.
pub struct Wishes {
    wait: Option<Duration>,
    key: Option<String>,
    client_id: Option<String>,
    fresh: bool,
    trace: Option<String>,
}

impl Wishes {
    /// What they say.
    pub fn read(app: &state::State, headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            wait: prefer::wait(headers, app.config.limits.max_wait)?,
            key: idempotency::key(headers)?,
            client_id: None,
            fresh: cache::wants_fresh(headers),
            trace: traceparent(headers),
        })
    }

    /// The same under an id of the client's own, which is all the key that is needed.
    fn under(self, id: String) -> Result<Self, Problem> {
        if self.key.is_some() {
            let detail = "a job under your own id needs no `Idempotency-Key`: the id is one";
            return Err(Problem::new(Code::InvalidHeader, detail).at("Idempotency-Key"));
        }
        Ok(Self { client_id: Some(id), ..self })
    }

    /// Whether the submission may come again.
    pub fn is_keyed(&self) -> bool {
        self.key.is_some() || self.client_id.is_some()
    }

    /// How long to wait, if there is anything to wait for.
    fn patience(&self) -> Option<Duration> {
        self.wait.filter(|wait| !wait.is_zero())
    }
}

async fn take(
    app: &App,
    submitter: Submitter,
    wishes: Wishes,
    request: Request,
) -> Result<Response, Problem> {
    app.room.enter(app.parts.store.as_ref(), app.parts.clock.as_ref(), &submitter.owner).await?;
    let id = app.parts.ids.job();
    let coming = Coming { keyed: wishes.is_keyed(), owner: &submitter.owner, meter: &submitter.meter };
    // Boxed: what reading a body takes need not be carried until the job has ended.
    let (placed, inputs) = Box::pin(ready(app, id, request, coming)).await?;
    let Entered { job, kind, result, replayed } = enter(app, submitter, &wishes, (placed, inputs)).await?;
    let view = JobView::with_result(app, job.clone(), kind, result).await?;
    Ok(answer(app, &job, view, &wishes, replayed))
}

/// A job that was taken in.
pub struct Entered {
    /// The job, or that of the same submission when it came before.
    pub job: Job,
    /// What its model does, if that is still served.
    pub kind: Option<Kind>,
    /// Its result, if it ended while somebody waited and an event brought it.
    pub result: Option<String>,
    /// Whether it is an earlier submission's.
    pub replayed: bool,
}

/// Takes in what is ready, and waits for its end as long as the headers wish.
pub async fn enter(
    app: &App,
    submitter: Submitter,
    wishes: &Wishes,
    (placed, inputs): (Placed, Inputs),
) -> Result<Entered, Problem> {
    let (id, kind, blobs) = (placed.id, placed.draft.model.card.kind, inputs.keys());
    // Waiting begins before the job exists: a quick one may have ended before the store's answer is read.
    let wait = wishes.patience().map(|_| app.follower.wait_for(id));
    let mut pending = app.door.take(new_job(app, submitter, placed, wishes)?)?;
    // The job may be stored from now on, and what it names must stay. If it is not, the sweeper finds its objects.
    inputs.keep();
    match pending.stored().await? {
        Submitted::Created(mut job) => {
            let result = ended(app, &mut job, wait, wishes.patience()).await;
            Ok(Entered { job: *job, kind: Some(kind), result, replayed: false })
        }
        Submitted::Repeated(job) => {
            discard(&app.parts.blobs, &blobs).await;
            let Followed { job, result } = again(app, *job, wishes.patience()).await?;
            let kind = super::kind(app, &job).await?;
            Ok(Entered { job, kind, result, replayed: true })
        }
        Submitted::Mismatch => {
            discard(&app.parts.blobs, &blobs).await;
            if wishes.client_id.is_some() {
                let detail = "there is a job with this id already, from another submission";
                return Err(Problem::new(Code::ClientIdTaken, detail).at("id"));
            }
            let detail = "the `Idempotency-Key` was used before for another submission";
            Err(Problem::new(Code::IdempotencyMismatch, detail).at("Idempotency-Key"))
        }
    }
}

fn new_job(app: &App, submitter: Submitter, placed: Placed, wishes: &Wishes) -> Result<NewJob, Problem> {
    let (mut draft, retention, now) = (placed.draft, &app.config.retention, app.parts.store.now());
    if wishes.fresh {
        cache::be_fresh(&mut draft.params);
    }
    let times = draft.times.from(now);
    let keep = retention.terms().keep(&submitter.owner, draft.class, &draft.retention)?;
    let fingerprint = draft.fingerprint.unwrap_or_default();
    let idempotency = wishes.key.clone().map(|key| Idempotency {
        key,
        fingerprint,
        expires_at: now.plus(retention.idempotency_keys.get()),
    });
    Ok(NewJob {
        id: placed.id,
        owner: submitter.owner,
        model: draft.model.card.name,
        model_digest: draft.model.card.digest,
        class: draft.class,
        priority: draft.priority,
        item_count: draft.item_count,
        items: placed.items,
        cost: draft.cost,
        params: draft.params,
        metadata: draft.metadata,
        blobs: placed.blobs,
        blob_bytes: placed.blob_bytes,
        idempotency,
        max_attempts: draft.max_attempts,
        waiter: wishes.patience().map(|_| app.parts.events.address().to_owned()),
        // The door decides.
        published: false,
        keep,
        client_id: wishes.client_id.clone().map(|id| ClientId { id, fingerprint }),
        key: submitter.key,
        run_at: times.run_at,
        start_by: times.start_by,
        finish_by: times.finish_by,
        webhook: draft.webhook,
        bulk: None,
        trace: wishes.trace.clone(),
    })
}

/// Waits for a new job to end, and answers with the result that the event brings.
async fn ended(app: &App, job: &mut Job, wait: Option<Wait>, patience: Option<Duration>) -> Option<String> {
    let event = wait?.ended(patience?, app.parts.tasks.stopping()).await?;
    apply(&event, job)
}

/// Waits for an earlier submission's job to end.
async fn again(app: &App, job: Job, patience: Option<Duration>) -> Result<Followed, Problem> {
    match patience {
        Some(patience) if !job.status.is_terminal() => follow(app, &job.owner, job.id, patience).await,
        _ => Ok(Followed { job, result: None }),
    }
}

fn answer(app: &App, job: &Job, view: JobView, wishes: &Wishes, replayed: bool) -> Response {
    let done = wishes.wait.is_some() && job.status.is_terminal();
    let status = match (&wishes.client_id, replayed, done) {
        (Some(_), true, _) | (None, _, true) => StatusCode::OK,
        (Some(_), false, true) => StatusCode::CREATED,
        (_, _, false) => StatusCode::ACCEPTED,
    };
    let mut response = Json(view).into_response();
    let headers = response.headers_mut();
    headers.extend(wishes.wait.map(prefer::applied));
    headers.extend(cache::told(app, job));
    if replayed {
        headers.insert(idempotency::REPLAYED, HeaderValue::from_static("true"));
    }
    if !done {
        let location = HeaderValue::try_from(url(job.id)).expect("an id is made of digits and dashes");
        headers.insert(header::LOCATION, location);
        headers.extend([prefer::ask_again()]);
    }
    *response.status_mut() = status;
    response
}

/// W3C trace context, if it is well-formed: `00-<32 hex>-<16 hex>-<2 hex>`.
pub fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let lengths: Vec<usize> = value.split('-').map(str::len).collect();
    let sane =
        lengths == [2, 32, 16, 2] && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    sane.then(|| value.to_owned())
}
