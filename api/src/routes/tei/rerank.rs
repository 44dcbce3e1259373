//! `POST /tei/rerank`

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

/// Order texts by how well each answers a query, as TEI does
///
/// By the model that `tei.rerank` of the configuration names; otherwise as `/tei/embed`.
#[utoipa::path(
    post,
    path = "/tei/rerank",
    tag = "tei",
    operation_id = "tei_rerank",
    request_body = TeiRerankRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "The texts' places, the best first", body = Vec<TeiRank>, headers(
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
pub async fn rerank(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json(request.headers())?;
    let behind = behind(&app, &app.config.tei.rerank);
    let read = move |_: &HeaderMap, body: &Bytes| tei::rerank::read(body, behind);
    call::dialect::serve(app, submitter, request, read).await
}

/// A query, and what may answer it.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct TeiRerankRequest {
    /// What is asked.
    query: String,
    /// At most `limits.max_items` texts; `GET /tei/info` tells.
    texts: Vec<String>,
    /// Scores as the model gives them.
    #[schema(default = false)]
    raw_scores: Option<bool>,
    /// Whether the texts are answered too.
    #[schema(default = false)]
    return_text: Option<bool>,
    /// Cut a text that is too long (the default), or fail the call.
    #[schema(default = true)]
    truncate: Option<bool>,
    /// Which end is cut off.
    truncation_direction: Option<TruncationDirection>,
}

/// A text's place and score.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct TeiRank {
    /// Where it stood among the texts.
    index: usize,
    /// The text, if that was asked for.
    text: Option<String>,
    /// 0…1, unless raw scores were asked for.
    score: f32,
}
