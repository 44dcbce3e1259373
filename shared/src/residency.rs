//! Which models are in memory: what is wished, and what is.
//!
//! A wish is about every worker that serves the model. It changes when a model is loaded and how long it stays; jobs are never
//! refused for it: one that finds its model unloaded has it loaded again.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::Span;

/// How long a model stays in memory without work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// For so long after its latest job.
    For(Duration),
    /// Until another model needs its room.
    Forever,
}

/// Longer is for ever: a hundred years.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

/// Text that says no such time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a duration like \"5m\", nor a number of seconds, nor negative for \"for ever\"")]
pub struct NotAKeepAlive(String);

impl KeepAlive {
    /// So many seconds; a negative number is for ever.
    pub fn seconds(seconds: f64) -> Self {
        if seconds < 0.0 {
            return Self::Forever;
        }
        Duration::try_from_secs_f64(seconds).map_or(Self::Forever, Self::of)
    }

    /// So long.
    pub fn of(duration: Duration) -> Self {
        if duration > LONGEST { Self::Forever } else { Self::For(duration) }
    }

    /// So long; `None` is for ever.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::For(duration) => Some(duration),
            Self::Forever => None,
        }
    }
}

impl FromStr for KeepAlive {
    type Err = NotAKeepAlive;

    fn from_str(text: &str) -> Result<Self, NotAKeepAlive> {
        if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()) {
            return Ok(Self::seconds(seconds));
        }
        match text.strip_prefix('-') {
            Some(duration) => Span::parse(duration).map(|_| Self::Forever),
            None => Span::parse(text).map(|span| Self::of(span.get())),
        }
        .map_err(|_| NotAKeepAlive(text.to_owned()))
    }
}

/// What is wished of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It is to be loaded now, and to stay; `None`: for as long as is usual.
    Load(Option<KeepAlive>),
    /// It is to stay for so long once it is loaded.
    Keep(KeepAlive),
    /// It is to leave memory once nothing runs on it.
    Unload,
}

impl Wish {
    /// A model that is to stay for no time is to leave.
    pub fn keep(keep: KeepAlive) -> Self {
        if keep == KeepAlive::For(Duration::ZERO) { Self::Unload } else { Self::Keep(keep) }
    }

    /// A model that is to be loaded for no time is to leave.
    pub fn load(keep: Option<KeepAlive>) -> Self {
        if keep == Some(KeepAlive::For(Duration::ZERO)) { Self::Unload } else { Self::Load(keep) }
    }
}

/// The latest wish about a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wished {
    /// The model's own name.
    pub model: String,
    /// What is wished.
    pub wish: Wish,
    /// Which wish of this model's it is.
    pub number: i64,
    /// When it was wished.
    pub at: Timestamp,
}

impl Wished {
    /// Whether it means nothing any more to a worker that begins: what was to be loaded for a while would have left.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self.wish {
            Wish::Load(Some(KeepAlive::For(keep))) => self.at.plus(keep) <= now,
            Wish::Load(None) | Wish::Unload => true,
            Wish::Load(Some(KeepAlive::Forever)) | Wish::Keep(_) => false,
        }
    }
}

/// A model that is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// Since when.
    pub since: Timestamp,
    /// When it will leave without further work; `None`: when another needs its room.
    pub expires_at: Option<Timestamp>,
}

impl Loaded {
    /// What two workers have together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let expires_at = self.expires_at.zip(other.expires_at).map(|(one, other)| one.max(other));
        Self { since: self.since.min(other.since), expires_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_stay_is_written_as_ollamas_clients_do() {
        for (text, keep) in [
            ("5m", KeepAlive::For(Duration::from_mins(5))),
            ("1h 30m", KeepAlive::For(Duration::from_mins(90))),
            ("300", KeepAlive::For(Duration::from_mins(5))),
            ("0", KeepAlive::For(Duration::ZERO)),
            ("0s", KeepAlive::For(Duration::ZERO)),
            ("-1", KeepAlive::Forever),
            ("-1m", KeepAlive::Forever),
            ("1e30", KeepAlive::Forever),
        ] {
            assert_eq!(text.parse(), Ok(keep), "{text}");
        }
        for text in ["", "m", "five", "NaN", "inf", "5 parsecs", "--1m"] {
            assert!(text.parse::<KeepAlive>().is_err(), "{text}");
        }
    }

    #[test]
    fn to_stay_for_no_time_is_to_leave() {
        let none = KeepAlive::For(Duration::ZERO);
        assert_eq!([Wish::keep(none), Wish::load(Some(none))], [Wish::Unload; 2]);
        assert_eq!(Wish::load(None), Wish::Load(None));
    }
}
