//! `GET /api/version`

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The least version of Ollama that clients ask for before they talk to a server.
const SPOKEN: &str = "0.6.4";

/// Which version of Ollama's API is spoken
///
/// Not the version of Forebay: clients compare it with the one that they need.
#[utoipa::path(
    get,
    path = "/api/version",
    tag = "ollama",
    operation_id = "ollama_version",
    security(()),
    responses((status = 200, description = "The version", body = OllamaVersion)),
)]
pub async fn version() -> Json<OllamaVersion> {
    Json(OllamaVersion { version: SPOKEN })
}

/// A version.
#[derive(Debug, Serialize, ToSchema)]
pub struct OllamaVersion {
    /// Three numbers.
    version: &'static str,
}
