//! How much somebody may do in a time: the generic cell rate algorithm, as arithmetic.
//!
//! All that is remembered of a subject is one instant, its *theoretical arrival time*: until when what it has had is paid
//! for. Units move that instant on by their price in time, and are granted while it lies no further ahead of now than the
//! burst is worth. So no window of any length sees more than the burst and what the rate gives in that time, and a subject
//! that rests needs nothing kept: an arrival that has passed is as good as none. A unit's price is whole nanoseconds, so prices
//! add up, and it makes no difference in which portions units are taken.
//!
//! Replicas share a limit by leases: each takes units from the store ([`Ask`], [`Lease`]) and spends them from memory, see
//! [`Purse`]. A lease lapses after [`LIFE`], so however many replicas there are, no window sees more than the limit of a
//! window that is longer by [`LIFE`]: together they exceed it by what the rate gives in one second.

mod purse;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::words::words;

pub use purse::{LIFE, Purse, Spent};

/// The least price of a unit, ten million a second: more than any device does. Rounded to the nanosecond, it is within one per
/// cent.
const CHEAPEST: Duration = Duration::from_nanos(100);
/// How long a burst may take to come back: whoever waits for longer has forgotten what it waited for.
const LONGEST: Duration = Duration::from_hours(24 * 30);

/// So many units in a period, and so many at once: `100/s`, `30/min`, `1000000/h burst 50000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    units: u64,
    period: Period,
    burst: u64,
}

/// What a rate counts its units by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    Second,
    Minute,
    Hour,
    Day,
}

words!(Period, "period", Second = "s", Minute = "min", Hour = "h", Day = "d");

impl Period {
    const fn span(self) -> Duration {
        match self {
            Self::Second => Duration::from_secs(1),
            Self::Minute => Duration::from_mins(1),
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
        }
    }
}

/// What a text says that is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rate like \"100/s\", \"30/min\" or \"1000/h burst 50\"")]
pub struct NotARate(String);

/// How a subject stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Units that it may have at once.
    pub limit: u64,
    /// Units that it may have now.
    pub remaining: u64,
    /// When it may have all of them again, if it takes none meanwhile.
    pub reset: Duration,
}

/// What a replica asks the store for: `want` units, or `need` if there are no more; else nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The limit.
    pub rate: Rate,
    /// With fewer it can do nothing.
    pub need: u64,
    /// More than this it does not expect to spend; at least `need`, at most the burst.
    pub want: u64,
}

/// What the store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Units that are the replica's to spend.
    pub took: u64,
    /// The subject's theoretical arrival time, these units included: since 1970, to the nanosecond.
    pub tat: Duration,
}

impl Rate {
    /// Units that may come at once.
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// What a unit costs in time, rounded up.
    fn price_of_one(self) -> u128 {
        self.period.span().as_nanos().div_ceil(self.units.into())
    }

    /// What `units` cost in time.
    pub fn price(self, units: u64) -> Duration {
        nanos(self.price_of_one().saturating_mul(units.into()))
    }

    /// What the burst is worth: how far ahead of now an arrival may lie.
    pub fn reach(self) -> Duration {
        self.price(self.burst)
    }

    /// Whole units that `span` pays for.
    pub fn units_in(self, span: Duration) -> u64 {
        u64::try_from(span.as_nanos() / self.price_of_one()).unwrap_or(u64::MAX)
    }

    /// When `units` may be had of a subject with this arrival.
    fn earliest(self, tat: Duration, units: u64) -> Timestamp {
        let at = tat.saturating_add(self.price(units)).saturating_sub(self.reach());
        Timestamp::from_micros(i64::try_from(at.as_nanos().div_ceil(1000)).unwrap_or(i64::MAX))
    }

    /// Whether a unit has a price, and a burst comes back within a time that somebody waits.
    fn is_sane(self) -> bool {
        self.burst > 0 && self.price(1) >= CHEAPEST && self.reach() <= LONGEST
    }
}

/// An instant since 1970, as arrivals are reckoned.
pub fn instant(at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(at.micros()).unwrap_or(0))
}

/// So many nanoseconds, or as many as there can be.
fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        read(text).filter(|rate| rate.is_sane()).ok_or_else(|| NotARate(text.to_owned()))
    }
}

/// Without a burst the whole period's units may come at once.
fn read(text: &str) -> Option<Rate> {
    let mut words = text.split_whitespace();
    let (units, period) = words.next()?.split_once('/')?;
    let units = number(units).filter(|units| *units > 0)?;
    let burst = match (words.next(), words.next(), words.next()) {
        (None, ..) => units,
        (Some("burst"), Some(burst), None) => number(burst)?,
        _ => return None,
    };
    Some(Rate { units, period: period.parse().ok()?, burst })
}

/// Digits, grouped by underscores or not: `1_000_000`.
fn number(text: &str) -> Option<u64> {
    text.starts_with(|first: char| first.is_ascii_digit()).then(|| text.replace('_', "").parse().ok())?
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.units, self.period)?;
        if self.burst == self.units { Ok(()) } else { write!(f, " burst {}", self.burst) }
    }
}

impl Ask {
    /// What a store answers that has this arrival for the subject; its statement does the same.
    pub fn answer(self, tat: Duration, now: Timestamp) -> Lease {
        let (now, reach) = (instant(now), self.rate.reach());
        // An arrival beyond the reach is left by a clock that was set back, or by a limit that was higher.
        let tat = tat.clamp(now, now + reach);
        let after = |units| tat + self.rate.price(units);
        let granted = [self.want, self.need].into_iter().find(|units| after(*units) <= now + reach);
        granted.map_or(Lease { took: 0, tat }, |took| Lease { took, tat: after(took) })
    }
}

#[cfg(test)]
mod tests;
