//! `POST /api/embed`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::ollama;
use serde::Serialize;
use utoipa::ToSchema;

use super::{OllamaError, OllamaKeepAlive};
use crate::auth::Submitter;
use crate::body::must_be_json_of_a_page;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Embed texts, as Ollama does
///
/// A job of as many items as there are texts; the call waits for it, up to 60 seconds. Who hangs up before cancels the job,
/// unless `x-forebay-detach` is `true`. Vectors have length one. Without texts there is no job and no vector. Fields that
/// are not named here are passed over, `options` among them.
#[utoipa::path(
    post,
    path = "/api/embed",
    tag = "ollama",
    operation_id = "ollama_embed",
    request_body = EmbedRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "A vector for each text", body = EmbedAnswer, headers(
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
pub async fn embed(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json_of_a_page(request.headers())?;
    let read = |_: &HeaderMap, body: &Bytes| ollama::embed::read(body);
    call::dialect::serve(app, submitter, request, read).await
}

/// Texts, and what their vectors are to be like.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct EmbedRequest {
    /// The model's name or an alias, with or without `:latest`.
    model: String,
    /// At most 2048 texts.
    input: Option<EmbedInput>,
    /// Cut a text that is too long (the default), or fail the call.
    #[schema(default = true)]
    truncate: Option<bool>,
    /// Length of the vectors; they are cut and brought to length one. More than the model gives changes nothing.
    dimensions: Option<i64>,
    /// How long the model stays in memory after this: `5m`, a number of seconds, negative until its room is needed, 0 not at all.
    keep_alive: Option<OllamaKeepAlive>,
}

/// A text, or texts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the dialect reads it")]
enum EmbedInput {
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
}

/// Vectors.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct EmbedAnswer {
    /// The model, as it was asked for.
    model: String,
    /// In the order of the texts.
    embeddings: Vec<Vec<f32>>,
    /// Nanoseconds from submission to the end.
    total_duration: Option<u64>,
    /// Nanoseconds until the model was free for it.
    load_duration: Option<u64>,
    /// Tokens that the model read.
    prompt_eval_count: Option<u64>,
}
