//! `GET /metrics`

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::auth::Observer;
use crate::problem::{Code, Problem, ProblemBody};
use crate::state::App;

/// Read metrics
///
/// In Prometheus' text format. The key needs the scope `metrics`.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "service",
    operation_id = "metrics",
    responses(
        (status = 200, description = "The metrics of this process", body = String, content_type = "text/plain"),
        (status = 403, description = "The key lacks the scope", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "This process collects none", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn metrics(State(app): State<App>, _: Observer) -> Result<Response, Problem> {
    let collected = app.parts.metrics.as_ref();
    let collected =
        collected.ok_or_else(|| Problem::new(Code::NotFound, "this process collects no metrics"))?;
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((text, collected.render()).into_response())
}
