//! `GET /`

use axum::http::{HeaderMap, header};
use axum::response::Html;

use crate::problem::{Code, Problem};

/// The first page
///
/// For people with a browser. Programs find nothing here yet.
#[utoipa::path(
    get,
    path = "/",
    tag = "service",
    operation_id = "home",
    security(()),
    responses(
        (status = 200, description = "A page with links", body = String, content_type = "text/html"),
        (status = 404, description = "The request does not ask for a page"),
    ),
)]
pub async fn home(headers: HeaderMap) -> Result<Html<&'static str>, Problem> {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        Ok(Html(include_str!("home.html")))
    } else {
        Err(Problem::new(Code::NotFound, "there is nothing at GET /"))
    }
}
