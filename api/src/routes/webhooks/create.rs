//! `POST /v1/webhooks`

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::job::EventType;
use forebay_shared::store::NewEndpoint;
use forebay_shared::webhook::new_secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{BODY, EndpointView, webhook_not_found};
use crate::auth::Writer;
use crate::body;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;
use crate::submission::webhook;

/// Register a webhook
///
/// From now on messages about your jobs and bulks are posted to the URL, signed as [Standard
/// Webhooks](https://www.standardwebhooks.com) says. The secret is shown this once.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    tag = "webhooks",
    operation_id = "create_webhook",
    request_body = NewWebhook,
    responses(
        (status = 201, description = "The webhook, with its secret", body = EndpointView, headers(
            ("Location" = String, description = "Where the webhook is"),
        )),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There are too many webhooks", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<App>,
    Writer(owner): Writer,
    request: Request,
) -> Result<Response, Problem> {
    let wish: NewWebhook = body::read(&app, request, "webhook", BODY).await?;
    let (config, parts) = (&app.config.webhooks, &app.parts);
    webhook::url(&wish.url, "url", &parts.guard, config)?;
    let events = match wish.events {
        Some(wanted) => webhook::events(&wanted, "events")?,
        None => EventType::ENDS.to_vec(),
    };
    let (id, secret) = (parts.ids.webhook(), new_secret(parts.entropy.as_ref()));
    let endpoint = NewEndpoint { id, owner: owner.clone(), url: wish.url, events, secret };
    let most = config.max_endpoints;
    if !parts.store.create_webhook(&endpoint, most).await? {
        let detail = format_args!("there are {most} webhooks already, which is the limit; delete one first");
        return Err(Problem::new(Code::TooManyWebhooks, detail).limit(u64::from(most)));
    }
    let made = parts.store.webhook(&owner, id).await?.ok_or_else(webhook_not_found)?;
    let location = format!("/v1/webhooks/{id}");
    let view = Json(EndpointView::with_secret(made));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], view).into_response())
}

/// Where to tell, and of what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    /// Where to post to, `https://…` or `http://…`, at a public address: at most 2048 characters.
    #[schema(format = "uri")]
    url: String,
    /// What to tell of; every end of a job or a bulk by default. `job.progress` is told to who follows events only.
    #[serde(default)]
    events: Option<Vec<EventType>>,
}
