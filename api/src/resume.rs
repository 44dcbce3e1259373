//! Where a stream goes on: `Last-Event-ID`, which browsers send by themselves, or the query parameter `after`.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use forebay_shared::store::Cursor;
use url::form_urlencoded;

use crate::problem::{Code, Problem};
use crate::stream::not_ours;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The version of a job that the client has seen; nothing else is known in the query.
pub fn version(headers: &HeaderMap, query: &str) -> Result<Option<i64>, Problem> {
    let mut after = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "after" {
            let detail = format!("the query parameter `{name}` is not valid: it is not known");
            return Err(Problem::new(Code::InvalidQuery, detail).at(name));
        }
        after = Some(value.into_owned());
    }
    place(headers, after, || {
        let detail = "`after` must be the id of an event of this job, which is its version: a number from 0";
        Problem::new(Code::InvalidCursor, detail).at("after")
    })
    .map(|version: Option<u32>| version.map(i64::from))
}

/// The cursor of the last event that the client has seen.
pub fn cursor(headers: &HeaderMap, after: Option<String>) -> Result<Option<Cursor>, Problem> {
    place(headers, after, not_ours)
}

/// A browser that comes again asks with the same `after` as at first; its header is the younger one.
fn place<T: FromStr>(
    headers: &HeaderMap,
    after: Option<String>,
    refused: impl Fn() -> Problem,
) -> Result<Option<T>, Problem> {
    let (text, field) = match headers.get(LAST_EVENT_ID) {
        Some(value) => (Some(value.to_str().unwrap_or("?").to_owned()), "Last-Event-ID"),
        None => (after, "after"),
    };
    match text.filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map(Some).map_err(|_| refused().at(field)),
        None => Ok(None),
    }
}
