//! `DELETE /v1/webhooks/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use super::{Id, webhook_not_found};
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Delete a webhook
///
/// With its deliveries, those that were on their way included.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "delete_webhook",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 204, description = "The webhook is gone"),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn delete(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if app.parts.store.delete_webhook(&owner, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(webhook_not_found())
    }
}
