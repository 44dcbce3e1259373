//! A JSON body as a value: what is wrong with it is told by the field's path.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, header};
use forebay_shared::config::Size;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};
use crate::state::App;

/// Whose page asks: browsers alone send it, where they can.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Reads a request's body of at most `limit`, which must be a JSON object; `what` names it in refusals.
pub async fn read<T: DeserializeOwned>(
    app: &App,
    request: Request,
    what: &str,
    limit: Size,
) -> Result<T, Problem> {
    must_be_json(request.headers())?;
    let (body, _room) = app.memory.read(request, limit).await?;
    parse(&body, what)
}

/// A web page can send anything but JSON to whatever its visitor's machine can reach.
pub fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    if media_type(headers) == "application/json" {
        return Ok(());
    }
    Err(Problem::new(Code::UnsupportedMediaType, "send `application/json`").at("Content-Type"))
}

/// The same where a dialect's clients send JSON under any name, as `curl -d` does: only a browser must call it JSON, for
/// then it asks us first whether the page may send it, and is not told so. No browser leaves `Origin` out where it posts.
pub fn must_be_json_of_a_page(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::ORIGIN) || headers.contains_key(SITE) {
        must_be_json(headers)
    } else {
        Ok(())
    }
}

/// A body's media type in lower case, without parameters; empty if it has none.
pub fn media_type(headers: &HeaderMap) -> String {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Reads `body`, which must be a JSON object; `what` names it in refusals. Dialects read theirs in the same way.
pub fn parse<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Problem> {
    Ok(forebay_dialects::read(body, what)?)
}
