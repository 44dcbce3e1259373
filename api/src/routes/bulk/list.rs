//! `GET /v1/bulk`

use axum::Json;
use axum::extract::{RawQuery, State};
use forebay_shared::store::BulkPage;
use serde::Serialize;
use utoipa::ToSchema;

use super::BulkView;
use crate::auth::Reader;
use crate::bulk;
use crate::problem::{Problem, ProblemBody};
use crate::routes::openai::batches::list::page;
use crate::state::App;

/// List bulks
///
/// The newest come first; OpenAI's batches are among them.
#[utoipa::path(
    get,
    path = "/v1/bulk",
    tag = "bulk",
    operation_id = "list_bulks",
    params(
        ("after" = Option<String>, Query, description = "Where to go on: the `next_after` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many at most; 20 by default"),
    ),
    responses(
        (status = 200, description = "A page of bulks", body = BulkList),
        (status = 400, description = "A query parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn list(
    State(app): State<App>,
    Reader(owner): Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<BulkList>, Problem> {
    let (after, limit) = page(query.as_deref().unwrap_or_default())?;
    let mut bulks = app.parts.store.bulks(&owner, BulkPage { form: None, after, limit: limit + 1 }).await?;
    let more = bulks.len() > limit as usize;
    bulks.truncate(limit as usize);
    let next_after = bulks.last().filter(|_| more).map(|bulk| bulk::name(bulk.id));
    let now = app.parts.store.now();
    let data = bulks.into_iter().map(|bulk| BulkView::new(bulk, now)).collect();
    Ok(Json(BulkList { object: "list", data, next_after }))
}

/// A page of bulks.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkList {
    /// `list`
    object: &'static str,
    /// The bulks.
    data: Vec<BulkView>,
    /// What to give as `after` for the next page, if there is one.
    next_after: Option<String>,
}
