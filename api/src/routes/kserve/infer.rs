//! `POST /v2/models/{name}/infer`, with a version and without

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::{Fault, FaultCode, kserve};
use serde_json::Value;
use utoipa::ToSchema;

use super::{KserveError, Named};
use crate::auth::Submitter;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Says how much of a body is JSON, if tensors follow as bytes.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// Infer
///
/// A job, which the call waits for, up to 60 seconds; who hangs up before cancels it. A model of plain tensors gets one item,
/// its tensors as they are; of `text` and `image` each element is an item. The parameters `priority` (1 is the highest) and
/// `timeout` (how long it may wait, in microseconds) are the protocol's, `binary_data_output` too; others are the model's own.
/// Bodies may be packed with gzip or deflate.
#[utoipa::path(
    post,
    path = "/v2/models/{name}/infer",
    tag = "kserve",
    operation_id = "kserve_infer",
    request_body(content(
        (InferRequest = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    params(
        ("name" = String, Path, description = "The model's name or an alias"),
        ("Inference-Header-Content-Length" = Option<u64>, Header, description = "How much of the body is JSON, if tensors follow as bytes"),
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "What the model gave", content(
            (InferAnswer = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        ), headers(
            ("Inference-Header-Content-Length" = u64, description = "How much of the body is JSON, if tensors follow as bytes"),
            ("x-forebay-job" = String, description = "The job that did it"),
        )),
        (status = 400, description = "The request cannot be read, or the model cannot take it", body = KserveError),
        (status = 404, description = "There is no such model", body = KserveError),
        (status = 408, description = "The body did not arrive in time", body = KserveError),
        (status = 409, description = "Somebody cancelled the job", body = KserveError),
        (status = 413, description = "The body is too large", body = KserveError),
        (status = 415, description = "The body is packed in a way that is not known", body = KserveError),
        (status = 429, description = "Too much is waiting already", body = KserveError),
        (status = 500, description = "The job failed", body = KserveError),
        (status = 503, description = "Ask again in a moment", body = KserveError),
        (status = 504, description = "The job did not begin or end in time", body = KserveError),
    ),
)]
pub async fn infer(
    State(app): State<App>,
    submitter: Submitter,
    Named(model): Named,
    request: Request,
) -> Result<Response, Problem> {
    let (card, most) = (model.card, app.config.limits.max_items);
    let read = move |headers: &HeaderMap, body: &Bytes| {
        let json = json_length(headers)?;
        kserve::Request { card: &card, body, json, most }.read()
    };
    call::dialect::serve(app, submitter, request, read).await
}

/// Infer with a version
#[utoipa::path(
    post,
    path = "/v2/models/{name}/versions/{version}/infer",
    tag = "kserve",
    operation_id = "kserve_infer_version",
    request_body(content(
        (InferRequest = "application/json"),
        (Vec<u8> = "application/octet-stream"),
    )),
    params(
        ("name" = String, Path, description = "The model's name or an alias"),
        ("version" = String, Path, description = "`1`"),
        ("Inference-Header-Content-Length" = Option<u64>, Header, description = "How much of the body is JSON, if tensors follow as bytes"),
    ),
    responses(
        (status = 200, description = "As without a version", content(
            (InferAnswer = "application/json"),
            (Vec<u8> = "application/octet-stream"),
        )),
        (status = 400, description = "The request cannot be read, or the model cannot take it", body = KserveError),
        (status = 404, description = "There is no such model or version", body = KserveError),
        (status = 503, description = "Ask again in a moment", body = KserveError),
    ),
)]
pub async fn infer_version(
    app: State<App>,
    submitter: Submitter,
    named: Named,
    request: Request,
) -> Result<Response, Problem> {
    infer(app, submitter, named, request).await
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Fault> {
    let Some(length) = headers.get(JSON_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    length.map(Some).ok_or_else(|| {
        let message = "the header `Inference-Header-Content-Length` must be a number of bytes";
        Fault::new(FaultCode::InvalidField, message)
    })
}

/// Tensors, and how they are to be run.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct InferRequest {
    /// The answer has it too.
    id: Option<String>,
    /// `priority`, `timeout`, `binary_data_output`, and parameters of the model's kind.
    #[schema(value_type = Option<Object>)]
    parameters: Option<()>,
    /// What the model is given.
    inputs: Vec<InferTensor>,
    /// Which outputs are wanted; all of them by default.
    outputs: Option<Vec<InferWanted>>,
}

/// A tensor.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it and writes it")]
struct InferTensor {
    /// Its name.
    name: String,
    /// Its shape.
    shape: Vec<u64>,
    /// What its elements are: `FP32`, `INT64`, `BYTES`, …
    datatype: String,
    /// `binary_data_size`: how many bytes it has behind the JSON.
    #[schema(value_type = Option<Object>)]
    parameters: Option<()>,
    /// Its elements, flat or nested as the shape is; pictures as base64.
    data: Option<Vec<Value>>,
}

/// An output that is wanted.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect reads it")]
struct InferWanted {
    /// Its name.
    name: String,
    /// `binary_data`: whether as bytes behind the JSON.
    #[schema(value_type = Option<Object>)]
    parameters: Option<()>,
}

/// What a model gave.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct InferAnswer {
    /// The model's own name.
    model_name: String,
    /// `1`
    model_version: String,
    /// The request's.
    id: Option<String>,
    /// The outputs that were wanted.
    outputs: Vec<InferTensor>,
}
