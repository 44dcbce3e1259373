//! When a job may run, and by when it must: instants, or durations that count from its submission.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use forebay_shared::clock::Timestamp;
use forebay_shared::config::Span;

use crate::problem::{Code, Problem};

/// `finish_by` as a header.
const CANCEL_AFTER: HeaderName = HeaderName::from_static("cancel-after");
/// How far ahead a job may be told to run or to end: as long as the longest retention of bulk work. Chosen.
const FURTHEST: Duration = Duration::from_hours(30 * 24);

/// An instant, or a duration from the submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    At(Timestamp),
    In(Duration),
}

/// When a job may run, and by when it must, as the client has put it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    run_at: Option<When>,
    start_by: Option<When>,
    finish_by: Option<When>,
    /// How that was written: two submissions that say `5m` ask for the same.
    written: [Option<String>; 3],
}

/// The same as instants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instants {
    /// Not before this instant.
    pub run_at: Option<Timestamp>,
    /// Not begun by then, it expires.
    pub start_by: Option<Timestamp>,
    /// Not ended by then, it expires.
    pub finish_by: Option<Timestamp>,
}

impl Times {
    /// Reads `run_at`, `start_by` and `finish_by`, and holds them against each other and against `now`. What the header
    /// `Cancel-After` says stands for `finish_by`.
    pub fn read(
        [run_at, start_by, finish_by]: [Option<String>; 3],
        cancel_after: Option<String>,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let (name, finish_by) = match (finish_by, cancel_after) {
            (Some(_), Some(_)) => {
                let detail = "give either `finish_by` or the header `Cancel-After`, not both";
                return Err(Problem::new(Code::InvalidField, detail).at("finish_by"));
            }
            (None, Some(header)) => ("Cancel-After", Some(header)),
            (body, None) => ("finish_by", body),
        };
        let read = |field: &str, written: &Option<String>| {
            written.as_deref().map(|text| when(field, text, now)).transpose()
        };
        let times = Self {
            run_at: read("run_at", &run_at)?,
            start_by: read("start_by", &start_by)?,
            finish_by: read(name, &finish_by)?,
            written: [run_at, start_by, finish_by],
        };
        times.check(name, now)?;
        Ok(times)
    }

    /// The instants, for a job that is submitted at `now`.
    pub fn from(&self, now: Timestamp) -> Instants {
        let at = |when: Option<When>| when.map(|when| when.from(now));
        Instants {
            // An instant that has passed means at once.
            run_at: at(self.run_at).filter(|run_at| *run_at > now),
            start_by: at(self.start_by),
            finish_by: at(self.finish_by),
        }
    }

    /// What is to begin and to end within, for jobs that are submitted again and again.
    pub fn spans(&self) -> Result<(Option<Duration>, Option<Duration>), Problem> {
        if self.run_at.is_some() {
            let detail = "when a job runs is decided by its schedule";
            return Err(Problem::new(Code::InvalidField, detail).at("run_at"));
        }
        let span = |field: &str, when: Option<When>| match when {
            None => Ok(None),
            Some(When::In(span)) => Ok(Some(span)),
            Some(When::At(_)) => {
                let detail =
                    format_args!("`{field}` of a template must be a duration like 5m, counted from the tick");
                Err(Problem::new(Code::InvalidField, detail).at(field))
            }
        };
        Ok((span("start_by", self.start_by)?, span("finish_by", self.finish_by)?))
    }

    /// What was written, by field.
    pub fn written(&self) -> impl Iterator<Item = (&'static str, &str)> {
        ["run_at", "start_by", "finish_by"]
            .into_iter()
            .zip(&self.written)
            .filter_map(|(field, text)| Some((field, text.as_deref()?)))
    }

    fn check(&self, finish_by: &str, now: Timestamp) -> Result<(), Problem> {
        let at = self.from(now);
        for (field, deadline) in [("start_by", at.start_by), (finish_by, at.finish_by)] {
            let Some(deadline) = deadline else { continue };
            if deadline <= now {
                let detail = format_args!("`{field}` has passed already: it is {now}");
                return Err(Problem::new(Code::DeadlinePassed, detail).at(field));
            }
            if at.run_at.is_some_and(|run_at| deadline <= run_at) {
                let detail = format_args!("`{field}` passes before the job may run at all");
                return Err(Problem::new(Code::DeadlinesDisagree, detail).at(field));
            }
        }
        if let (Some(start), Some(finish)) = (at.start_by, at.finish_by)
            && start > finish
        {
            let detail = format_args!("`start_by` is later than `{finish_by}`");
            return Err(Problem::new(Code::DeadlinesDisagree, detail).at("start_by"));
        }
        Ok(())
    }
}

impl When {
    fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::In(span) => now.plus(span),
        }
    }
}

/// The header's value, if it is there.
pub fn cancel_after(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(CANCEL_AFTER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match value.to_str() {
        Ok(text) if values.next().is_none() => Ok(Some(text.to_owned())),
        _ => {
            Err(Problem::new(Code::InvalidHeader, "`Cancel-After` must be a duration like `1m`, given once")
                .at("Cancel-After"))
        }
    }
}

fn when(field: &str, text: &str, now: Timestamp) -> Result<When, Problem> {
    let when = match (Timestamp::parse(text), Span::parse(text)) {
        (Ok(instant), _) => When::At(instant),
        (_, Ok(span)) => When::In(span.get()),
        _ => {
            let detail = format_args!(
                "`{field}` must be an instant like 2026-06-01T12:00:00Z or a duration like 30s, 5m or 2h"
            );
            let code = if field == "Cancel-After" { Code::InvalidHeader } else { Code::InvalidField };
            return Err(Problem::new(code, detail).at(field));
        }
    };
    if when.from(now).since(now) > FURTHEST {
        let days = FURTHEST.as_secs() / (24 * 3600);
        let detail = format_args!("`{field}` is more than {days} days ahead");
        return Err(Problem::new(Code::TooFarAhead, detail).at(field).limit(days));
    }
    Ok(when)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_780_315_200_000_000);

    fn read(run_at: &str, start_by: &str, finish_by: &str) -> Result<Times, Code> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Times::read([text(run_at), text(start_by), text(finish_by)], None, NOON)
            .map_err(|problem| problem.code())
    }

    #[test]
    fn durations_count_from_the_submission_and_instants_stand() {
        let later = NOON.plus(Duration::from_mins(10));
        let at = read("", "5m", "2026-06-01T14:00:00Z").unwrap().from(later);
        assert_eq!(at.start_by, Some(later.plus(Duration::from_mins(5))));
        assert_eq!(at.finish_by, Some(NOON.plus(Duration::from_hours(2))));
        let at = read("2026-06-01T15:00:00+03:00", "", "").unwrap().from(NOON);
        assert_eq!(at, Instants::default(), "what has passed means at once");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let table = [
            (("", "", "soon"), Code::InvalidField),
            (("", "", "-5m"), Code::InvalidField),
            (("", "", "0s"), Code::DeadlinePassed),
            (("", "2026-06-01T11:59:59Z", ""), Code::DeadlinePassed),
            (("", "", "31d"), Code::TooFarAhead),
            (("2027-06-01T12:00:00Z", "", ""), Code::TooFarAhead),
            (("", "2h", "1h"), Code::DeadlinesDisagree),
            (("2h", "1h", ""), Code::DeadlinesDisagree),
            (("2h", "", "2h"), Code::DeadlinesDisagree),
        ];
        for ((run_at, start_by, finish_by), code) in table {
            assert_eq!(read(run_at, start_by, finish_by), Err(code), "{run_at} {start_by} {finish_by}");
        }
        assert!(read("1h", "2h", "2h").is_ok());
        assert!(read("", "", "30d").is_ok());
    }
}
