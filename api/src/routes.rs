//! Every path, once. What is mounted is documented, since both happen in one place.

pub mod bulk;
pub mod cache;
pub mod docs;
pub mod emotion;
pub mod events;
pub mod health;
pub mod home;
pub mod images;
pub mod jobs;
pub mod kserve;
pub mod metrics;
pub mod models;
pub mod ollama;
pub mod openai;
pub mod queues;
pub mod schedules;
mod segment;
pub mod tei;
pub mod webhooks;
pub mod ws;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::App;

/// The paths of the API, with what their documentation says. `docs` stands apart: it serves the documentation.
pub fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(native())
        .merge(openai())
        .merge(ollama())
        .merge(tei())
        .merge(kserve())
        .routes(routes!(images::create::create))
        .routes(routes!(images::get::get))
        .routes(routes!(images::process::process))
        .merge(emotion::unversioned())
        .nest("/api/v1", emotion::versioned())
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(home::home))
}

/// Jobs and what is around them, and models, in our own words.
fn native() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(jobs::submit::submit, jobs::list::list))
        .routes(routes!(jobs::get::get, jobs::put::put, jobs::delete::delete))
        .routes(routes!(jobs::result::result))
        .routes(routes!(jobs::files::file))
        .routes(routes!(cache::forget))
        .routes(routes!(jobs::attempts::attempts))
        .routes(routes!(jobs::cancel::cancel))
        .routes(routes!(jobs::cancel_many::cancel_many))
        .routes(routes!(jobs::retry::retry))
        .routes(routes!(jobs::retry_many::retry_many))
        .routes(routes!(queues::list::list))
        .routes(routes!(queues::pause::pause))
        .routes(routes!(queues::resume::resume))
        .routes(routes!(queues::drain::drain))
        .routes(routes!(queues::purge::purge))
        .routes(routes!(jobs::events::events))
        .routes(routes!(jobs::explain::explain))
        .routes(routes!(events::events))
        .routes(routes!(schedules::create::create, schedules::list::list))
        .routes(routes!(schedules::get::get, schedules::change::change, schedules::delete::delete))
        .routes(routes!(schedules::pause::pause))
        .routes(routes!(schedules::resume::resume))
        .routes(routes!(schedules::run::run))
        .routes(routes!(schedules::firings::firings))
        .routes(routes!(ws::ws))
        .routes(routes!(bulk::create::create, bulk::list::list))
        .routes(routes!(bulk::get::get))
        .routes(routes!(bulk::events::events))
        .routes(routes!(bulk::results::results))
        .routes(routes!(bulk::cancel::cancel))
        .routes(routes!(bulk::retry::retry))
        .routes(routes!(models::list, models::import::import))
        .routes(routes!(models::get, models::delete::delete))
        .routes(routes!(models::copy::copy))
        .routes(routes!(models::pull::pull))
        .routes(routes!(models::load::load))
        .routes(routes!(models::unload::unload))
        .routes(routes!(webhooks::create::create, webhooks::list::list))
        .routes(routes!(webhooks::get::get, webhooks::update::update, webhooks::delete::delete))
        .routes(routes!(webhooks::rotate::rotate))
        .routes(routes!(webhooks::test::test))
        .routes(routes!(webhooks::deliveries::deliveries))
        .routes(routes!(webhooks::replay_one::replay_one))
        .routes(routes!(webhooks::replay::replay))
        .routes(routes!(webhooks::secret::secret))
        .routes(routes!(webhooks::rotate_secret::rotate_secret))
        .routes(routes!(webhooks::keys::keys))
}

/// What OpenAI's clients call.
fn openai() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(openai::embeddings::embeddings))
        .routes(routes!(openai::moderations::moderations))
        .routes(routes!(openai::images::generations))
        .routes(routes!(openai::files::create::create, openai::files::list::list))
        .routes(routes!(openai::files::get::get, openai::files::delete::delete))
        .routes(routes!(openai::files::content::content))
        .routes(routes!(openai::uploads::create::create))
        .routes(routes!(openai::uploads::add::add))
        .routes(routes!(openai::uploads::complete::complete))
        .routes(routes!(openai::uploads::cancel::cancel))
        .routes(routes!(openai::batches::create::create, openai::batches::list::list))
        .routes(routes!(openai::batches::get::get))
        .routes(routes!(openai::batches::cancel::cancel))
}

/// What Ollama's clients call.
fn ollama() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ollama::version::version))
        .routes(routes!(ollama::tags::tags))
        .routes(routes!(ollama::ps::ps))
        .routes(routes!(ollama::show::show))
        .routes(routes!(ollama::embed::embed))
        .routes(routes!(ollama::embeddings::embeddings))
        .routes(routes!(ollama::generate::generate))
        .routes(routes!(ollama::chat::chat))
        .routes(routes!(ollama::copy::copy))
        .routes(routes!(ollama::delete::delete))
        .routes(routes!(ollama::create::create))
        .routes(routes!(ollama::blob::known, ollama::blob::upload, ollama::blob::delete))
        .routes(routes!(ollama::blob::delete_one))
        .routes(routes!(ollama::pull::pull))
        .routes(routes!(ollama::push::push))
}

/// What clients of Text Embeddings Inference call.
fn tei() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(tei::embed::embed))
        .routes(routes!(tei::embed_all::embed_all))
        .routes(routes!(tei::predict::predict))
        .routes(routes!(tei::rerank::rerank))
        .routes(routes!(tei::similarity::similarity))
        .routes(routes!(tei::tokenize::tokenize))
        .routes(routes!(tei::decode::decode))
        .routes(routes!(tei::info::info))
        .routes(routes!(tei::health::health))
}

/// What clients of KServe and Triton call.
fn kserve() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(kserve::server::server))
        .routes(routes!(kserve::server::live))
        .routes(routes!(kserve::server::ready))
        .routes(routes!(kserve::model::metadata))
        .routes(routes!(kserve::model::version_metadata))
        .routes(routes!(kserve::model::ready))
        .routes(routes!(kserve::model::version_ready))
        .routes(routes!(kserve::infer::infer))
        .routes(routes!(kserve::infer::infer_version))
        .routes(routes!(kserve::index::index))
        .routes(routes!(kserve::repository::load))
        .routes(routes!(kserve::repository::unload))
}
