//! `POST /api/show`

use axum::Json;
use axum::extract::{Request, State};
use forebay_dialects::ollama;
use serde_json::Value;
use utoipa::ToSchema;

use super::OllamaError;
use crate::auth::Reader;
use crate::body::must_be_json_of_a_page;
use crate::limits;
use crate::problem::Problem;
use crate::state::App;

/// Show a model, as Ollama does
#[utoipa::path(
    post,
    path = "/api/show",
    tag = "ollama",
    operation_id = "ollama_show",
    request_body = ShowRequest,
    responses(
        (status = 200, description = "What is known of it", body = ShownModel),
        (status = 400, description = "The body cannot be read, or names no model", body = OllamaError),
        (status = 404, description = "There is no such model", body = OllamaError),
        (status = 408, description = "The body did not arrive in time", body = OllamaError),
        (status = 413, description = "The body is too large", body = OllamaError),
        (status = 415, description = "A web page sends something that is not called JSON", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
    ),
)]
pub async fn show(
    State(app): State<App>,
    Reader(owner): Reader,
    request: Request,
) -> Result<Json<Value>, Problem> {
    must_be_json_of_a_page(request.headers())?;
    let reading = app.memory.read(request, app.config.limits.max_body);
    let (body, _room) = limits::in_time(app.config.api.upload_timeout, reading).await?;
    let asked = ollama::model::asked(&body)?;
    let model = app.parts.catalog.find(&owner, &asked.model).await?;
    let model = model.ok_or_else(|| Problem::unknown_model(&asked.model))?;
    Ok(Json(ollama::model::show(&model, asked.verbose)))
}

/// Which model.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct ShowRequest {
    /// Its name or an alias, with or without `:latest`; `name` says the same.
    model: String,
    /// Whether the `modelfile` is wanted too.
    verbose: Option<bool>,
}

/// What is known of a model.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct ShownModel {
    /// Under which terms it may be used.
    license: String,
    /// What it is, as in `/api/tags`.
    #[schema(value_type = Object)]
    details: Value,
    /// The same under GGUF's names, with labels, prompts and digest.
    #[schema(value_type = Object)]
    model_info: Value,
    /// `embedding`, `vision`, or nothing that Ollama has a word for.
    capabilities: Vec<String>,
    /// When it was first announced.
    modified_at: String,
    /// What somebody would write to get one like it; only if `verbose`.
    modelfile: Option<String>,
}
