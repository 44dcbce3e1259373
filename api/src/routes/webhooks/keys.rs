//! `GET /v1/webhooks/keys`

use axum::Json;
use axum::extract::State;
use forebay_shared::webhook::SigningKey;
use serde::Serialize;
use utoipa::ToSchema;

use super::signing;
use crate::auth::Reader;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// List public keys
///
/// Every message also carries a signature `v1a`, which a receiver checks with this key and without any secret. The key is
/// yours alone: what it has signed was sent for you.
#[utoipa::path(
    get,
    path = "/v1/webhooks/keys",
    tag = "webhooks",
    operation_id = "list_webhook_keys",
    responses(
        (status = 200, description = "The keys", body = KeyList),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn keys(State(app): State<App>, Reader(owner): Reader) -> Result<Json<KeyList>, Problem> {
    let signing = signing(&app, &owner).await?;
    let key =
        SigningKey::read(&signing.key).map_err(|error| Problem::internal(std::sync::Arc::new(error)))?;
    Ok(Json(KeyList {
        object: "list",
        data: vec![KeyView { object: "webhook_key", algorithm: "ed25519", key: key.public() }],
    }))
}

/// Public keys.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookKeyList)]
pub struct KeyList {
    /// `list`
    object: &'static str,
    /// The keys.
    data: Vec<KeyView>,
}

/// A public key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookKey)]
struct KeyView {
    /// `webhook_key`
    object: &'static str,
    /// `ed25519`
    algorithm: &'static str,
    /// `whpk_…`
    key: String,
}
