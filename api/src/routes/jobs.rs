//! Jobs: what their endpoints share.

pub mod attempts;
pub mod cancel;
pub mod cancel_many;
pub mod chunks;
pub mod delete;
pub mod events;
pub mod explain;
pub mod files;
mod filter;
pub mod get;
pub mod list;
mod multipart;
mod name;
pub mod put;
pub mod ready;
pub mod result;
pub mod retry;
pub mod retry_many;
pub mod submit;
mod view;

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use forebay_shared::events::Event;
use forebay_shared::id::JobId;
use forebay_shared::job::{Job, Kind};
use forebay_shared::registry::PULL;

pub use name::{Name, NotAName, find, own_id, resolve};
pub use view::{JobView, QueueView, url};

use name::LONGEST_ID;

use crate::auth::whose;
use crate::problem::{Code, Problem};
use crate::routes::segment;
use crate::state::{App, State};

/// What a job's model does, if it is still served. Bringing models in is no model's work.
pub async fn kind(app: &State, job: &Job) -> Result<Option<Kind>, Problem> {
    if job.model == PULL {
        return Ok(Some(Kind::ModelPull));
    }
    Ok(app.parts.catalog.find(&job.owner, &job.model).await?.map(|model| model.card.kind))
}

/// The owner has no such job; whose it is otherwise stays unsaid.
pub fn job_not_found() -> Problem {
    Problem::new(Code::JobNotFound, "there is no such job")
}

/// A job, and its result if an event brought it.
#[derive(Debug)]
pub struct Followed {
    /// The job, ended or not.
    pub job: Job,
    /// Its result.
    pub result: Option<String>,
}

/// Waits until the owner's job ends, or `patience` is over.
pub async fn follow(app: &State, owner: &str, id: JobId, patience: Duration) -> Result<Followed, Problem> {
    let wait = app.follower.wait_for(id);
    let waiter = app.parts.events.address();
    let Some(mut job) = app.parts.store.watch(owner, id, waiter).await? else {
        return Err(job_not_found());
    };
    let mut result = None;
    if !job.status.is_terminal()
        && let Some(event) = wait.ended(patience, app.parts.tasks.stopping()).await
    {
        result = apply(&event, &mut job);
    }
    Ok(Followed { job, result })
}

/// Brings a job to where the event says it is, and answers with the result that the event carries.
pub fn apply(event: &Event, job: &mut Job) -> Option<String> {
    let Event::Ended(ended) = event else { return None };
    ended.apply(job);
    ended.result.clone()
}

/// The job's id in the path: ours, or the client's own.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub JobId);

/// The same where it is called a task's.
#[derive(Clone, Copy, Debug)]
pub struct TaskId(pub JobId);

/// A job's id and a file's number in the path.
#[derive(Clone, Copy, Debug)]
pub struct FileId(pub JobId, pub usize);

/// The client's own id in the path, for a job that there may not be yet.
#[derive(Clone, Debug)]
pub struct OwnId(pub String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = segment(parts, app, "id").await?;
        let name = id.parse::<Name>().map_err(|why| {
            let detail = format_args!("`id` in the path must be {why}");
            Problem::new(Code::InvalidId, detail).at("id").limit(LONGEST_ID as u64)
        })?;
        match name {
            Name::Ours(id) => Ok(Self(id)),
            name @ Name::Own(_) => find(app, &whose(app, &parts.headers).await?, name).await.map(Self),
        }
    }
}

impl FromRequestParts<App> for TaskId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // What cannot be an id is none of a task's either.
        let name = segment(parts, app, "task_id").await.ok().and_then(|id| id.parse::<Name>().ok());
        match name.ok_or_else(job_not_found)? {
            Name::Ours(id) => Ok(Self(id)),
            name @ Name::Own(_) => find(app, &whose(app, &parts.headers).await?, name).await.map(Self),
        }
    }
}

impl FromRequestParts<App> for FileId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Id(id) = Id::from_request_parts(parts, app).await?;
        let n = segment(parts, app, "n").await?;
        let invalid = |_| Problem::new(Code::InvalidId, "`n` in the path must be a number").at("n");
        Ok(Self(id, n.parse().map_err(invalid)?))
    }
}

impl FromRequestParts<App> for OwnId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let id = segment(parts, app, "id").await?;
        own_id(id, "id").map(Self)
    }
}

async fn segment(parts: &mut Parts, app: &App, name: &str) -> Result<String, Problem> {
    let not_utf8 =
        || Problem::new(Code::InvalidId, format_args!("`{name}` in the path is not UTF-8")).at(name);
    segment::segment(parts, app, name).await.ok_or_else(not_utf8)
}
