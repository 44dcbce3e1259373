//! `POST /v1/webhooks/{id}/rotate`

use axum::Json;
use axum::extract::State;
use forebay_shared::webhook::new_secret;

use super::{EndpointView, Id, webhook_not_found};
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Give a webhook another secret
///
/// It is shown this once. The former one signs along for a while, a day by default, so that a receiver can take its time.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate",
    tag = "webhooks",
    operation_id = "rotate_webhook_secret",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 200, description = "The webhook, with its new secret", body = EndpointView),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn rotate(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
) -> Result<Json<EndpointView>, Problem> {
    let fresh = new_secret(app.parts.entropy.as_ref());
    let overlap = app.config.webhooks.rotation.get();
    let rotated = app.parts.store.rotate_webhook(&owner, id, &fresh, overlap).await?;
    Ok(Json(EndpointView::with_secret(rotated.ok_or_else(webhook_not_found)?)))
}
