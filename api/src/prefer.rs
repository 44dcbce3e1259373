//! `Prefer: wait=<seconds>` (RFC 7240): how long a request waits for its job to end.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::problem::{Code, Problem};
use forebay_shared::config::Span;

const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Says that the wait was understood.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long the client wants to wait. `None`: it does not say. Preferences that are not known are ignored, as the RFC
/// wants it; `respond-async` is what happens anyway.
pub fn wait(headers: &HeaderMap, longest: Span) -> Result<Option<Duration>, Problem> {
    let longest = longest.get().as_secs();
    for value in headers.get_all(PREFER) {
        let value = value.to_str().unwrap_or_default();
        for preference in value.split(',') {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            if !name.trim().eq_ignore_ascii_case("wait") {
                continue;
            }
            let seconds: Option<u64> = value.trim().trim_matches('"').parse().ok();
            return match seconds {
                Some(seconds) if seconds <= longest => Ok(Some(Duration::from_secs(seconds))),
                _ => Err(invalid(longest)),
            };
        }
    }
    Ok(None)
}

fn invalid(longest: u64) -> Problem {
    Problem::new(
        Code::InvalidHeader,
        format_args!("`wait` in the header `Prefer` must be a number of seconds from 0 to {longest}"),
    )
    .at("Prefer")
    .limit(longest)
}

/// The header that says which wait was applied.
pub fn applied(wait: Duration) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(format!("wait={}", wait.as_secs()));
    (PREFERENCE_APPLIED, value.expect("digits are a header's value"))
}

/// When to ask again, for an answer that is not the last one.
pub fn ask_again() -> (HeaderName, HeaderValue) {
    ask_again_in(None)
}

/// The same, where it is known when the last one may be had: then, but at least once a minute.
pub fn ask_again_in(eta: Option<Duration>) -> (HeaderName, HeaderValue) {
    let seconds = eta.map_or(1, |eta| eta.as_secs()).clamp(1, 60);
    (header::RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &'static str) -> Result<Option<Duration>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(PREFER, HeaderValue::from_static(value));
        wait(&headers, Span::new(Duration::from_mins(1)))
    }

    #[test]
    fn a_wait_is_found_among_other_preferences() {
        for value in
            ["wait=5", "respond-async, wait=5", "return=minimal, Wait = \"5\" ; strict", "wait=5,wait=9"]
        {
            assert_eq!(asked(value).unwrap(), Some(Duration::from_secs(5)), "{value}");
        }
        assert_eq!(asked("wait=0").unwrap(), Some(Duration::ZERO));
    }

    #[test]
    fn other_preferences_are_ignored() {
        for value in ["", "respond-async", "waiting=5", "handling=strict"] {
            assert_eq!(asked(value).unwrap(), None, "{value}");
        }
    }

    #[test]
    fn a_wait_that_is_no_number_in_range_is_refused() {
        for value in ["wait", "wait=", "wait=61", "wait=-1", "wait=1.5", "wait=soon"] {
            assert_eq!(asked(value).unwrap_err().code(), Code::InvalidHeader, "{value}");
        }
    }
}
