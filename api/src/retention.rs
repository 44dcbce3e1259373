//! How long jobs are kept: what is configured, and what an owner may wish for.
//!
//! Every outcome has its own span. A wish out of bounds is refused with the bound; what is configured is brought within
//! an owner's bounds in silence, since its client has not asked for anything.

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_dialects::TextOr;
use forebay_shared::config::Span;
use forebay_shared::job::{Class, Keep, Status};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{Code, Problem};

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

/// How long a client wishes a job to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// However it ends.
    all: Option<Duration>,
    /// By how it ends.
    each: Vec<(Status, Duration)>,
}

impl Wish {
    /// What was wished for a job that ends like this.
    fn after(&self, outcome: Status) -> Option<Duration> {
        let own = self.each.iter().find(|(status, _)| *status == outcome).map(|(_, span)| *span);
        own.or(self.all)
    }

    fn refused(&self, outcome: Status, wished: Duration, min: Span, max: Span) -> Problem {
        let field = match self.all {
            Some(_) => "retention".to_owned(),
            None => format!("retention.{outcome}"),
        };
        let limit = if wished > max.get() { max } else { min };
        let [least, most, wished] = [min.get(), max.get(), wished].map(written);
        let detail = format_args!("`{field}` must be from {least} to {most}, not {wished}");
        Problem::new(Code::InvalidField, detail).at(&field).limit(limit.get().as_secs())
    }

    /// The wish as numbers, for telling whether two submissions ask for the same.
    pub fn numbers(&self) -> impl Iterator<Item = i64> {
        Status::ALL.into_iter().filter(|status| status.is_terminal()).map(|outcome| {
            self.after(outcome).map_or(-1, |span| i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
        })
    }
}

/// How long the job is to be kept, as it is written.
#[derive(Debug)]
pub enum RetentionBody {
    /// However it ends.
    All(String),
    /// By how it ends.
    Each(OutcomeSpans),
}

/// How long the job is to be kept, by how it ends; what is not given is as usual.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeSpans {
    /// After it succeeded.
    #[serde(default)]
    #[schema(example = "7d")]
    pub succeeded: Option<String>,
    /// After it failed.
    #[serde(default)]
    #[schema(example = "30d")]
    pub failed: Option<String>,
    /// After it was cancelled.
    #[serde(default)]
    pub cancelled: Option<String>,
    /// After a deadline passed.
    #[serde(default)]
    pub expired: Option<String>,
}

impl RetentionBody {
    /// The wish, if its durations are ones.
    pub fn read(self) -> Result<Wish, Problem> {
        match self {
            Self::All(text) => Ok(Wish { all: Some(span("retention", &text)?), each: Vec::new() }),
            Self::Each(spans) => {
                let written = [
                    (Status::Succeeded, spans.succeeded),
                    (Status::Failed, spans.failed),
                    (Status::Cancelled, spans.cancelled),
                    (Status::Expired, spans.expired),
                ];
                let given = written.into_iter().filter_map(|(outcome, text)| Some((outcome, text?)));
                let each =
                    given.map(|(outcome, text)| Ok((outcome, span(&format!("retention.{outcome}"), &text)?)));
                Ok(Wish { all: None, each: each.collect::<Result<_, Problem>>()? })
            }
        }
    }
}

/// A duration as clients write it, in the largest unit that it is a multiple of.
fn written(span: Duration) -> String {
    let units = [(24 * 3600, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let seconds = span.as_secs();
    let unit = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit) && span.subsec_nanos() == 0);
    unit.map_or_else(|| Span::new(span).to_string(), |(unit, letter)| format!("{}{letter}", seconds / unit))
}

fn span(field: &str, text: &str) -> Result<Duration, Problem> {
    Span::parse(text).map(Span::get).map_err(|_| {
        let detail = format_args!("`{field}` must be a duration like 1h or 7d");
        Problem::new(Code::InvalidField, detail).at(field)
    })
}

/// A duration, or nothing where the text is empty.
fn unless_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { Span::parse(&text).map(Some).map_err(Error::custom) }
}

impl<'de> Deserialize<'de> for RetentionBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a duration like \"7d\", or an object of durations by outcome";
        Ok(match TextOr::read(deserializer, expected)? {
            TextOr::Text(text) => Self::All(text),
            TextOr::Object(spans) => Self::Each(spans),
        })
    }
}

impl PartialSchema for RetentionBody {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::String).description(Some("However it ends.")))
            .item(Ref::from_schema_name("OutcomeSpans"))
            .description(Some("How long the job is to be kept: a duration, or durations by how it ends."))
            .into()
    }
}

impl ToSchema for RetentionBody {
    fn name() -> std::borrow::Cow<'static, str> {
        "Retention".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OutcomeSpans::name().into_owned(), OutcomeSpans::schema()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
