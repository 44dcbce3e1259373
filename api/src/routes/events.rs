//! `GET /v1/events`
#![expect(unused_qualifications, reason = "utoipa's attribute writes types with their paths")]

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use forebay_shared::job::{EventType, Object};
use forebay_shared::store::{Cursor, EventFilter};
use serde::Serialize;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use super::jobs::list::{invalid, pair};
use super::jobs::{Name, resolve};
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::resume;
use crate::state::{App, State as AppState};
use crate::stream::{EventView, OwnerStream, read, sse};

/// Events of a page, unless the client says otherwise.
const USUAL: u32 = 100;
/// Events of a page at most.
const MOST: u32 = 1000;
/// Jobs that one stream is narrowed to at most.
const JOBS: usize = 100;

/// Follow all jobs
///
/// Server-sent events of everything that happens to the owner's jobs and bulks, in one order that never changes. The id of
/// an event is opaque; a client that comes again with the `Last-Event-ID` it has seen is told what it missed and nothing
/// twice. Without, the stream begins with what happens next; `after=0-0` begins with the oldest event that is kept (a day,
/// unless `retention.events` says otherwise). A cursor behind which something is forgotten is refused with
/// `cursor_expired`, and a stream that falls so far behind ends with an event `problem` that says the same. Of the jobs
/// that are a bulk's slices nothing is told; their bulk is.
///
/// With `follow=false` the answer is a page of events as JSON, to be asked for again with its `next_cursor`.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "events",
    operation_id = "follow_events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen; it stands before `after`"),
    ),
    responses(
        (status = 200, description = "Events as they happen, or a page of them", content(
            (EventView = "text/event-stream"),
            (EventList = "application/json"),
        )),
        (status = 400, description = "A query parameter or the cursor is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "Events after the cursor are forgotten", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams are open", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn events(
    State(app): State<App>,
    Reader(owner): Reader,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = EventQuery::read(query.as_deref().unwrap_or_default())?;
    let after = resume::cursor(&headers, query.after.clone())?;
    if query.follow == Some(false) {
        let limit = query.limit.unwrap_or(USUAL);
        let filter = query.filter(&app, &owner).await?;
        let page = read(&app, &owner, &filter, after.unwrap_or(Cursor::START), limit).await?;
        let next_cursor = page.next.to_string();
        let data = page.events.into_iter().map(EventView::from).collect();
        return Ok(Json(EventList { object: "list", data, next_cursor, has_more: page.more }).into_response());
    }
    if query.limit.is_some() {
        return Err(invalid("limit", "only a page, with `follow=false`, has a limit"));
    }
    let seat = app.seats.take(&owner)?;
    let filter = query.filter(&app, &owner).await?;
    let stream = OwnerStream::open(&app, &owner, filter, after, Some(seat)).await?;
    Ok(sse(stream, &app, &headers))
}

/// Which events, and from where on.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only events of these types, parted by commas. `job.progress` is told by a job's own stream only.
    #[param(value_type = Option<Vec<EventType>>, style = Form, explode = false)]
    types: Vec<EventType>,
    /// Only of jobs for this model, by its name or an alias.
    model: Option<String>,
    /// Only of this job, by our id or by your own; may be given several times.
    #[param(value_type = Option<Vec<String>>)]
    job: Vec<Name>,
    /// Only of jobs with these pairs among their metadata, written `metadata.<name>=<value>`.
    #[param(style = DeepObject, value_type = Option<Object>)]
    metadata: Object,
    /// Where to begin: the id of the last event that was seen, or `0-0` for all that is kept.
    after: Option<String>,
    /// `false`: answer with a page of what is there.
    #[param(default = true)]
    follow: Option<bool>,
    /// Events of a page; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl EventQuery {
    /// Reads a query string; what is unknown is refused, since a misspelt filter would tell everything.
    fn read(query: &str) -> Result<Self, Problem> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // Postgres cannot compare with it.
            if value.contains('\0') || name.contains('\0') {
                return Err(invalid(&name.replace('\0', ""), "the character U+0000 is not taken"));
            }
            match &*name {
                "types" | "type" => read.types.extend(types(&name, &value)?),
                "model" => read.model = Some(value.into_owned()),
                "job" if read.job.len() < JOBS => {
                    let id = value.parse().map_err(|why| invalid("job", &format!("it must be {why}")))?;
                    read.job.push(id);
                }
                "job" => {
                    let why = format!("it may be given {JOBS} times at most");
                    return Err(invalid("job", &why).limit(JOBS as u64));
                }
                "after" => read.after = Some(value.into_owned()),
                "follow" => {
                    let follow =
                        value.parse().map_err(|_| invalid("follow", "it must be `true` or `false`"))?;
                    read.follow = Some(follow);
                }
                "limit" => read.limit = Some(limit(&value)?),
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

    async fn filter(self, app: &AppState, owner: &str) -> Result<EventFilter, Problem> {
        let model = match self.model {
            Some(name) => {
                Some(app.parts.catalog.find(owner, &name).await?.map_or(name, |model| model.card.name))
            }
            None => None,
        };
        let jobs = resolve(app, owner, self.job, "job").await?;
        Ok(EventFilter { kinds: self.types, model, jobs, metadata: self.metadata })
    }
}

fn types(name: &str, list: &str) -> Result<Vec<EventType>, Problem> {
    list.split(',')
        .map(|word| match word.trim().parse::<EventType>() {
            Ok(kind) if kind.is_kept() => Ok(kind),
            Ok(kind) => Err(invalid(name, &format!("`{kind}` is told by a job's own stream only"))),
            Err(error) => Err(invalid(name, &error.to_string())),
        })
        .collect()
}

fn limit(value: &str) -> Result<u32, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| {
        invalid("limit", &format!("it must be a number from 1 to {MOST}")).limit(u64::from(MOST))
    })
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventList {
    /// `list`
    object: &'static str,
    /// The events, in order.
    data: Vec<EventView>,
    /// Where to go on, now or later.
    next_cursor: String,
    /// Whether there is more already.
    has_more: bool,
}
