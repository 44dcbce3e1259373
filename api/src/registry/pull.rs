//! A pull from a hub: a wish that becomes a job.

use axum::http::HeaderMap;
use forebay_shared::hub::Reference;
use forebay_shared::job::{Class, Cost, Job};
use forebay_shared::registry::{ImportError, NewPull, check_name};
use forebay_shared::store::Submitted;

use crate::auth::Submitter;
use crate::call::came_in;
use crate::problem::{Code, Problem, Surface};
use crate::routes::jobs::submit::traceparent;
use crate::state::{Access, App};
use crate::submission::retention::Wish;

/// What is to be brought in.
#[derive(Clone, Debug)]
pub struct Wanted {
    reference: Reference,
    name: String,
    surface: Surface,
}

impl Wanted {
    /// The model that a hub knows under `reference`, as `name`, or as the hub calls it; asked for in these words.
    pub fn read(surface: Surface, reference: &str, name: Option<String>) -> Result<Self, Problem> {
        let reference: Reference =
            reference.parse().map_err(|error| Problem::new(Code::InvalidField, error).at("model"))?;
        let name = name.unwrap_or_else(|| reference.name());
        check_name(&name).map_err(|error| Problem::new(Code::InvalidField, error).at("name"))?;
        Ok(Self { reference, name, surface })
    }
}

/// Submits it. The model will be the submitter's, or everybody's while no keys are asked for.
pub async fn submit(
    app: &App,
    submitter: Submitter,
    wanted: Wanted,
    headers: &HeaderMap,
) -> Result<Job, Problem> {
    app.room.enter(app.parts.store.as_ref(), app.parts.clock.as_ref(), &submitter.owner).await?;
    let everybody = app.parts.access != Access::Keys;
    let owner = (!everybody).then_some(submitter.owner.as_str());
    if app.parts.registrar.is_full(owner, &wanted.name).await? {
        let limit = app.parts.registrar.limits.max_models;
        return Err(super::too_many(limit, ImportError::TooManyModels { limit }));
    }
    submitter.meter.charge(app, Cost::new(1)).await?;
    let keep = app.config.retention.terms().keep(&submitter.owner, Class::Interactive, &Wish::default())?;
    let pull = NewPull {
        owner: submitter.owner,
        reference: wanted.reference,
        name: Some(wanted.name),
        everybody,
        by_admin: submitter.is_admin,
    };
    let mut job = pull
        .job(app.parts.ids.job(), keep)
        .map_err(|error| Problem::new(Code::InvalidField, error).at("name"))?;
    (job.key, job.trace, job.metadata) = (submitter.key, traceparent(headers), came_in(wanted.surface));
    match app.door.take(job)?.stored().await? {
        Submitted::Created(job) => Ok(*job),
        Submitted::Repeated(_) | Submitted::Mismatch => Err(Problem::defect("a pull has no key to repeat")),
    }
}
