//! `GET /v1/bulk/{id}/results`

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::file::Piece;
use url::form_urlencoded;

use crate::auth::Reader;
use crate::bulk;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// Read a bulk's answers
///
/// One line for each line that has run, answers first, errors behind them, in no order otherwise; while the bulk runs, those
/// that there are.
#[utoipa::path(
    get,
    path = "/v1/bulk/{id}/results",
    tag = "bulk",
    operation_id = "get_bulk_results",
    params(
        ("id" = String, Path, description = "The bulk"),
        ("format" = Option<String>, Query, description = "`jsonl`, which is the default"),
    ),
    responses(
        (status = 200, description = "Lines of JSON", body = String, content_type = "application/x-ndjson"),
        (status = 400, description = "A query parameter is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such bulk", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn results(
    State(app): State<App>,
    Reader(owner): Reader,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if (&*name, &*value) != ("format", "jsonl") {
            let detail = "there is one query parameter, `format`, and it must be `jsonl`";
            return Err(Problem::new(Code::InvalidQuery, detail).at("format"));
        }
    }
    let bulk = bulk::find(&app, &owner, &id).await?;
    let mut pieces: Vec<Piece> = Vec::new();
    for file in [bulk.output_file, bulk.error_file].into_iter().flatten() {
        if let Some((_, more)) = app.parts.store.content(&owner, file).await? {
            pieces.extend(more);
        }
    }
    let length: u64 = pieces.iter().map(|piece| piece.length).sum();
    let body = Body::from_stream(app.parts.blobs.content(&pieces, 0..length).await?);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
    ];
    Ok((headers, body).into_response())
}
