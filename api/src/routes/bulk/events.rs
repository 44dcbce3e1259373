//! `GET /v1/bulk/{id}/events`

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::BulkView;
use crate::auth::Reader;
use crate::bulk::{self, not_found};
use crate::problem::{Problem, ProblemBody};
use crate::resume;
use crate::state::App;
use crate::stream::{BulkStream, sse};

/// Follow a bulk
///
/// Server-sent events, from the bulk as it stands to its end, with its counts, progress and ETA: `batch.progress` when it has
/// come further, once a second at most, then `batch.completed`, `batch.failed`, `batch.expired` or `batch.cancelled`. A
/// stream that tells nothing for a while sends a comment.
#[utoipa::path(
    get,
    path = "/v1/bulk/{id}/events",
    tag = "events",
    operation_id = "follow_bulk",
    params(
        ("id" = String, Path, description = "The bulk"),
        ("after" = Option<i64>, Query, description = "The id of the last event that was seen; `Last-Event-ID` stands before it"),
        ("Last-Event-ID" = Option<i64>, Header, description = "The same, as browsers send it"),
    ),
    responses(
        (status = 200, description = "Events until the bulk has ended", body = BulkView, content_type = "text/event-stream"),
        (status = 204, description = "The bulk has ended, and the client has seen that: do not come again"),
        (status = 400, description = "The id of the event is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such bulk", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams are open", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn events(
    State(app): State<App>,
    Reader(owner): Reader,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = resume::version(&headers, query.as_deref().unwrap_or_default())?;
    let id = bulk::id(&id).ok_or_else(not_found)?;
    let seat = app.seats.take(&owner)?;
    Ok(match BulkStream::open(&app, (&owner, id), after, seat).await? {
        Some(stream) => sse(stream, &app, &headers),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
