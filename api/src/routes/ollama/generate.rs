//! `POST /api/generate`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::ollama;
use utoipa::ToSchema;

use super::{OllamaAnswer, OllamaError, OllamaKeepAlive, streaming};
use crate::auth::Submitter;
use crate::body::must_be_json_of_a_page;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Say what is seen in pictures, as Ollama generates
///
/// Of models that classify pictures, find things in them or read them: labels, things with their boxes, or lines of print, a
/// line each. Models that write text do not run here, and others are refused. An answer comes in one piece, streamed or
/// not. Fields that are not named here are passed over.
#[utoipa::path(
    post,
    path = "/api/generate",
    tag = "ollama",
    operation_id = "ollama_generate",
    request_body = GenerateRequest,
    params(
        ("Accept" = Option<String>, Header, description = "`text/event-stream`: a streamed answer comes as server-sent events, and not as lines"),
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "What is seen; as one JSON object if `stream` is `false`", body = OllamaAnswer, content_type = "application/x-ndjson", headers(
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
pub async fn generate(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json_of_a_page(request.headers())?;
    let streaming = streaming(&app, request.headers());
    let read = move |_: &HeaderMap, body: &Bytes| ollama::generate::read(body, streaming);
    call::dialect::serve(app, submitter, request, read).await
}

/// Pictures.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct GenerateRequest {
    /// The model's name or an alias, with or without `:latest`.
    model: String,
    /// Passed over, but for whether there is one: with neither prompt nor pictures the model is loaded, or unloaded if
    /// `keep_alive` is 0.
    prompt: Option<String>,
    /// Pictures in base64.
    images: Option<Vec<String>>,
    /// Whether the answer is streamed; what no `stream` means the configuration says (`ollama.stream_default`).
    stream: Option<bool>,
    /// How long the model stays in memory after this: `5m`, a number of seconds, negative until its room is needed, 0 not at all.
    keep_alive: Option<OllamaKeepAlive>,
}
