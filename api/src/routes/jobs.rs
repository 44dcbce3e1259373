//! Jobs: what their endpoints share.

pub mod attempts;
pub mod cancel;
pub mod delete;
pub mod events;
pub mod explain;
pub mod files;
pub mod get;
pub mod list;
mod multipart;
pub mod result;
pub mod submit;
mod view;

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use forebay_shared::events::Event;
use forebay_shared::id::JobId;
use forebay_shared::job::{Job, Kind};

pub use view::{JobView, url};

use crate::problem::{Code, Problem};
use crate::state::{App, State};

/// What a job's model does, if it is still served.
pub async fn kind(app: &State, model: &str) -> Result<Option<Kind>, Problem> {
    Ok(app.parts.catalog.find(model).await?.map(|model| model.card.kind))
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

/// The job's id in the path.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub JobId);

/// A job's id and a file's number in the path.
#[derive(Clone, Copy, Debug)]
pub struct FileId(pub JobId, pub usize);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        segment(parts, app, "id").await.map(Self)
    }
}

impl FromRequestParts<App> for FileId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(segment(parts, app, "id").await?, segment(parts, app, "n").await?))
    }
}

async fn segment<T: FromStr>(parts: &mut Parts, app: &App, name: &str) -> Result<T, Problem> {
    let invalid = || {
        let what = if name == "id" { "a job's id, which is a UUID" } else { "a number" };
        Problem::new(Code::InvalidId, format_args!("`{name}` in the path must be {what}")).at(name)
    };
    let Path(segments): Path<HashMap<String, String>> =
        Path::from_request_parts(parts, app).await.map_err(|_| invalid())?;
    segments.get(name).and_then(|segment| segment.parse().ok()).ok_or_else(invalid)
}
