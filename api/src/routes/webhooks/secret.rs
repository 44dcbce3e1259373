//! `GET /v1/webhooks/secret`

use axum::Json;
use axum::extract::State;

use super::{SecretView, signing};
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Read the default secret
///
/// Messages to jobs' own webhooks are signed with it. It is made when it is first needed.
#[utoipa::path(
    get,
    path = "/v1/webhooks/secret",
    tag = "webhooks",
    operation_id = "get_default_webhook_secret",
    responses(
        (status = 200, description = "The secret", body = SecretView),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn secret(State(app): State<App>, Writer(owner): Writer) -> Result<Json<SecretView>, Problem> {
    Ok(Json(SecretView::new(&signing(&app, &owner).await?)))
}
