//! `POST /predict/batch`

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use forebay_dialects::emotion::{self, BatchPredictRequest, BatchPredictResponse, ErrorResponse};

use crate::auth::Submitter;
use crate::body::must_be_json;
use crate::call;
use crate::problem::Problem;
use crate::state::App;

/// Find the emotions of up to a hundred texts
///
/// One job of as many items as there are texts; as `POST /predict` otherwise. One text that the model cannot take fails the
/// whole.
#[utoipa::path(
    post,
    path = "/predict/batch",
    tag = "emotion",
    operation_id = "emotion_batch",
    request_body = BatchPredictRequest,
    params(
        ("x-forebay-detach" = Option<bool>, Header, description = "Whether the job goes on when nobody waits for it any more; `false` by default"),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: no answer that was kept from earlier will do"),
    ),
    responses(
        (status = 200, description = "What each text shows", body = BatchPredictResponse, headers(
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
pub async fn batch(
    State(app): State<App>,
    submitter: Submitter,
    request: Request,
) -> Result<Response, Problem> {
    must_be_json(request.headers())?;
    let ids = app.config.emotion.models.clone();
    let read = move |_: &HeaderMap, body: &Bytes| emotion::batch(body, &ids);
    call::dialect::serve(app, submitter, request, read).await
}
