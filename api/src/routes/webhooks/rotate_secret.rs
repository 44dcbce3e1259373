//! `POST /v1/webhooks/secret/rotate`

use axum::Json;
use axum::extract::State;
use forebay_shared::webhook::new_secret;

use super::{SecretView, signing};
use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Take another default secret
///
/// The former one signs along for a while, a day by default.
#[utoipa::path(
    post,
    path = "/v1/webhooks/secret/rotate",
    tag = "webhooks",
    operation_id = "rotate_default_webhook_secret",
    responses(
        (status = 200, description = "The new secret", body = SecretView),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn rotate_secret(
    State(app): State<App>,
    Writer(owner): Writer,
) -> Result<Json<SecretView>, Problem> {
    let fresh = new_secret(app.parts.entropy.as_ref());
    let overlap = app.config.webhooks.rotation.get();
    let signing = match app.parts.store.rotate_signing(&owner, &fresh, overlap).await? {
        Some(rotated) => rotated,
        // There was none that anybody could know.
        None => signing(&app, &owner).await?,
    };
    Ok(Json(SecretView::new(&signing)))
}
