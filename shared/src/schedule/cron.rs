//! When a schedule ticks: a cron expression on the clock on the wall of some place.
//!
//! The expression is evaluated on wall-clock times, of which each day has the same; which instant a wall-clock time is,
//! and what happens when clocks are changed, is decided here. Where the hour is left open (`*`, `*/n`), ticks go by the
//! time that passes: an hour that does not exist has none, an hour that comes twice has them twice. Where hours are
//! named, each tick comes once: one that falls into the gap comes at its end, and of two that are equal the first.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use crate::clock::Timestamp;

/// Ticks that are looked at to find the shortest time between two: a minute's worth of seconds recurs in each minute, so
/// more would say nothing new.
const LOOKED_AT: usize = 100;
/// What the fields of an expression are called.
const FIELDS: [&str; 6] = ["second", "minute", "hour", "day", "month", "weekday"];
/// Characters of an expression at most.
pub const LONGEST: usize = 200;

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct Cron {
    ticks: croner::Cron,
    zone: Tz,
    hours_are_open: bool,
}

/// What is wrong with an expression or a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The expression cannot be read.
    #[error("`{expression}` is no cron expression: {why}")]
    Expression {
        /// As it was given.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such zone.
    #[error("`{0}` is no time zone of the IANA database, like `Europe/Berlin` or `UTC`")]
    Zone(String),
}

impl Cron {
    /// Reads an expression of five fields, or of six with seconds before them, and the zone's name.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, CronError> {
        let wrong = |why: String| CronError::Expression {
            expression: expression.chars().take(LONGEST).collect(),
            why,
        };
        if expression.len() > LONGEST {
            return Err(wrong(format!("it has more than {LONGEST} characters")));
        }
        let zone = Tz::from_str(zone).map_err(|_| CronError::Zone(zone.chars().take(LONGEST).collect()))?;
        if !expression.trim().starts_with('@') {
            let fields = expression.split_whitespace().count();
            if !(5..=6).contains(&fields) {
                return Err(wrong(format!(
                    "it has {fields} fields; it needs five (minute, hour, day, month, weekday) or six, seconds first"
                )));
            }
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let ticks = parser.parse(expression).map_err(|error| {
            let error = plain(&error.to_string());
            let why = guilty(parser, expression).map(|field| format!("the {field}: {error}"));
            wrong(why.unwrap_or(error))
        })?;
        let hours_are_open = ticks.pattern.hours.from_wildcard;
        Ok(Self { ticks, zone, hours_are_open })
    }

    /// The first tick later than `after`, if there is one in this millennium and the next two.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = DateTime::from_timestamp(after.seconds(), 0)?;
        let tick = if self.hours_are_open { self.next_open(after) } else { self.next_named(after) };
        tick.map(Timestamp::from)
    }

    /// The first `count` ticks later than `after`.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next(after), |tick| self.next(*tick)).take(count).collect()
    }

    /// The shortest time between two ticks, as the first hundred after `from` show it.
    pub fn shortest(&self, from: Timestamp) -> Option<Duration> {
        let ticks = self.upcoming(from, LOOKED_AT);
        ticks.windows(2).map(|pair| pair[1].since(pair[0])).min()
    }

    /// Up to `most` of the latest ticks from `first`, which is one, to `until`; the earliest of them first.
    pub fn latest(&self, first: Timestamp, until: Timestamp, most: usize) -> Vec<Timestamp> {
        // Looks back twice as far each time, so that a long absence costs no more than a short one.
        let mut back = Duration::from_mins(1);
        loop {
            let from = until.minus(back);
            let all = from < first;
            let start = if all { first.minus(Duration::from_micros(1)) } else { from };
            let mut ticks: Vec<_> = std::iter::successors(self.next(start), |tick| self.next(*tick))
                .take_while(|tick| *tick <= until)
                .collect();
            if all || ticks.len() >= most {
                return ticks.split_off(ticks.len().saturating_sub(most));
            }
            back *= 2;
        }
    }

    /// The first wall-clock time after `wall`, or at it.
    fn wall(&self, wall: NaiveDateTime, at: bool) -> Option<NaiveDateTime> {
        // UTC stands for a clock that is never changed.
        Some(self.ticks.find_next_occurrence(&wall.and_utc(), at).ok()?.naive_utc())
    }

    /// By the time that passes: as long as the clock is not changed a wall-clock time is one instant; where it is, the
    /// search goes on with the clock as it is then.
    fn next_open(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (mut from, mut at) = (after, false);
        loop {
            let offset = self.offset(from);
            let wall = self.wall(from.naive_utc() + offset, at)?;
            let tick = (wall - offset).and_utc();
            match self.change(from, tick) {
                None => return Some(tick),
                Some(change) => (from, at) = (change, true),
            }
        }
    }

    /// Each wall-clock time once.
    fn next_named(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut wall = after.naive_utc() + self.offset(after);
        loop {
            wall = self.wall(wall, false)?;
            let tick = match self.zone.from_local_datetime(&wall) {
                LocalResult::Single(tick) | LocalResult::Ambiguous(tick, _) => tick.to_utc(),
                LocalResult::None => self.end_of_gap(wall),
            };
            // In the second of two equal hours, those of the first are over.
            if tick > after {
                return Some(tick);
            }
        }
    }

    fn offset(&self, at: DateTime<Utc>) -> TimeDelta {
        let offset = self.zone.offset_from_utc_datetime(&at.naive_utc()).fix();
        TimeDelta::seconds(offset.local_minus_utc().into())
    }

    /// When the clock is changed first between two instants.
    fn change(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let before = self.offset(from);
        let mut day = from;
        while day < until {
            let next = (day + TimeDelta::days(1)).min(until);
            if self.offset(next) != before {
                return Some(first(day, next, |at| self.offset(at) != before));
            }
            day = next;
        }
        None
    }

    /// The first instant whose wall-clock time is later than `wall`, which does not exist.
    fn end_of_gap(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        // No zone is further from UTC than this.
        let (from, until) = (wall.and_utc() - TimeDelta::hours(26), wall.and_utc() + TimeDelta::hours(26));
        first(from, until, |at| at.naive_utc() + self.offset(at) >= wall)
    }
}

/// The first whole second after `from` and up to `until` at which `holds`, which does at `until` and not at `from`.
fn first(
    mut from: DateTime<Utc>,
    mut until: DateTime<Utc>,
    holds: impl Fn(DateTime<Utc>) -> bool,
) -> DateTime<Utc> {
    while until - from > TimeDelta::seconds(1) {
        let middle = from + TimeDelta::seconds((until - from).num_seconds() / 2);
        if holds(middle) {
            until = middle;
        } else {
            from = middle;
        }
    }
    until
}

/// The field that cannot be read, by its name.
fn guilty(parser: CronParser, expression: &str) -> Option<String> {
    let fields: Vec<_> = expression.split_whitespace().collect();
    let names = &FIELDS[FIELDS.len().checked_sub(fields.len())?..];
    let place = (0..fields.len()).find(|place| {
        let others = (0..fields.len()).map(|other| if other == *place { fields[other] } else { "*" });
        parser.parse(&others.collect::<Vec<_>>().join(" ")).is_err()
    })?;
    Some(format!("{} `{}`", names[place], fields[place]))
}

/// The reader's sentence as one of ours.
fn plain(error: &str) -> String {
    let words = error.split_once(": ").map_or(error, |(_, words)| words).trim_end_matches('.');
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.ticks.as_str(), self.zone)
    }
}

#[cfg(test)]
mod tests;
