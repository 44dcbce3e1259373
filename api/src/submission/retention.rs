//! How long a client wishes its job to be kept.

use std::time::Duration;

use forebay_dialects::TextOr;
use forebay_shared::config::Span;
use forebay_shared::job::Status;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{Code, Problem};

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
    pub fn after(&self, outcome: Status) -> Option<Duration> {
        let own = self.each.iter().find(|(status, _)| *status == outcome).map(|(_, span)| *span);
        own.or(self.all)
    }

    /// What a wish out of bounds is told.
    pub fn refused(&self, outcome: Status, wished: Duration, min: Span, max: Span) -> Problem {
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
