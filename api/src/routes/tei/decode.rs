//! `POST /tei/decode`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::tei;
use serde::Serialize;
use utoipa::ToSchema;

use super::{TeiError, behind};
use crate::auth::Submitter;
use crate::body::must_be_json;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Say what token ids mean, as TEI does
///
/// By the tokenizer of the model that `tei.embed` of the configuration names; the model itself does not run. Otherwise as
/// `/tei/embed`.
#[utoipa::path(
    post,
    path = "/tei/decode",
    tag = "tei",
    operation_id = "tei_decode",
    request_body = TeiDecodeRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "A text for each list, also where there is one", body = Vec<String>, headers(
            ("x-forebay-job" = String, description = "The job that did it"),
            ("x-compute-characters" = u64, description = "Characters of the inputs"),
            ("x-compute-tokens" = u64, description = "Tokens of the inputs"),
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
pub async fn decode(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json(request.headers())?;
    let behind = behind(&app, &app.config.tei.embed);
    let read = move |_: &HeaderMap, body: &Bytes| tei::decode::read(body, behind);
    call::dialect::serve(app, submitter, request, read).await
}

/// Token ids.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct TeiDecodeRequest {
    /// At most `limits.max_items` lists; `GET /tei/info` tells.
    ids: TeiIds,
    /// Whether the model's own tokens say nothing.
    #[schema(default = true)]
    skip_special_tokens: Option<bool>,
}

/// The token ids of a text, or of texts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the dialect reads it")]
enum TeiIds {
    /// Of a text.
    One(Vec<u32>),
    /// Of texts.
    Many(Vec<Vec<u32>>),
}
