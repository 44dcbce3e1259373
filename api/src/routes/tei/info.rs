//! `GET /tei/info`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use forebay_dialects::tei::info::{Service, write};
use serde_json::Value;
use utoipa::ToSchema;

use super::TeiError;
use crate::auth::Reader;
use crate::problem::{Code, Problem};
use crate::state::App;

/// What is served, as TEI says it
///
/// Of the model behind `/tei/embed`; those behind the other paths are named.
#[utoipa::path(
    get,
    path = "/tei/info",
    tag = "tei",
    operation_id = "tei_info",
    responses(
        (status = 200, description = "The model and the limits", body = TeiInfo),
        (status = 404, description = "The configuration names no model, or one that there is not", body = TeiError),
        (status = 503, description = "Ask again in a moment", body = TeiError),
    ),
)]
pub async fn info(State(app): State<App>, Reader(owner): Reader) -> Result<Json<Value>, Problem> {
    let (tei, limits) = (&app.config.tei, &app.config.limits);
    let model = app.parts.catalog.find(&owner, &tei.embed).await?.ok_or_else(|| {
        let detail =
            format_args!("there is no model `{}`, which `tei.embed` of the configuration names", tei.embed);
        Problem::new(Code::UnknownModel, detail)
    })?;
    let models = [
        ("embed", tei.embed.clone()),
        ("predict", tei.predict.clone()),
        ("rerank", tei.rerank.clone()),
        ("similarity", tei.similarity.clone()),
    ];
    let service = Service {
        version: env!("CARGO_PKG_VERSION"),
        most_inputs: limits.max_items,
        most_waiting: limits.max_queued_jobs_per_owner,
        models,
    };
    Ok(Json(write(&model.card, &service)))
}

/// The model behind `/tei/embed`, and the limits.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct TeiInfo {
    /// Its own name.
    model_id: String,
    /// SHA-256 of its files, in hexadecimal.
    model_sha: String,
    /// `{"embedding": {}}`
    #[schema(value_type = Object)]
    model_type: Value,
    /// Jobs of one owner that may wait.
    max_concurrent_requests: u64,
    /// Tokens of one text.
    max_input_length: Option<u32>,
    /// Tokens of one batch, padding included.
    max_batch_tokens: u64,
    /// Inputs of one request.
    max_client_batch_size: u32,
    /// Whether texts that are too long are cut unless a request says otherwise: `true`.
    auto_truncate: bool,
    /// Forebay's version.
    version: String,
    /// The models behind the paths.
    models: BTreeMap<String, String>,
}
