//! HTTP in, HTTP out: validates, stores, publishes, follows. Knows jobs, not tensors.
//!
//! A submission goes `routes/jobs/submit` → `submission` → `submit`, the one door; who waits for a job goes through
//! `follow`. What another API answers at once is the result of a job too, see `call`. Refusals are `problem`s, written by
//! `dress` in the words of the path's dialect.
#![warn(missing_docs)]

mod accept;
mod address;
mod auth;
mod body;
mod bounds;
mod bulk;
mod cache;
mod call;
mod config;
mod download;
mod dress;
mod follow;
mod form;
mod host;
mod idempotency;
mod incoming;
mod limits;
mod linger;
mod openapi;
mod place;
mod postman;
mod prefer;
mod problem;
mod rates;
mod registry;
mod residency;
mod resume;
mod retention;
mod room;
mod routes;
#[doc(hidden)]
pub mod samples;
mod seats;
mod slashes;
mod socket;
mod state;
mod stream;
mod submission;
mod submit;
mod tally;
mod unpack;
mod works;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_request, map_request_with_state};
use axum::serve::ListenerExt;
use futures::future::try_join_all;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

pub use address::ProxyHeader;
pub use auth::DEFAULT_OWNER;
pub use config::{
    ApiConfig, AuthConfig, AuthMode, EmotionConfig, FileConfig, HttpConfig, LimitConfig, OllamaConfig,
    RetentionConfig, TaskConfig, TeiConfig,
};
pub use rates::RateConfig;
pub use retention::{ByOutcome, OwnerBounds};
pub use state::{Access, Parts};

/// The OpenAPI document of everything that is mounted.
pub fn openapi() -> utoipa::openapi::OpenApi {
    openapi::routes().1
}

/// The same, as `api/openapi.json` has it.
pub fn openapi_json() -> String {
    openapi::json(&openapi())
}

/// Names and contents of the files below `api/postman` that are made of it.
pub fn postman() -> [(&'static str, String); 2] {
    postman::files(&openapi())
}

/// The whole API, ready to be served. Must be called within a runtime: it starts the tasks beside the requests.
pub fn router(config: ApiConfig, parts: Parts) -> Router {
    let (routes, document) = openapi::routes();
    let (upload, patience) = (config.limits.max_upload, config.api.body_timeout);
    let app = state::State::new(config, parts);
    let api = routes
        .merge(routes::docs::pages(&document))
        .fallback(dress::not_found)
        .method_not_allowed_fallback(dress::method_not_allowed)
        .layer(DefaultBodyLimit::max(upload.as_usize()))
        .layer(RequestBodyTimeoutLayer::new(patience.get()))
        .layer(CatchPanicLayer::custom(dress::panicked))
        .layer(from_fn_with_state(app.clone(), rates::limit))
        .layer(from_fn_with_state(app.clone(), host::guard))
        .layer(from_fn_with_state(app.clone(), dress::dress))
        .layer(map_request_with_state(app.clone(), linger::hear_out))
        .with_state(app);
    // What is done here is done before a route is looked for.
    Router::new().fallback_service(api).layer(map_request(slashes::join))
}

/// Serves on all listeners until a soft stop: then nobody new is let in, and what is in flight has a bounded time to finish.
pub async fn serve(config: ApiConfig, parts: Parts, listeners: Vec<TcpListener>) -> std::io::Result<()> {
    let (tasks, patience) = (parts.tasks.clone(), config.api.stop_timeout.get());
    let router = router(config, parts).into_make_service_with_connect_info::<SocketAddr>();
    let serving = try_join_all(listeners.into_iter().map(|listener| {
        // Small answers must not wait for more to send.
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps its delay");
            }
        });
        axum::serve(listener, router.clone()).with_graceful_shutdown(tasks.stopping()).into_future()
    }));
    let out_of_patience = async {
        tasks.stopping().await;
        tokio::select! {
            () = tokio::time::sleep(patience) => {}
            () = tasks.stopped() => {}
        }
    };
    tokio::select! {
        served = serving => served.map(drop),
        () = out_of_patience => {
            tracing::warn!("requests that are still in flight are cut off");
            Ok(())
        }
    }
}
