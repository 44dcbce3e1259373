//! How much somebody may do in a time: requests, and what submissions cost.
//!
//! A request counts for its key, if that is a valid one, else for the address that it comes from; tasks of pictures count for
//! their address whatever key they bear. Requests are counted here, before anything of the body is read; the cost of a
//! submission where it is known, before anything of it is stored ([`Meter::charge`]). The arithmetic is
//! `forebay_shared::rate`'s; [`Purses`] hold what this replica has leased of each limit.

mod config;
mod meter;
mod purses;
mod told;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::address;
use crate::problem::Surface;
use crate::state::App;

pub use config::RateConfig;
pub use meter::Meter;
pub use purses::Purses;
pub use told::Told;

/// What nobody's requests count for: first segments of paths that say how the process is, or how to use it.
const FREE: [&str; 11] = [
    "",
    "livez",
    "readyz",
    "metrics",
    "health",
    "docs",
    "redoc",
    "openapi.json",
    "openapi-3.0.json",
    "openapi.yaml",
    "postman",
];

/// The layer: counts the request, refuses one too many, and tells each how it stands.
pub async fn limit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !is_counted(path) {
        return next.run(request).await;
    }
    let (surface, http) = (Surface::of(path), &app.config.api);
    let address = address::of(&request, &http.trusted_proxies, http.proxy_header);
    let meter = Meter::of(&app, surface, address, request.headers()).await;
    let mut response = match meter.enter(&app).await {
        Ok(()) => {
            request.extensions_mut().insert(meter.clone());
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(Told::of(&meter, &app, surface));
    response
}

/// Whether requests to the path count.
fn is_counted(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    let (first, second) = (segments.next().unwrap_or_default(), segments.next());
    // The health of a dialect stands below its own first segment.
    let says_how_it_is = matches!((first, second), ("v2" | "tei", Some("health" | "metrics")));
    !says_how_it_is && !FREE.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_how_the_process_is_does_not_count() {
        for path in [
            "/",
            "/livez",
            "/readyz",
            "/metrics",
            "/docs/index.css",
            "/openapi.json",
            "/openapi-3.0.json",
            "/postman/collection.json",
            "/health",
        ] {
            assert!(!is_counted(path), "{path}");
        }
        for path in ["/v2/health/live", "/v2/health/ready", "/tei/health", "/tei/metrics"] {
            assert!(!is_counted(path), "{path}");
        }
        for path in ["/v1/jobs", "/v1/health", "/v2/models/m/infer", "/tasks", "/api/tags", "/nothing", "/v2"]
        {
            assert!(is_counted(path), "{path}");
        }
    }
}
