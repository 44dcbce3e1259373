//! `GET /`

use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

/// What Ollama answers, and its clients look for.
const RUNNING: &str = "Ollama is running";

/// The first page
///
/// For people with a browser. Everybody else reads what Ollama's clients look for.
#[utoipa::path(
    get,
    path = "/",
    tag = "service",
    operation_id = "home",
    security(()),
    responses(
        (status = 200, description = "A page with links, if that is asked for; else `Ollama is running`", content(
            (String = "text/html"),
            (String = "text/plain"),
        )),
    ),
)]
pub async fn home(headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        Html(include_str!("home.html")).into_response()
    } else {
        RUNNING.into_response()
    }
}
