//! `GET /v1/webhooks`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::EndpointView;
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// List webhooks
///
/// All of them, the oldest first, without their secrets.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    tag = "webhooks",
    operation_id = "list_webhooks",
    responses(
        (status = 200, description = "The webhooks", body = WebhookList),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn list(State(app): State<App>, Reader(owner): Reader) -> Result<Json<WebhookList>, Problem> {
    let endpoints = app.parts.store.webhooks(&owner).await?;
    Ok(Json(WebhookList { object: "list", data: endpoints.into_iter().map(EndpointView::new).collect() }))
}

/// The owner's webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookList {
    /// `list`
    object: &'static str,
    /// The oldest first.
    data: Vec<EndpointView>,
}
