//! `GET /v1/jobs`
#![expect(unused_qualifications, reason = "utoipa's attribute writes types with their paths")]

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use axum::Json;
use axum::extract::{RawQuery, State};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_shared::clock::Timestamp;
use forebay_shared::id::{BulkId, JobId};
use forebay_shared::job::{Class, Job, Kind, Object, Status};
use forebay_shared::registry::PULL;
use forebay_shared::store::{Filter, Page};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::JobView;
use crate::auth::Reader;
use crate::bulk;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::{App, State as AppState};

/// Jobs of a page, unless the client says otherwise.
const USUAL: u32 = 20;
/// Jobs of a page at most.
const MOST: u32 = 100;
/// The longest time in which jobs are sought by metadata, since no index helps there.
const WIDEST: Duration = Duration::from_hours(744);
/// The time in which they are sought if the client says nothing.
const DAY: Duration = Duration::from_hours(24);

/// List jobs
///
/// The newest come first. Everything that is given must hold.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "jobs",
    operation_id = "list_jobs",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of jobs, without their results", body = JobList),
        (status = 400, description = "A query parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn list(
    State(app): State<App>,
    Reader(owner): Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<JobList>, Problem> {
    let query = ListQuery::read(query.as_deref().unwrap_or_default())?;
    let limit = query.limit.unwrap_or(USUAL);
    let page = Page { after: query.cursor, limit: limit + 1 };
    let filter = query.filter(&app, &owner).await?;
    let mut jobs = app.parts.store.jobs(&owner, &filter, page).await?;
    let more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next_cursor = jobs.last().filter(|_| more).map(|job| cursor(job.id));
    let kinds = kinds(&app, &owner).await?;
    let view = |job: Job| {
        let kind = kinds.get(&job.model).copied();
        JobView::new(job, kind)
    };
    Ok(Json(JobList { object: "list", data: jobs.into_iter().map(view).collect(), next_cursor }))
}

/// Which jobs, and how many.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only jobs in this status.
    status: Option<Status>,
    /// Only jobs for this model, by its name or an alias.
    model: Option<String>,
    /// Only jobs in this class.
    class: Option<Class>,
    /// Only slices of this bulk.
    #[param(value_type = Option<String>)]
    bulk: Option<BulkId>,
    /// Only jobs created at or after this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<Timestamp>,
    /// Only jobs created before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<Timestamp>,
    /// Only jobs with these pairs among their metadata, written `metadata.<name>=<value>`. They are sought in the last 24
    /// hours, or between `created_after` and `created_before`, at most 31 days apart.
    #[param(style = DeepObject, value_type = Option<Object>)]
    metadata: Object,
    /// How many at most; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where to go on: the `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<JobId>,
}

impl ListQuery {
    /// Reads a query string; what is unknown is refused, since a misspelt filter would show everything.
    fn read(query: &str) -> Result<Self, Problem> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // Postgres cannot compare with it.
            if value.contains('\0') || name.contains('\0') {
                return Err(invalid(&name.replace('\0', ""), "the character U+0000 is not taken"));
            }
            match &*name {
                "status" => read.status = Some(word(&name, &value)?),
                "model" => read.model = Some(value.into_owned()),
                "class" => read.class = Some(word(&name, &value)?),
                "bulk" => {
                    let id = bulk::id(&value).ok_or_else(|| invalid(&name, "it must be the id of a bulk"))?;
                    read.bulk = Some(id);
                }
                "created_after" => read.created_after = Some(instant(&name, &value)?),
                "created_before" => read.created_before = Some(instant(&name, &value)?),
                "limit" => read.limit = Some(limit(&value)?),
                "cursor" => read.cursor = Some(place(&value)?),
                name => match pair(name) {
                    Some(pair) => {
                        read.metadata.insert(pair.to_owned(), value.into_owned().into());
                    }
                    None => return Err(invalid(name, "it is not known")),
                },
            }
        }
        Ok(read)
    }

    async fn filter(self, app: &AppState, owner: &str) -> Result<Filter, Problem> {
        let model = match self.model {
            Some(name) => {
                Some(app.parts.catalog.find(owner, &name).await?.map_or(name, |model| model.card.name))
            }
            None => None,
        };
        let (mut after, before) = (self.created_after, self.created_before);
        if !self.metadata.is_empty() {
            let until = before.unwrap_or_else(|| app.parts.store.now());
            let from = *after.get_or_insert(until.minus(DAY));
            if until.since(from) > WIDEST {
                let detail = "jobs are sought by metadata within 31 days at most";
                return Err(invalid("created_after", detail).limit(31));
            }
        }
        Ok(Filter {
            status: self.status,
            model,
            class: self.class,
            bulk: self.bulk,
            ids: Vec::new(),
            metadata: self.metadata,
            created_after: after,
            created_before: before,
        })
    }
}

/// The name in `metadata.<name>`, or in `metadata[<name>]` as generated clients write it.
pub fn pair(parameter: &str) -> Option<&str> {
    let name = parameter.strip_prefix("metadata")?;
    let name = name.strip_prefix('.').or_else(|| name.strip_prefix('[')?.strip_suffix(']'))?;
    (!name.is_empty()).then_some(name)
}

/// A query parameter is not valid.
pub fn invalid(name: &str, why: &str) -> Problem {
    Problem::new(Code::InvalidQuery, format_args!("the query parameter `{name}` is not valid: {why}"))
        .at(name)
}

fn word<T: FromStr<Err: std::fmt::Display>>(name: &str, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|error: T::Err| invalid(name, &error.to_string()))
}

fn instant(name: &str, value: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse(value).map_err(|_| invalid(name, "it must be a date like 2026-06-01T12:00:00Z"))
}

fn limit(value: &str) -> Result<u32, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| {
        invalid("limit", &format!("it must be a number from 1 to {MOST}")).limit(u64::from(MOST))
    })
}

/// A cursor says nothing to anybody but us.
fn cursor(id: JobId) -> String {
    URL_SAFE_NO_PAD.encode(id.0.as_bytes())
}

fn place(cursor: &str) -> Result<JobId, Problem> {
    let id = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| hex::encode(bytes).parse().ok());
    id.ok_or_else(|| {
        Problem::new(Code::InvalidCursor, "the cursor is none that a listing has answered with").at("cursor")
    })
}

async fn kinds(app: &AppState, owner: &str) -> Result<HashMap<String, Kind>, Problem> {
    let models = app.parts.catalog.models(owner).await?;
    let kinds = models.iter().map(|model| (model.card.name.clone(), model.card.kind));
    Ok(kinds.chain([(PULL.to_owned(), Kind::ModelPull)]).collect())
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// `list`
    object: &'static str,
    /// The jobs, without their results.
    data: Vec<JobView>,
    /// What to ask for the next page with; null on the last.
    next_cursor: Option<String>,
}
