//! A segment of a request's path, by its name in the route.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::state::App;

/// The segment; none if it is not UTF-8.
pub async fn segment(parts: &mut Parts, app: &App, name: &str) -> Option<String> {
    let Path(mut segments): Path<HashMap<String, String>> =
        Path::from_request_parts(parts, app).await.ok()?;
    segments.remove(name)
}
