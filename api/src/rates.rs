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

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Problem, Surface};
use crate::state::App;
use crate::{address, auth};

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
    let (meter, entered) = count(&app, surface, address, request.headers()).await;
    let mut response = match entered {
        Ok(()) => {
            request.extensions_mut().insert(meter.clone());
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(Told::of(&meter, &app, surface));
    response
}

/// Counts a request for whom it counts.
///
/// A key that was never found valid here is looked up in the database, so whoever makes keys up is asked for its address
/// first: a flood that its address may not send costs no look-ups.
async fn count(
    app: &App,
    surface: Surface,
    address: IpAddr,
    headers: &HeaderMap,
) -> (Meter, Result<(), Problem>) {
    let stranger = Meter::of(app, surface, address, None);
    let strange = auth::is_strange(app, headers);
    if strange && let Err(problem) = stranger.enter(app).await {
        return (stranger, Err(problem));
    }
    let meter = Meter::of(app, surface, address, auth::recognised(app, headers).await);
    let counted = strange && meter.counts_as(&stranger);
    let entered = if counted { Ok(()) } else { meter.enter(app).await };
    (meter, entered)
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
