//! `GET /v1/schedules/{id}/firings`

use axum::Json;
use axum::extract::{RawQuery, State};
use forebay_shared::clock::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::firing::FiringView;
use super::page::{PageQuery, cut};
use super::{Id, schedule_not_found};
use crate::auth::Reader;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// List what became of a schedule's ticks
///
/// The latest come first. They are kept for 30 days, unless the service is configured otherwise.
#[utoipa::path(
    get,
    path = "/v1/schedules/{id}/firings",
    tag = "schedules",
    operation_id = "list_firings",
    params(("id" = String, Path, format = Uuid, description = "The schedule"), PageQuery),
    responses(
        (status = 200, description = "A page of firings", body = FiringList),
        (status = 400, description = "The id or a query parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such schedule", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn firings(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
    RawQuery(query): RawQuery,
) -> Result<Json<FiringList>, Problem> {
    let page = PageQuery::read(query.as_deref())?;
    let before = page.after().map(instant).transpose()?;
    let store = &app.parts.store;
    let mut firings = store.firings(&owner, id, before, page.limit() + 1).await?;
    if firings.is_empty() {
        store.schedule(&owner, id).await?.ok_or_else(schedule_not_found)?;
    }
    let next_cursor = cut(&mut firings, page.limit(), |firing| firing.fire_at.micros().unsigned_abs().into());
    let data = firings.into_iter().map(FiringView::from).collect();
    Ok(Json(FiringList { object: "list", data, next_cursor }))
}

/// The instant that a cursor names.
fn instant(place: u128) -> Result<Timestamp, Problem> {
    // What no calendar has, no database takes.
    let micros = i64::try_from(place).ok().filter(|micros| *micros < 253_402_300_800_000_000);
    micros.map(Timestamp::from_micros).ok_or_else(|| {
        Problem::new(Code::InvalidCursor, "the cursor is none that a listing has answered with").at("cursor")
    })
}

/// A page of firings.
#[derive(Debug, Serialize, ToSchema)]
pub struct FiringList {
    /// `list`
    object: &'static str,
    /// The firings.
    data: Vec<FiringView>,
    /// What to ask for the next page with; null on the last.
    next_cursor: Option<String>,
}
