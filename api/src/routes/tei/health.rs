//! `GET /tei/health`

use axum::extract::State;

use super::TeiError;
use crate::problem::{Code, Problem};
use crate::routes::health;
use crate::state::App;

/// Can the process serve, as TEI says it?
#[utoipa::path(
    get,
    path = "/tei/health",
    tag = "tei",
    operation_id = "tei_health",
    security(()),
    responses(
        (status = 200, description = "It can; without a body"),
        (status = 503, description = "It cannot; `GET /readyz` says why", body = TeiError),
    ),
)]
pub async fn health(State(app): State<App>) -> Result<(), Problem> {
    if health::readiness(&app).await.ready {
        return Ok(());
    }
    Err(Problem::new(Code::Unavailable, "the service is not ready; see GET /readyz"))
}
