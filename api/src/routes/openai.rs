//! OpenAI's endpoints: what they share.

pub mod batches;
pub mod embeddings;
pub mod files;
pub mod images;
pub mod moderations;
pub mod uploads;

use utoipa::ToSchema;

/// A refusal in OpenAI's words.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct OpenAiError {
    /// Why.
    error: OpenAiErrorBody,
}

/// Why a request was refused, in OpenAI's words.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct OpenAiErrorBody {
    /// One sentence.
    message: String,
    /// `invalid_request_error`, `server_error`, …
    #[schema(rename = "type")]
    kind: String,
    /// Where in the request the reason stands.
    param: Option<String>,
    /// The stable code: compare with this one.
    code: Option<String>,
}
