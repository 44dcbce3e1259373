//! `GET /v1/webhooks/{id}`

use axum::Json;
use axum::extract::State;

use super::{EndpointView, Id, webhook_not_found};
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Read a webhook
///
/// Without its secret.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "get_webhook",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 200, description = "The webhook", body = EndpointView),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn get(
    State(app): State<App>,
    Reader(owner): Reader,
    Id(id): Id,
) -> Result<Json<EndpointView>, Problem> {
    let endpoint = app.parts.store.webhook(&owner, id).await?.ok_or_else(webhook_not_found)?;
    Ok(Json(EndpointView::new(endpoint)))
}
