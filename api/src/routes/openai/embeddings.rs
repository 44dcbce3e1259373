//! `POST /v1/embeddings`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::openai::Endpoint;
use serde::Serialize;
use utoipa::ToSchema;

use super::OpenAiError;
use crate::auth::Submitter;
use crate::body::must_be_json;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Embed texts, as OpenAI does
///
/// A job of as many items as there are inputs; the call waits for it, up to 60 seconds. Who hangs up before cancels the
/// job, unless `x-forebay-detach` is `true`: then it can be read at `/v1/jobs/{id}` for an hour after it has ended.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "openai",
    operation_id = "create_embedding",
    request_body = EmbeddingRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "A vector for each input", body = EmbeddingAnswer, headers(
            ("x-forebay-job" = String, description = "The job that did it"),
            ("x-forebay-cache" = String, description = "Where answers are kept: whether all of them were kept from earlier (`hit`), some (`partial`) or none (`miss`)"),
        )),
        (status = 400, description = "The body cannot be read, a field is not valid, or the model cannot take an input", body = OpenAiError),
        (status = 404, description = "There is no such model", body = OpenAiError),
        (status = 408, description = "The body did not arrive in time", body = OpenAiError),
        (status = 409, description = "Somebody cancelled the job", body = OpenAiError),
        (status = 413, description = "The body is too large", body = OpenAiError),
        (status = 415, description = "The body is not JSON", body = OpenAiError),
        (status = 500, description = "The job failed", body = OpenAiError),
        (status = 503, description = "Ask again in a moment", body = OpenAiError),
        (status = 504, description = "The job did not end in time, and is cancelled unless it was to go on", body = OpenAiError, headers(
            ("x-forebay-job" = String, description = "The job"),
            ("x-should-retry" = bool, description = "`false`"),
        )),
    ),
)]
pub async fn embeddings(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json(request.headers())?;
    let moderation = app.config.moderation.clone();
    let read = move |_: &HeaderMap, body: &Bytes| Endpoint::Embeddings.read(body, &moderation);
    call::dialect::serve(app, submitter, request, read).await
}

/// Texts or their tokens, and how their vectors are to be written.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct EmbeddingRequest {
    /// The model's name or an alias; see `GET /v1/models`.
    model: String,
    /// What is to be embedded: at most 2048 inputs.
    input: EmbeddingInput,
    /// `base64` is that of little-endian 32-bit floats.
    #[schema(default = "float")]
    encoding_format: Option<EmbeddingFormat>,
    /// Length of the vectors, from 1 to the model's; they are cut and brought to length one.
    #[schema(minimum = 1)]
    dimensions: Option<u32>,
    /// Taken and left alone.
    user: Option<String>,
}

/// A text, texts, a text's token ids, or lists of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the dialect reads it")]
enum EmbeddingInput {
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// The token ids of a text.
    Tokens(Vec<u32>),
    /// The token ids of texts.
    TokenLists(Vec<Vec<u32>>),
}

/// How vectors are written.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "the dialect reads it")]
enum EmbeddingFormat {
    Float,
    Base64,
}

/// Vectors.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct EmbeddingAnswer {
    /// `list`
    object: String,
    /// In the order of the inputs.
    data: Vec<EmbeddingDatum>,
    /// The model's own name.
    model: String,
    /// What it took.
    usage: EmbeddingUsage,
}

/// A vector.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct EmbeddingDatum {
    /// `embedding`
    object: String,
    /// The input's place.
    index: u32,
    /// The vector.
    embedding: EmbeddingVector,
}

/// Numbers, or their base64.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the dialect writes it")]
enum EmbeddingVector {
    /// The numbers.
    Float(Vec<f32>),
    /// Base64 of little-endian 32-bit floats.
    Base64(String),
}

/// Tokens that the model read, those included that it puts around every text.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct EmbeddingUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}
