//! Word of kept answers: whether the client wants any, and how much of a job came from them.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use forebay_shared::cache::PARAM;
use forebay_shared::job::{Job, Object};

use crate::state::State;

/// Says how much of a job's result was kept from earlier: `hit`, `partial` or `miss`.
pub const CACHE: HeaderName = HeaderName::from_static("x-forebay-cache");

/// Whether `Cache-Control` asks for an answer that was not kept.
pub fn wants_fresh(headers: &HeaderMap) -> bool {
    headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|word| {
            let word = word.trim();
            word.eq_ignore_ascii_case("no-cache") || word.eq_ignore_ascii_case("no-store")
        })
    })
}

/// The same as a parameter of every item that does not say otherwise.
pub fn be_fresh(params: &mut Object) {
    params.insert(PARAM.to_owned(), false.into());
}

/// How much of an ended job's result was kept from earlier, where answers are kept.
pub fn told(app: &State, job: &Job) -> Option<(HeaderName, HeaderValue)> {
    let timings = job.timings.filter(|_| app.config.cache.enabled && job.status.is_terminal())?;
    let word = match timings.cached {
        0 => "miss",
        cached if cached < job.item_count => "partial",
        _ => "hit",
    };
    Some((CACHE, HeaderValue::from_static(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_answer_is_wished_for_by_either_word() {
        let wished = |value: &'static str| {
            wants_fresh(&HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(value))]))
        };
        assert!(wished("no-cache") && wished("max-age=0, No-Store") && !wished("max-age=60"));
        assert!(!wants_fresh(&HeaderMap::new()));
    }
}
