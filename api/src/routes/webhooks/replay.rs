//! `POST /v1/webhooks/{id}/replay`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use forebay_shared::clock::Timestamp;
use forebay_shared::store::Replay;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BODY, DeliveryState, Id, disabled, webhook_not_found};
use crate::auth::Writer;
use crate::body;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// Deliveries of one call, so that its statement stays short.
const MOST: u32 = 10_000;

/// Replay deliveries
///
/// Those made in a range of time are sent once more, each under its `webhook-id` and in the same words: those that did not
/// get through, unless `state` says otherwise.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay",
    tag = "webhooks",
    operation_id = "replay_webhook",
    params(("id" = String, Path, description = "The webhook")),
    request_body = ReplayRange,
    responses(
        (status = 202, description = "They are on their way", body = Replayed),
        (status = 400, description = "The id is not valid, or the body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The webhook is disabled", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn replay(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
    request: Request,
) -> Result<Response, Problem> {
    let range: ReplayRange = body::read(&app, request, "range", BODY).await?;
    let store = &app.parts.store;
    // What is made from now on is not meant.
    let until = range.until.unwrap_or_else(|| store.now());
    if until < range.since {
        return Err(Problem::new(Code::InvalidField, "`until` must not be before `since`").at("until"));
    }
    let endpoint = store.webhook(&owner, id).await?.ok_or_else(webhook_not_found)?;
    if endpoint.disabled.is_some() {
        return Err(disabled());
    }
    let which = Replay::Range(range.since, until, range.state.map(Into::into));
    let replayed = store.replay(&owner, id, which, MOST).await?;
    let answer = Replayed { replayed, has_more: replayed == u64::from(MOST) };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// Which deliveries.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReplayRange {
    /// Made at or after this instant.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Made before this instant; now by default.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Only those that stand so; `failed` and `skipped` by default.
    #[serde(default)]
    state: Option<DeliveryState>,
}

/// How many are on their way once more.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplay)]
pub struct Replayed {
    /// So many.
    pub replayed: u64,
    /// Whether there may be more: ask again.
    pub has_more: bool,
}
