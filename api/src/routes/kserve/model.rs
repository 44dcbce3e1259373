//! `GET /v2/models/{name}` and `GET /v2/models/{name}/ready`, with a version and without

use axum::Json;
use axum::http::StatusCode;
use forebay_dialects::kserve::{ModelMetadata, ModelReady};

use super::{KserveError, Named};
use crate::auth::Reader;

/// What does a model take and give?
///
/// A model of plain tensors tells its own; others take texts as `text` or pictures as `image`, and tell what they give for
/// each. A name may contain `/`; one that ends in `/ready`, `/infer` or `/versions/…` has it written as `%2F`.
#[utoipa::path(
    get,
    path = "/v2/models/{name}",
    tag = "kserve",
    operation_id = "kserve_model",
    params(("name" = String, Path, description = "The model's name or an alias")),
    responses(
        (status = 200, description = "Its tensors", body = ModelMetadata),
        (status = 404, description = "There is no such model", body = KserveError),
        (status = 503, description = "Ask again in a moment", body = KserveError),
    ),
)]
pub async fn metadata(_reader: Reader, Named(model): Named) -> Json<ModelMetadata> {
    Json(ModelMetadata::from(&model.card))
}

/// What does this version of a model take and give?
#[utoipa::path(
    get,
    path = "/v2/models/{name}/versions/{version}",
    tag = "kserve",
    operation_id = "kserve_model_version",
    params(
        ("name" = String, Path, description = "The model's name or an alias"),
        ("version" = String, Path, description = "`1`"),
    ),
    responses(
        (status = 200, description = "Its tensors", body = ModelMetadata),
        (status = 404, description = "There is no such model or version", body = KserveError),
        (status = 503, description = "Ask again in a moment", body = KserveError),
    ),
)]
pub async fn version_metadata(reader: Reader, named: Named) -> Json<ModelMetadata> {
    metadata(reader, named).await
}

/// Is a model ready?
///
/// It is if a worker serves it now. Requests for it are taken either way, and wait.
#[utoipa::path(
    get,
    path = "/v2/models/{name}/ready",
    tag = "kserve",
    operation_id = "kserve_model_ready",
    params(("name" = String, Path, description = "The model's name or an alias")),
    responses(
        (status = 200, description = "It is", body = ModelReady),
        (status = 404, description = "There is no such model", body = KserveError),
        (status = 503, description = "It is not", body = ModelReady),
    ),
)]
pub async fn ready(_reader: Reader, Named(model): Named) -> (StatusCode, Json<ModelReady>) {
    let status = if model.workers > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ModelReady::from(&model)))
}

/// Is this version of a model ready?
#[utoipa::path(
    get,
    path = "/v2/models/{name}/versions/{version}/ready",
    tag = "kserve",
    operation_id = "kserve_model_version_ready",
    params(
        ("name" = String, Path, description = "The model's name or an alias"),
        ("version" = String, Path, description = "`1`"),
    ),
    responses(
        (status = 200, description = "It is", body = ModelReady),
        (status = 404, description = "There is no such model or version", body = KserveError),
        (status = 503, description = "It is not", body = ModelReady),
    ),
)]
pub async fn version_ready(reader: Reader, named: Named) -> (StatusCode, Json<ModelReady>) {
    ready(reader, named).await
}
