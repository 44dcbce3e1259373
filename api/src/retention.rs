//! How long jobs are kept.
//!
//! Every outcome has its own span. A wish out of bounds is refused with the bound; what is configured is brought within
//! an owner's bounds in silence, since its client has not asked for anything.

use std::collections::BTreeMap;

use forebay_shared::config::Span;
use forebay_shared::job::{Class, Keep, Status};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::problem::Problem;
use crate::submission::retention::Wish;

/// `[retention.interactive]`, `[retention.bulk]`: how long jobs of a class are kept, by how they ended.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByOutcome {
    /// After they succeeded.
    #[serde(deserialize_with = "unless_empty")]
    pub succeeded: Option<Span>,
    /// After they failed.
    #[serde(deserialize_with = "unless_empty")]
    pub failed: Option<Span>,
    /// After they were cancelled.
    #[serde(deserialize_with = "unless_empty")]
    pub cancelled: Option<Span>,
    /// After a deadline passed.
    #[serde(deserialize_with = "unless_empty")]
    pub expired: Option<Span>,
}

/// An entry of `retention.owners`: an owner's own bounds.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerBounds {
    /// At least.
    #[serde(default)]
    pub min: Option<Span>,
    /// At most.
    #[serde(default)]
    pub max: Option<Span>,
}

/// What of the configuration decides how long a job is kept.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// If nothing else is said.
    pub usual: Span,
    /// By class and outcome.
    pub interactive: &'a ByOutcome,
    /// By class and outcome.
    pub bulk: &'a ByOutcome,
    /// What anybody may wish at least and at most.
    pub bounds: (Span, Span),
    /// The same for some owners.
    pub owners: &'a BTreeMap<String, OwnerBounds>,
}

impl Terms<'_> {
    /// How long a job of the owner's is kept.
    pub fn keep(&self, owner: &str, class: Class, wish: &Wish) -> Result<Keep, Problem> {
        let own = self.owners.get(owner).copied().unwrap_or_default();
        let (min, max) = (own.min.unwrap_or(self.bounds.0), own.max.unwrap_or(self.bounds.1));
        let configured = match class {
            Class::Interactive => self.interactive,
            Class::Bulk => self.bulk,
        };
        let span = |outcome: Status, configured: Option<Span>| match wish.after(outcome) {
            Some(wished) if (min.get()..=max.get()).contains(&wished) => Ok(wished),
            Some(wished) => Err(wish.refused(outcome, wished, min, max)),
            None => Ok(configured.unwrap_or(self.usual).get().min(max.get()).max(min.get())),
        };
        Ok(Keep {
            succeeded: span(Status::Succeeded, configured.succeeded)?,
            failed: span(Status::Failed, configured.failed)?,
            cancelled: span(Status::Cancelled, configured.cancelled)?,
            expired: span(Status::Expired, configured.expired)?,
        })
    }
}

/// A duration, or nothing where the text is empty.
fn unless_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { Span::parse(&text).map(Some).map_err(Error::custom) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::submission::retention::{OutcomeSpans, RetentionBody};

    const DAY: Duration = Duration::from_hours(24);

    fn days(count: u32) -> Span {
        Span::new(DAY * count)
    }

    /// Successes of bulk work a day, all else a week; from an hour to a month, for alice from two days to a year.
    fn keep(owner: &str, class: Class, body: Option<RetentionBody>) -> Result<Keep, Problem> {
        let (interactive, bulk) =
            (ByOutcome::default(), ByOutcome { succeeded: Some(days(1)), ..ByOutcome::default() });
        let alice = OwnerBounds { min: Some(days(2)), max: Some(days(365)) };
        let terms = Terms {
            usual: days(7),
            interactive: &interactive,
            bulk: &bulk,
            bounds: (Span::new(Duration::from_hours(1)), days(30)),
            owners: &BTreeMap::from([("alice".to_owned(), alice)]),
        };
        terms.keep(owner, class, &body.map(RetentionBody::read).transpose()?.unwrap_or_default())
    }

    fn all(text: &str) -> RetentionBody {
        RetentionBody::All(text.to_owned())
    }

    fn failed(text: &str) -> RetentionBody {
        RetentionBody::Each(OutcomeSpans { failed: Some(text.to_owned()), ..OutcomeSpans::default() })
    }

    #[test]
    fn class_and_outcome_decide_if_nobody_wishes_otherwise() {
        assert_eq!(keep("bob", Class::Interactive, None).unwrap(), Keep::all(DAY * 7));
        let bulk = Keep { succeeded: DAY, ..Keep::all(DAY * 7) };
        assert_eq!(keep("bob", Class::Bulk, None).unwrap(), bulk);
    }

    #[test]
    fn what_is_configured_is_brought_within_an_owners_bounds() {
        let bulk = Keep { succeeded: DAY * 2, ..Keep::all(DAY * 7) };
        assert_eq!(keep("alice", Class::Bulk, None).unwrap(), bulk);
    }

    #[test]
    fn a_wish_within_the_bounds_counts() {
        assert_eq!(keep("bob", Class::Bulk, Some(all("2h"))).unwrap(), Keep::all(Duration::from_hours(2)));
        let wished = Keep { failed: DAY * 30, ..Keep::all(DAY * 7) };
        assert_eq!(keep("bob", Class::Interactive, Some(failed("30d"))).unwrap(), wished);
        assert_eq!(keep("alice", Class::Interactive, Some(all("300d"))).unwrap(), Keep::all(DAY * 300));
    }

    #[test]
    fn a_wish_out_of_bounds_is_refused_with_the_bound() {
        let told = |owner: &str, body: RetentionBody| {
            keep(owner, Class::Interactive, Some(body)).unwrap_err().to_string()
        };
        assert!(told("bob", all("31d")).contains("`retention` must be from 1h to 30d, not 31d"));
        assert!(told("bob", failed("59m")).contains("`retention.failed` must be from 1h to 30d, not 59m"));
        assert!(told("alice", all("1d")).contains("from 2d to 365d, not 1d"));
        assert!(told("bob", all("soon")).contains("`retention` must be a duration like 1h or 7d"));
        assert!(told("bob", failed("")).contains("`retention.failed` must be a duration"));
    }
}
