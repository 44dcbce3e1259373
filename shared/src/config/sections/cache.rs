//! `[cache]`.

use std::time::Duration;

use serde::Deserialize;

use super::complaints;
use crate::config::{Size, Span};

/// Below a second an answer is over before it can be asked for again.
const SHORTEST_TTL: Duration = Duration::from_secs(1);
/// As long as a client may have its jobs kept.
const LONGEST_TTL: Duration = Duration::from_hours(90 * 24);
/// What one statement carries of a thousand answers stays below 64 MiB.
const MOST_INLINE: Size = Size::new(64 * 1024);

/// `[cache]`: whether answers are kept for whoever asks the same again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// Whether any are.
    pub enabled: bool,
    /// For how long.
    pub ttl: Span,
    /// What all of them may take.
    pub max_bytes: Size,
    /// How large one may be that stands in the database.
    pub inline: Size,
}

impl CacheConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        complaints([
            (self.ttl.get() < SHORTEST_TTL, format!("cache.ttl ({}) must be a second at least", self.ttl)),
            (self.ttl.get() > LONGEST_TTL, format!("cache.ttl ({}) must be 90 days at most", self.ttl)),
            (
                self.inline > MOST_INLINE,
                format!(
                    "cache.inline ({}) must be {MOST_INLINE} at most: larger answers are objects",
                    self.inline
                ),
            ),
        ])
    }
}
