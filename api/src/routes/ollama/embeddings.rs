//! `POST /api/embeddings`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::ollama;
use utoipa::ToSchema;

use super::{OllamaError, OllamaKeepAlive};
use crate::auth::Submitter;
use crate::body::must_be_json_of_a_page;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Embed a text, as Ollama did before `/api/embed`
///
/// As the model gives it. The call waits for its job, up to 60 seconds. Fields that are not named here are passed over.
#[utoipa::path(
    post,
    path = "/api/embeddings",
    tag = "ollama",
    operation_id = "ollama_embeddings",
    request_body = EmbeddingsRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "A vector", body = EmbeddingsAnswer, headers(
            ("x-forebay-job" = String, description = "The job that did it"),
        )),
        (status = 400, description = "The body cannot be read, a field is not valid, or the model cannot do this", body = OllamaError),
        (status = 404, description = "There is no such model", body = OllamaError),
        (status = 408, description = "The body did not arrive in time", body = OllamaError),
        (status = 409, description = "Somebody cancelled the job", body = OllamaError),
        (status = 413, description = "The body is too large", body = OllamaError),
        (status = 415, description = "A web page sends something that is not called JSON", body = OllamaError),
        (status = 500, description = "The job failed", body = OllamaError),
        (status = 503, description = "Ask again in a moment", body = OllamaError),
        (status = 504, description = "The job did not end in time, and is cancelled unless it was to go on", body = OllamaError),
    ),
)]
pub async fn embeddings(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json_of_a_page(request.headers())?;
    let read = |_: &HeaderMap, body: &Bytes| ollama::embeddings::read(body);
    call::dialect::serve(app, submitter, request, read).await
}

/// A text.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct EmbeddingsRequest {
    /// The model's name or an alias, with or without `:latest`.
    model: String,
    /// The text.
    prompt: Option<String>,
    /// The text, where there is no `prompt`.
    input: Option<String>,
    /// How long the model stays in memory after this: `5m`, a number of seconds, negative until its room is needed, 0 not at all.
    keep_alive: Option<OllamaKeepAlive>,
}

/// A vector.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct EmbeddingsAnswer {
    /// Empty if there was no text.
    embedding: Vec<f32>,
}
