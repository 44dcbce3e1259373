//! A call that answers with a result: a job is submitted, waited for and read.
//!
//! Nobody computes for a caller who is gone. Who hangs up, or has waited as long as a call may, takes the job along,
//! unless the call said that it may go on without (`x-forebay-detach: true`). The deadline in the job's row does the same
//! where the api itself is gone.

pub mod dialect;
pub mod result;

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use forebay_dialects::call::{Reply, Urgency};
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Cost, Item, Job, Keep, NewJob, Object};
use forebay_shared::model::Model;
use forebay_shared::store::{CancelOutcome, Submitted};
use tokio::sync::OwnedSemaphorePermit;

use crate::auth::Submitter;
use crate::cache;
use crate::follow::Wait;
use crate::problem::{Code, Problem, Surface};
use crate::routes::jobs::{apply, cancel, submit};
use crate::state::App;
use crate::submission::place::Inputs;
use crate::submit::Pending;

/// Names the job of a call, in every answer that has one.
const JOB: HeaderName = HeaderName::from_static("x-forebay-job");
/// Whether the job goes on without its caller.
pub const DETACH: HeaderName = HeaderName::from_static("x-forebay-detach");
/// Tells OpenAI's clients not to send the same again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The name in a job's metadata under which the dialect stands that it came in.
pub const DIALECT: &str = "dialect";

/// How a call is to be made.
#[derive(Clone, Debug)]
pub struct Manner {
    detached: bool,
    fresh: bool,
    trace: Option<String>,
}

impl Manner {
    /// Whether the job goes on without its caller.
    pub fn is_detached(&self) -> bool {
        self.detached
    }

    /// What the headers say.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let detached = match headers.get(DETACH).map(HeaderValue::as_bytes) {
            None | Some(b"false") => false,
            Some(b"true") => true,
            Some(_) => {
                let detail = "`x-forebay-detach` must be `true` or `false`";
                return Err(Problem::new(Code::InvalidHeader, detail).at("x-forebay-detach"));
            }
        };
        Ok(Self { detached, fresh: cache::wants_fresh(headers), trace: submit::traceparent(headers) })
    }
}

/// What is to be done, all of it checked.
#[derive(Debug)]
pub struct Work {
    /// The job's id.
    pub id: JobId,
    /// Whose it is.
    pub submitter: Submitter,
    /// In whose words it came.
    pub surface: Surface,
    /// By which model.
    pub model: Model,
    /// To what.
    pub items: Vec<Item>,
    /// Where large ones stand.
    pub inputs: Inputs,
    /// Parameters for every item.
    pub params: Object,
    /// How soon.
    pub urgency: Urgency,
    /// The room that the body takes.
    pub room: OwnedSemaphorePermit,
}

/// Does the work as a job, and answers with what `reply` writes of the outcomes.
pub async fn answer(app: App, work: Work, manner: Manner, reply: impl Reply) -> Result<Response, Problem> {
    let begun = Begun::submit(&app, work, manner).await?;
    let id = begun.job.id;
    let answered = async {
        let (job, told) = begun.ended(&app).await?;
        let cached = cache::told(&app, &job);
        let mut response = result::written(&app, job, told, reply).await?;
        response.headers_mut().extend(cached);
        Ok(response)
    };
    named(id, answered.await.map_err(lasting))
}

/// Does the work as a job, and answers with the picture that it gave.
pub async fn picture(app: App, work: Work, manner: Manner) -> Result<Response, Problem> {
    let begun = Begun::submit(&app, work, manner).await?;
    let id = begun.job.id;
    let answered = async {
        let (job, told) = begun.ended(&app).await?;
        let mut response = result::drawn(&app, &job, told).await?;
        response.headers_mut().extend(cache::told(&app, &job));
        Ok(response)
    };
    named(id, answered.await.map_err(lasting))
}

/// The answer, or the refusal, with its job's name.
pub fn named(id: JobId, answered: Result<Response, Problem>) -> Result<Response, Problem> {
    let name = HeaderValue::try_from(id.to_string()).expect("an id is made of digits and dashes");
    let mut response = answered.map_err(|problem| problem.header(JOB, name.clone()))?;
    response.headers_mut().insert(JOB, name);
    Ok(response)
}

/// A job that somebody waits for. Before it is one, a refusal has no job to name.
struct Begun {
    job: Job,
    wait: Wait,
    caller: Caller,
    began: Instant,
}

impl Begun {
    /// Submits the work, and begins to wait.
    async fn submit(app: &App, work: Work, manner: Manner) -> Result<Self, Problem> {
        let began = Instant::now();
        let (id, owner) = (work.id, work.submitter.owner.clone());
        app.room.enter(app.parts.store.as_ref(), app.parts.clock.as_ref(), &owner).await?;
        let (job, inputs) = new_job(app, work, &manner).await?;
        // Waiting begins before the job exists: a quick one may have ended before the store's answer is read.
        let wait = app.follower.wait_for(id);
        let mut caller =
            Caller { app: app.clone(), owner, id, detached: manner.detached, left: HUNG_UP, pending: None };
        caller.pending = Some(app.door.take(job)?);
        inputs.keep();
        let job = caller.stored().await?;
        Ok(Self { job, wait, caller, began })
    }

    /// The job when it has ended, and its result if its event brought it.
    async fn ended(self, app: &App) -> Result<(Job, Option<String>), Problem> {
        let Self { mut job, wait, mut caller, began } = self;
        let patience = app.config.limits.max_wait.get();
        let left = patience.saturating_sub(began.elapsed());
        let Some(event) = wait.ended(left, app.parts.tasks.stopping()).await else {
            caller.left = TIRED;
            return Err(gave_up(app, patience, caller.detached));
        };
        caller.stay();
        let told = apply(&event, &mut job);
        Ok((job, told))
    }
}

async fn new_job(app: &App, work: Work, manner: &Manner) -> Result<(NewJob, Inputs), Problem> {
    let Work { id, submitter, surface, model, items, mut inputs, mut params, urgency, room } = work;
    if manner.fresh {
        cache::be_fresh(&mut params);
    }
    let item_count = u32::try_from(items.len()).unwrap_or(u32::MAX);
    let cost = Cost::of(&items, &params);
    submitter.meter.charge(app, cost).await?;
    let items = inputs.place(items).await?;
    drop(room);
    let (patience, now) = (app.config.limits.max_wait.get(), app.parts.store.now());
    let job = NewJob {
        id,
        owner: submitter.owner,
        model: model.card.name,
        model_digest: model.card.digest,
        class: Class::Interactive,
        priority: urgency.priority,
        item_count,
        items,
        cost,
        params,
        metadata: came_in(surface),
        blobs: inputs.keys(),
        blob_bytes: inputs.bytes(),
        idempotency: None,
        max_attempts: app.config.limits.max_attempts,
        waiter: Some(app.parts.events.address().to_owned()),
        // The door decides.
        published: false,
        keep: Keep::all(app.config.retention.synchronous.get()),
        client_id: None,
        key: submitter.key,
        run_at: None,
        start_by: urgency.start_within.map(|wait| now.plus(wait)),
        finish_by: (!manner.detached).then(|| now.plus(patience)),
        webhook: None,
        bulk: None,
        trace: manner.trace.clone(),
    };
    Ok((job, inputs))
}

/// What a job's metadata say of one that came in these words.
pub fn came_in(surface: Surface) -> Object {
    Object::from_iter([(DIALECT.to_owned(), surface.name().into())])
}

fn gave_up(app: &App, patience: Duration, detached: bool) -> Problem {
    if app.parts.tasks.is_stopping() {
        return Problem::new(Code::Unavailable, "the service is stopping; ask again in a moment");
    }
    let seconds = patience.as_secs();
    let then = if detached { "it goes on under its id" } else { "it is cancelled" };
    Problem::new(Code::Timeout, format_args!("the job did not end within {seconds} s, and {then}"))
}

/// The same work would end the same, or take as long again.
fn lasting(problem: Problem) -> Problem {
    match problem.code() {
        Code::InputFailed | Code::JobFailed | Code::JobCancelled | Code::Timeout => {
            problem.header(SHOULD_RETRY, HeaderValue::from_static("false"))
        }
        _ => problem,
    }
}

/// Why a caller left: the connection ended.
const HUNG_UP: &str = "caller_gone";
/// Why a caller left: it had waited long enough.
const TIRED: &str = "call_timeout";

/// Somebody who waits for a job. Dropped while the job has not ended, it takes the job along.
struct Caller {
    app: App,
    owner: String,
    id: JobId,
    detached: bool,
    left: &'static str,
    /// The job on its way into the store: what is not there yet cannot be cancelled.
    pending: Option<Pending>,
}

impl Caller {
    /// The job, once it is in the store.
    async fn stored(&mut self) -> Result<Job, Problem> {
        let Some(pending) = &mut self.pending else { return Err(Problem::defect("no job was submitted")) };
        let submitted = pending.stored().await;
        self.pending = None;
        match submitted? {
            Submitted::Created(job) => Ok(*job),
            Submitted::Repeated(_) | Submitted::Mismatch => {
                Err(Problem::defect("the job has no key to repeat"))
            }
        }
    }

    /// The job has ended: there is nothing to take along.
    fn stay(mut self) {
        self.detached = true;
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the job's deadline ends it.
        if self.detached || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (app, owner, id) = (self.app.clone(), std::mem::take(&mut self.owner), self.id);
        let (reason, pending) = (self.left, self.pending.take());
        self.app.parts.tasks.spawn("caller gone", async move {
            if let Some(mut pending) = pending
                && pending.stored().await.is_err()
            {
                return;
            }
            match cancel::stop(&app, &owner, id, reason).await {
                // What had not begun never will. What runs is dropped, and counted, by its worker.
                Ok(CancelOutcome::Cancelled(_)) => {
                    tracing::debug!(job.id = %id, reason, "nobody waits for the job any more");
                }
                Ok(_) => {}
                Err(problem) => {
                    let cause = problem.cause().unwrap_or_default();
                    tracing::warn!(job.id = %id, cause, "a job nobody waits for runs until its deadline");
                }
            }
        });
    }
}
