//! `POST /tei/similarity`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::tei;
use utoipa::ToSchema;

use super::{TeiError, TruncationDirection, behind};
use crate::auth::Submitter;
use crate::body::must_be_json;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Compare texts with one, as TEI does
///
/// By the model that `tei.similarity` of the configuration names; otherwise as `/tei/embed`.
#[utoipa::path(
    post,
    path = "/tei/similarity",
    tag = "tei",
    operation_id = "tei_similarity",
    request_body = TeiSimilarityRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "A score for each sentence", body = Vec<f32>, headers(
            ("x-forebay-job" = String, description = "The job that did it"),
            ("x-compute-characters" = u64, description = "Characters of the inputs"),
            ("x-compute-tokens" = u64, description = "Tokens that the model read, where it tells"),
            ("x-total-time" = u64, description = "Milliseconds from submission to the end"),
            ("x-compute-time" = u64, description = "Of these in preparation and in the model"),
            ("x-tokenization-time" = u64, description = "Of these in preparation"),
            ("x-queue-time" = u64, description = "Of these in the queue and waiting for the batch"),
            ("x-inference-time" = u64, description = "Of these in the model"),
        )),
        (status = 400, description = "There is no input", body = TeiError),
        (status = 404, description = "The configuration names no model for this, or one that there is not", body = TeiError),
        (status = 408, description = "The body did not arrive in time", body = TeiError),
        (status = 409, description = "Somebody cancelled the job", body = TeiError),
        (status = 413, description = "The body is too large", body = TeiError),
        (status = 415, description = "The body is not JSON", body = TeiError),
        (status = 422, description = "The body cannot be read, a field is not valid, or the model cannot take an input", body = TeiError),
        (status = 424, description = "The job failed", body = TeiError),
        (status = 429, description = "Too much waits already", body = TeiError),
        (status = 503, description = "Ask again in a moment", body = TeiError),
        (status = 504, description = "The job did not end in time, and is cancelled unless it was to go on", body = TeiError),
    ),
)]
pub async fn similarity(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json(request.headers())?;
    let behind = behind(&app, &app.config.tei.similarity);
    let read = move |_: &HeaderMap, body: &Bytes| tei::similarity::read(body, behind);
    call::dialect::serve(app, submitter, request, read).await
}

/// Texts to be compared.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct TeiSimilarityRequest {
    /// What is compared.
    inputs: TeiSimilarityInputs,
    /// How.
    parameters: Option<TeiSimilarityParameters>,
}

/// What is compared.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct TeiSimilarityInputs {
    /// What each sentence is compared with.
    source_sentence: String,
    /// At most `limits.max_items` texts; `GET /tei/info` tells.
    sentences: Vec<String>,
}

/// How texts are compared.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct TeiSimilarityParameters {
    /// Cut a text that is too long (the default), or fail the call.
    #[schema(default = true)]
    truncate: Option<bool>,
    /// Which end is cut off.
    truncation_direction: Option<TruncationDirection>,
}
