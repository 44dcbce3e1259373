//! `POST /predict`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::emotion::{self, ErrorResponse, PredictRequest, PredictResponse};

use crate::auth::Submitter;
use crate::body::must_be_json;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Find the emotion of a text
///
/// A job of one item; the call waits for it, up to 60 seconds. Who hangs up before cancels the job, unless
/// `x-forebay-detach` is `true`: then it can be read at `/v1/jobs/{id}` for an hour after it has ended.
#[utoipa::path(
    post,
    path = "/predict",
    tag = "emotion",
    operation_id = "emotion_predict",
    request_body = PredictRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "What the text shows", body = PredictResponse, headers(
            ("x-forebay-job" = String, description = "The job that did it"),
            ("x-forebay-cache" = String, description = "Where answers are kept: whether all of them were kept from earlier (`hit`), some (`partial`) or none (`miss`)"),
        )),
        (status = 400, description = "The body is not JSON or cannot be read, a field is not valid, or the model cannot take a text", body = ErrorResponse),
        (status = 404, description = "There is no such model", body = ErrorResponse),
        (status = 408, description = "The body did not arrive in time", body = ErrorResponse),
        (status = 409, description = "Somebody cancelled the job", body = ErrorResponse),
        (status = 413, description = "The body is too large", body = ErrorResponse),
        (status = 429, description = "There are too many requests, or too much is waiting already", body = ErrorResponse),
        (status = 500, description = "The job failed", body = ErrorResponse),
        (status = 503, description = "Ask again in a moment", body = ErrorResponse),
        (status = 504, description = "The job did not end in time, and is cancelled unless it was to go on", body = ErrorResponse),
    ),
)]
pub async fn predict(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json(request.headers())?;
    let ids = app.config.emotion.models.clone();
    let read = move |_: &HeaderMap, body: &Bytes| emotion::predict(body, &ids);
    call::dialect::serve(app, submitter, request, read).await
}
