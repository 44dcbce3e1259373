//! `GET /v1/schedules`

use axum::Json;
use axum::extract::{RawQuery, State};
use forebay_shared::id::ScheduleId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::{PageQuery, cut};
use super::view::ScheduleView;
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// List schedules
///
/// The newest come first.
#[utoipa::path(
    get,
    path = "/v1/schedules",
    tag = "schedules",
    operation_id = "list_schedules",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of schedules", body = ScheduleList),
        (status = 400, description = "A query parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn list(
    State(app): State<App>,
    Reader(owner): Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<ScheduleList>, Problem> {
    let page = PageQuery::read(query.as_deref())?;
    let after = page.after().map(|id| ScheduleId(Uuid::from_u128(id)));
    let mut schedules = app.parts.store.schedules(&owner, after, page.limit() + 1).await?;
    let next_cursor = cut(&mut schedules, page.limit(), |schedule| schedule.id.0.as_u128());
    let data = schedules.into_iter().map(|schedule| ScheduleView::new(&app, schedule)).collect();
    Ok(Json(ScheduleList { object: "list", data, next_cursor }))
}

/// A page of schedules.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScheduleList {
    /// `list`
    object: &'static str,
    /// The schedules.
    data: Vec<ScheduleView>,
    /// What to ask for the next page with; null on the last.
    next_cursor: Option<String>,
}
