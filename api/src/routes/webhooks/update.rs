//! `PATCH /v1/webhooks/{id}`

use axum::Json;
use axum::extract::{Request, State};
use forebay_shared::job::EventType;
use forebay_shared::store::EndpointChange;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{BODY, EndpointView, Id, webhook_not_found};
use crate::auth::Writer;
use crate::body;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::submission::webhook;

/// Change a webhook
///
/// What is not given stays. A webhook that is disabled skips what was on its way to it; replay brings that back.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{id}",
    tag = "webhooks",
    operation_id = "update_webhook",
    params(("id" = String, Path, description = "The webhook")),
    request_body = WebhookChange,
    responses(
        (status = 200, description = "The webhook as it is now", body = EndpointView),
        (status = 400, description = "The id is not valid, or the body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn update(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
    request: Request,
) -> Result<Json<EndpointView>, Problem> {
    let wish: WebhookChange = body::read(&app, request, "change", BODY).await?;
    if let Some(url) = &wish.url {
        webhook::url(url, "url", &app.parts.guard, &app.config.webhooks)?;
    }
    let events = wish.events.map(|wanted| webhook::events(&wanted, "events")).transpose()?;
    let change = EndpointChange { url: wish.url, events, disabled: wish.disabled };
    let changed = app.parts.store.change_webhook(&owner, id, &change).await?.ok_or_else(webhook_not_found)?;
    Ok(Json(EndpointView::new(changed)))
}

/// What is to be different.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookChange {
    /// Where to post to.
    #[serde(default)]
    #[schema(format = "uri")]
    url: Option<String>,
    /// What to tell of.
    #[serde(default)]
    events: Option<Vec<EventType>>,
    /// Whether to tell nothing. One that is enabled again begins with a clean slate.
    #[serde(default)]
    disabled: Option<bool>,
}
