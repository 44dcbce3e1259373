//! `GET /stats`

use axum::Json;
use axum::extract::State;
use forebay_dialects::emotion::{ErrorResponse, StatsResponse, listed};

use crate::auth::Reader;
use crate::problem::Problem;
use crate::state::App;

/// Count models and jobs
///
/// Jobs are the key's owner's, for the models of `GET /models`, whichever way they came, and not those of bulks but in
/// `queue_depth`. They are counted once a second.
#[utoipa::path(
    get,
    path = "/stats",
    tag = "emotion",
    operation_id = "emotion_stats",
    responses(
        (status = 200, description = "The statistics", body = StatsResponse),
        (status = 503, description = "Ask again in a moment", body = ErrorResponse),
    ),
)]
pub async fn stats(State(app): State<App>, Reader(owner): Reader) -> Result<Json<StatsResponse>, Problem> {
    let models = app.parts.catalog.models(&owner).await?;
    let listed = listed(&models, &app.config.emotion.models);
    let lately = app.tallies.of(&app, &owner, &listed).await?;
    let uptime = app.parts.clock.now().since(app.began);
    Ok(Json(StatsResponse::new(&listed, uptime, &lately)))
}
