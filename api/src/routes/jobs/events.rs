//! `GET /v1/jobs/{id}/events`

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{Id, JobView};
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::resume;
use crate::state::App;
use crate::stream::{JobStream, sse};

/// Follow a job
///
/// Server-sent events, from the job as it stands to its end. Each is named `job.<status>`, has the job's version as its id
/// and the job as its data; ids count one by one. A client that comes again with the `Last-Event-ID` it has seen is told
/// what it missed and nothing twice; versions that were passed meanwhile are told for as long as events are kept
/// (`retention.events`). While the job runs, `job.progress` says about once a second how many of its items have ended; it
/// has no id and is not told again. While it waits, `queue` says how many jobs go before it and when it will probably have
/// run; a stream that has told nothing for a while tells `job.queued` without an id if that has changed, and else sends a
/// comment. It ends when the job has.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}/events",
    tag = "events",
    operation_id = "follow_job",
    params(
        ("id" = String, Path, format = Uuid, description = "The job"),
        ("after" = Option<i64>, Query, description = "The version that the client has seen; `Last-Event-ID` stands before it"),
        ("Last-Event-ID" = Option<i64>, Header, description = "The same, as browsers send it"),
    ),
    responses(
        (status = 200, description = "Events until the job has ended", body = JobView, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and the client has seen that: do not come again"),
        (status = 400, description = "The id or the version is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams are open", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn events(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = resume::version(&headers, query.as_deref().unwrap_or_default())?;
    let seat = app.seats.take(&owner)?;
    Ok(match JobStream::open(&app, (&owner, id), after, Some(seat)).await? {
        Some(stream) => sse(stream, &app, &headers),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
