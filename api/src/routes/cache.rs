//! `DELETE /v1/cache`

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Writer;
use crate::problem::{Problem, ProblemBody};
use crate::state::App;

/// Answers of one statement, so that it locks few rows.
const CHUNK: u32 = 1000;
/// How long one request goes on; then it says that there are more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Forget kept answers
///
/// Answers that are kept for whoever asks the same again outlive their jobs, until `cache.ttl` is over. This forgets all of
/// the caller's; jobs that were answered from them keep their results. If it takes longer than 20 seconds, `more` says that
/// some are left: ask again.
#[utoipa::path(
    delete,
    path = "/v1/cache",
    tag = "jobs",
    operation_id = "forget_cache",
    responses(
        (status = 200, description = "How many were forgotten", body = Forgotten),
        (status = 503, description = "Ask again in a moment", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn forget(State(app): State<App>, Writer(owner): Writer) -> Result<Json<Forgotten>, Problem> {
    let (began, mut told) = (Instant::now(), Forgotten { forgotten: 0, more: true });
    while told.more && began.elapsed() < PATIENCE {
        let gone = app.parts.store.forget_cached(&owner, CHUNK).await?;
        told = Forgotten { forgotten: told.forgotten + gone, more: gone >= u64::from(CHUNK) };
    }
    Ok(Json(told))
}

/// How many answers were forgotten.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Forgotten {
    /// Answers that were kept.
    forgotten: u64,
    /// Whether some are left because it took too long.
    more: bool,
}
