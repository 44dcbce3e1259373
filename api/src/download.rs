//! Part of an object as an answer, piece by piece: ranges, conditions, entity tags (RFC 9110).

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_shared::blobs::Blobs;
use forebay_shared::file::Piece;

use crate::problem::{Code, Problem};

/// What is downloaded.
#[derive(Clone, Debug)]
pub struct Download {
    /// Its content.
    pub pieces: Vec<Piece>,
    /// Its media type.
    pub content_type: String,
    /// What changes when its bytes do.
    pub tag: String,
}

impl Download {
    /// The answer to a request with `headers`.
    pub async fn answer(self, blobs: &Blobs, headers: &HeaderMap) -> Result<Response, Problem> {
        let tag = HeaderValue::try_from(format!("\"{}\"", self.tag)).map_err(|_| not_a_header())?;
        if is_unchanged(headers, &tag) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
        let length = self.pieces.iter().map(|piece| piece.length).sum();
        let part = match asked(headers, &tag, length) {
            Asked::All => None,
            Asked::Part(range) => Some(range),
            Asked::Outside => return Err(outside(length)),
        };
        let range = part.clone().unwrap_or(0..length);
        let body = Body::from_stream(blobs.content(&self.pieces, range.clone()).await?);
        let content_type = HeaderValue::try_from(self.content_type).map_err(|_| not_a_header())?;
        let mut response = Response::new(body);
        let answered = response.headers_mut();
        answered.insert(header::CONTENT_TYPE, content_type);
        answered.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        answered.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        answered.insert(header::ETAG, tag);
        // A browser shall not find a page in what a model drew.
        answered.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(part) = part {
            let place = format!("bytes {}-{}/{}", part.start, part.end - 1, length);
            let place = HeaderValue::try_from(place).map_err(|_| not_a_header())?;
            answered.insert(header::CONTENT_RANGE, place);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        Ok(response)
    }
}

fn outside(length: u64) -> Problem {
    let problem = Problem::new(
        Code::RangeNotSatisfiable,
        format_args!("there are {length} bytes, and the range begins after them"),
    );
    let place = HeaderValue::try_from(format!("bytes */{length}")).map_err(|_| not_a_header());
    match place {
        Ok(place) => problem.at("Range").limit(length).header(header::CONTENT_RANGE, place),
        Err(problem) => problem,
    }
}

fn not_a_header() -> Problem {
    Problem::defect("a stored media type or tag cannot stand in a header")
}

/// Which bytes the client asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    All,
    Part(Range<u64>),
    Outside,
}

/// Several ranges, other units and malformed ones are answered with everything, as the RFC permits.
fn asked(headers: &HeaderMap, tag: &HeaderValue, length: u64) -> Asked {
    if headers.get(header::IF_RANGE).is_some_and(|known| known != tag) {
        return Asked::All;
    }
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()?.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.trim().split_once('-')) else { return Asked::All };
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), _) if last.is_empty() => first..length,
        (_, Ok(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return Asked::All,
    };
    if range.start >= range.end { Asked::Outside } else { Asked::Part(range) }
}

fn is_unchanged(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known.split(',').any(|one| {
            let one = one.trim();
            one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.as_bytes()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_for(range: &'static str) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(range));
        asked(&headers, &HeaderValue::from_static("\"t\""), 10)
    }

    #[test]
    fn one_range_is_cut_to_what_there_is() {
        assert_eq!(asked_for("bytes=0-3"), Asked::Part(0..4));
        assert_eq!(asked_for("bytes=8-99"), Asked::Part(8..10));
        assert_eq!(asked_for("bytes=4-"), Asked::Part(4..10));
        assert_eq!(asked_for("bytes=-3"), Asked::Part(7..10));
        assert_eq!(asked_for("bytes=-99"), Asked::Part(0..10));
        assert_eq!(asked_for("bytes=0-18446744073709551615"), Asked::Part(0..10));
    }

    #[test]
    fn a_range_after_the_end_is_outside() {
        assert_eq!(asked_for("bytes=10-"), Asked::Outside);
        assert_eq!(asked_for("bytes=11-12"), Asked::Outside);
        assert_eq!(asked_for("bytes=-0"), Asked::Outside);
    }

    #[test]
    fn what_is_not_one_range_means_everything() {
        for range in ["bytes=", "bytes=-", "bytes=3-1", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "0-3"] {
            assert_eq!(asked_for(range), Asked::All, "{range}");
        }
    }
}
