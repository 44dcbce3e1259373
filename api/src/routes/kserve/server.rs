//! `GET /v2`, `GET /v2/health/live` and `GET /v2/health/ready`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use forebay_dialects::kserve::ServerMetadata;
use serde::Serialize;
use utoipa::ToSchema;

use super::KserveError;
use crate::auth::Reader;
use crate::routes::health;
use crate::state::App;

/// What is the server?
#[utoipa::path(
    get,
    path = "/v2",
    tag = "kserve",
    operation_id = "kserve_server",
    responses(
        (status = 200, description = "Its name, its version and what it can do", body = ServerMetadata),
        (status = 503, description = "Ask again in a moment", body = KserveError),
    ),
)]
pub async fn server(_reader: Reader) -> Json<ServerMetadata> {
    Json(ServerMetadata::new(env!("CARGO_PKG_VERSION")))
}

/// Does the server live?
#[utoipa::path(
    get,
    path = "/v2/health/live",
    tag = "kserve",
    operation_id = "kserve_live",
    security(()),
    responses((status = 200, description = "It does", body = Live)),
)]
pub async fn live() -> Json<Live> {
    Json(Live { live: true })
}

/// Can the server serve?
///
/// As `/readyz` says, which tells the checks too. Whether a model is served its own path tells.
#[utoipa::path(
    get,
    path = "/v2/health/ready",
    tag = "kserve",
    operation_id = "kserve_ready",
    security(()),
    responses(
        (status = 200, description = "It can", body = Ready),
        (status = 503, description = "It cannot", body = Ready),
    ),
)]
pub async fn ready(state: State<App>) -> (StatusCode, Json<Ready>) {
    let (status, _) = health::readyz(state).await;
    (status, Json(Ready { ready: status.is_success() }))
}

/// That the server lives.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = KserveLive)]
pub struct Live {
    /// `true`
    live: bool,
}

/// Whether the server can serve.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = KserveReady)]
pub struct Ready {
    /// Whether it can.
    ready: bool,
}
