//! Under which names a service without keys answers.
//!
//! A web page may ask only its own origin and read the answer. Its owner can let the page's own name lead to 127.0.0.1
//! (DNS rebinding), and then the browser takes us for that origin; but it still sends the page's name as `Host`.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Code, Problem};
use crate::state::{Access, App, State as AppState};

/// Refuses names that somebody else gave this machine, where it is the machine alone that keeps strangers out.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.parts.access == Access::Local && !is_ours(&request) {
        let detail = "without keys the service answers only to `localhost` and to addresses; make a key, or set \
                      `auth.mode` to `open`";
        return Problem::new(Code::ForbiddenHost, detail).at("Host").into_response();
    }
    next.run(request).await
}

/// Whether nothing in the request gives us a foreign name. No browser leaves the name out.
fn is_ours(request: &Request) -> bool {
    let in_uri = request.uri().authority().map(Authority::as_str);
    let mut in_headers = request.headers().get_all(header::HOST).iter();
    in_uri.is_none_or(is_own_name) && in_headers.all(|name| name.to_str().is_ok_and(is_own_name))
}

/// Whether no page of another origin asks for a socket. Browsers let pages open sockets to anywhere and read from them, and
/// say in `Origin` whose page it is. Where a key is asked for, the page must have it, so its origin does not matter.
pub fn is_own_origin(app: &AppState, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let named = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, named)| named);
    app.parts.access == Access::Keys || named.is_some() && named == host
}

/// Refuses what a page of another origin sends: browsers let pages post files to anywhere, though not read the answer.
pub fn must_be_own_origin(app: &AppState, headers: &HeaderMap) -> Result<(), Problem> {
    if is_own_origin(app, headers) {
        return Ok(());
    }
    let detail = "without keys the service takes files of models from pages of its own only";
    Err(Problem::new(Code::ForbiddenHost, detail).at("Origin"))
}

/// Whether nobody can let this name lead elsewhere.
fn is_own_name(name: &str) -> bool {
    let Ok(authority) = name.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_addresses_are_own_names() {
        for ours in
            ["localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "192.168.1.7:80"]
        {
            assert!(is_own_name(ours), "{ours}");
        }
        for foreign in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.nip.io", "", "::1::"]
        {
            assert!(!is_own_name(foreign), "{foreign}");
        }
    }
}
