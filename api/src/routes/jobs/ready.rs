//! A submission that was read, checked, placed: no job yet.

use axum::extract::Request;
use forebay_shared::id::JobId;
use forebay_shared::job::ItemsAt;
use forebay_shared::model::Model;
use tokio::sync::OwnedSemaphorePermit;

use super::multipart;
use crate::problem::{Code, Problem};
use crate::rates::Meter;
use crate::state::App;
use crate::submission::Submission;
use crate::submission::draft::{Draft, Rules};
use crate::submission::place::Inputs;
use crate::submission::times;
use crate::{body, limits};

/// What a request brought: all of it checked, and large pictures in the object store already.
pub struct Brought {
    /// The job's id.
    pub id: JobId,
    /// What is to be done, and to what.
    pub draft: Draft,
    /// Where large inputs stand.
    pub inputs: Inputs,
    /// The room that the body takes.
    pub room: OwnedSemaphorePermit,
}

/// A draft whose inputs are where they belong.
pub struct Placed {
    /// The job's id.
    pub id: JobId,
    /// What was checked, but for the items.
    pub draft: Draft,
    /// Where the items stand.
    pub items: ItemsAt,
    /// The objects that were made for them.
    pub blobs: Vec<String>,
    /// The size of those.
    pub blob_bytes: u64,
}

/// How a submission comes.
#[derive(Clone, Copy)]
pub struct Coming<'a> {
    /// Whether it may come again.
    pub keyed: bool,
    /// Whose it is.
    pub owner: &'a str,
    /// What its cost counts for.
    pub meter: &'a Meter,
}

/// Reads, checks, charges for and places what the request brings.
pub async fn ready(
    app: &App,
    id: JobId,
    request: Request,
    coming: Coming<'_>,
) -> Result<(Placed, Inputs), Problem> {
    limits::in_time(app.config.api.upload_timeout, unhurried(app, id, request, coming)).await
}

async fn unhurried(
    app: &App,
    id: JobId,
    request: Request,
    coming: Coming<'_>,
) -> Result<(Placed, Inputs), Problem> {
    let (draft, inputs, room) = match body::media_type(request.headers()).as_str() {
        "application/json" => {
            let (draft, room) = from_json(app, request, coming).await?;
            (draft, Inputs::new(app, id), room)
        }
        "multipart/form-data" => multipart::read(app, id, request, coming).await?,
        _ => {
            let detail = "send `application/json` or `multipart/form-data`";
            return Err(Problem::new(Code::UnsupportedMediaType, detail).at("Content-Type"));
        }
    };
    Brought { id, draft, inputs, room }.place(app, coming.meter).await
}

impl Brought {
    /// Charges for the work and puts the inputs where they belong.
    pub async fn place(self, app: &App, meter: &Meter) -> Result<(Placed, Inputs), Problem> {
        let Self { id, mut draft, mut inputs, room } = self;
        meter.charge(app, draft.cost).await?;
        let items = inputs.place(std::mem::take(&mut draft.items)).await?;
        // What was read is in the row's form or in the object store; nothing of it is held while somebody waits.
        drop(room);
        let (blobs, blob_bytes) = (inputs.keys(), inputs.bytes());
        Ok((Placed { id, draft, items, blobs, blob_bytes }, inputs))
    }
}

async fn from_json(
    app: &App,
    request: Request,
    Coming { keyed, owner, .. }: Coming<'_>,
) -> Result<(Draft, OwnedSemaphorePermit), Problem> {
    let (limit, cancel_after) = (app.config.limits.max_body, times::cancel_after(request.headers())?);
    let (body, room) = app.memory.read(request, limit).await?;
    let (size, tasks) = (body.len(), &app.parts.tasks);
    let submission = limits::work(tasks, size, move || Submission::read(&body)).await?;
    let model = model(app, owner, &submission.model).await?;
    let rules = Rules { cancel_after, ..Rules::of(app) };
    let draft = limits::work(tasks, size, move || submission.check(model, &rules, keyed)).await?;
    Ok((draft, room))
}

/// The model with this name or alias, if the owner sees it.
pub async fn model(app: &App, owner: &str, name: &str) -> Result<Model, Problem> {
    app.parts.catalog.find(owner, name).await?.ok_or_else(|| Problem::unknown_model(name))
}
