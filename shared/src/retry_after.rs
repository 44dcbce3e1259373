//! `Retry-After`: how long somebody asks to be left alone.

use std::time::{Duration, SystemTime};

use crate::clock::{Timestamp, micros};

/// The header as a delay from `now`: seconds, or a date.
pub(crate) fn retry_after(wish: &str, now: impl FnOnce() -> Option<Timestamp>) -> Option<Duration> {
    let wish = wish.trim();
    if let Ok(seconds) = wish.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(date(wish)?.since(now()?))
}

/// A date as HTTP writes it.
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(text.trim()).ok()?;
    Some(Timestamp::from_micros(micros(at.duration_since(SystemTime::UNIX_EPOCH).ok()?)))
}
