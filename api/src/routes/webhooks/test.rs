//! `POST /v1/webhooks/{id}/test`

use axum::Json;
use axum::extract::State;
use forebay_shared::id::DeliveryId;
use forebay_shared::store::{Tested, Try};
use forebay_shared::webhook::{Heard, Keys, SigningKey, sign, test_body};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Id, signing, webhook_not_found};
use crate::auth::Writer;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// Test a webhook
///
/// A message of type `webhook.test` is sent now, in the way that all others are, once. The answer tells what the receiver
/// answered; the delivery is listed with the others.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    tag = "webhooks",
    operation_id = "test_webhook",
    params(("id" = String, Path, description = "The webhook")),
    responses(
        (status = 200, description = "What the receiver answered, or why it did not", body = TestResult),
        (status = 400, description = "The id is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such webhook", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The URL leads where nothing may be sent any more", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many tests are under way", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn test(
    State(app): State<App>,
    Writer(owner): Writer,
    Id(id): Id,
) -> Result<Json<TestResult>, Problem> {
    let store = &app.parts.store;
    let endpoint = store.webhook(&owner, id).await?.ok_or_else(webhook_not_found)?;
    crate::submission::webhook::url(&endpoint.url, "url", &app.parts.guard, &app.config.webhooks)?;
    let _place = app.tests.try_acquire().map_err(|_| {
        Problem::new(Code::TooManyRequests, "too many webhooks are being tested; ask again in a moment")
    })?;
    let (delivery, now) = (app.parts.ids.delivery(), store.now());
    let internal = |error| Problem::internal(std::sync::Arc::new(error));
    let key = SigningKey::read(&signing(&app, &owner).await?.key).map_err(internal)?;
    let body = test_body(id, now);
    let keys = Keys { secrets: endpoint.secrets.at(now), signing: key };
    let signature = sign(delivery, now, body.as_bytes(), &keys).map_err(internal)?;
    let reply = app.postman.post(&endpoint.url, &body, &signature).await;
    let status = match reply.heard {
        Heard::Status { status, .. } => Some(status),
        Heard::Timeout | Heard::Unreachable => None,
    };
    let delivered = status.is_some_and(|status| (200..300).contains(&status));
    let took_ms = reply.took.as_secs_f64() * 1000.0;
    let tried = Try { number: 1, at: now, took_ms, status, answer: reply.answer, error: reply.error };
    let tested = Tested { id: delivery, owner, webhook: id, url: endpoint.url, body, delivered };
    store.record_test(&tested, &tried).await?;
    Ok(Json(TestResult { delivery, delivered, status, took_ms, answer: tried.answer, error: tried.error }))
}

/// What became of a test.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookTest)]
pub struct TestResult {
    /// The message's id.
    #[schema(value_type = String)]
    delivery: DeliveryId,
    /// Whether the receiver took it: any 2xx.
    delivered: bool,
    /// The HTTP status.
    status: Option<u16>,
    /// How long it took, in milliseconds.
    took_ms: f64,
    /// The first bytes of the answer.
    answer: String,
    /// Why there was none.
    error: Option<String>,
}
