//! `POST /v1/webhooks/{id}/deliveries/{delivery}/replay`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forebay_shared::store::Replay;

use super::replay::Replayed;
use super::{DeliveryPath, disabled, webhook_not_found};
use crate::auth::Writer;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// Replay a delivery
///
/// It is sent once more, under the same `webhook-id` and in the same words, whether it got through before or not.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/deliveries/{delivery}/replay",
    tag = "webhooks",
    operation_id = "replay_webhook_delivery",
    params(
        ("id" = String, Path, description = "The webhook"),
        ("delivery" = String, Path, description = "The delivery"),
    ),
    responses(
        (status = 202, description = "It is on its way", body = Replayed),
        (status = 400, description = "An id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook, or no such delivery to it that is not being sent just now", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The webhook is disabled", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn replay_one(
    State(app): State<App>,
    Writer(owner): Writer,
    DeliveryPath(id, delivery): DeliveryPath,
) -> Result<Response, Problem> {
    let endpoint = app.parts.store.webhook(&owner, id).await?.ok_or_else(webhook_not_found)?;
    if endpoint.disabled.is_some() {
        return Err(disabled());
    }
    match app.parts.store.replay(&owner, id, Replay::One(delivery), 1).await? {
        0 => {
            let detail = "there is no such delivery, or it is being sent just now";
            Err(Problem::new(Code::DeliveryNotFound, detail))
        }
        count => {
            Ok((StatusCode::ACCEPTED, Json(Replayed { replayed: count, has_more: false })).into_response())
        }
    }
}
