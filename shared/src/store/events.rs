//! What happened to jobs and bulks, in the order in which it counts; kept for a while.
//!
//! The database itself writes the events, by triggers, so they are as true as the rows. A reader goes by cursor and misses
//! nothing: it is never shown what an older transaction, still open, might yet precede.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::id::{BulkId, JobId};
use crate::job::{EventType, FailureCode, Object};

/// A place in the log; on the wire `<xid>-<seq>`, which nobody needs to understand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The transaction. SQLite has one writer, so there it is always 0.
    pub xid: i64,
    /// The place among all events.
    pub seq: i64,
}

impl Cursor {
    /// Before everything that is kept.
    pub const START: Self = Self { xid: 0, seq: 0 };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.xid, self.seq)
    }
}

/// The text is no cursor of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (xid, seq) = text.split_once('-').ok_or(NotACursor)?;
        // A sign, or a zero before other digits, would be a second spelling of the same place.
        let number = |text: &str| text.parse().ok().filter(|number: &i64| number.to_string() == text);
        match (number(xid), number(seq)) {
            (Some(xid @ 0..), Some(seq @ 0..)) => Ok(Self { xid, seq }),
            _ => Err(NotACursor),
        }
    }
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Where it stands.
    pub at: Cursor,
    /// Whose it is.
    pub owner: String,
    /// What happened.
    pub kind: EventType,
    /// To which job.
    pub job: Option<JobId>,
    /// To which bulk.
    pub bulk: Option<BulkId>,
    /// The job's model.
    pub model: Option<String>,
    /// The version of the job or the bulk since then.
    pub version: i64,
    /// The number of the attempt that ran or was last.
    pub attempt: u32,
    /// Items, or lines, with an output.
    pub succeeded: u32,
    /// Items, or lines, with an error.
    pub failed: u32,
    /// Why it failed, or why its last attempt did.
    pub error: Option<FailureCode>,
    /// The client's own words about the job.
    pub metadata: Object,
    /// When it happened.
    pub happened_at: Timestamp,
}

/// Which events. Everything that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventFilter {
    /// Of one of these types; none means of any.
    pub kinds: Vec<EventType>,
    /// Of jobs for this model.
    pub model: Option<String>,
    /// Of one of these jobs; none means of any.
    pub jobs: Vec<JobId>,
    /// Of jobs with these pairs among their metadata.
    pub metadata: Object,
}

impl EventFilter {
    /// Whether the event is meant: what the statements say, for who was handed all of an owner's.
    pub fn admits(&self, event: &Logged) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.model.as_ref().is_none_or(|model| event.model.as_ref() == Some(model))
            && (self.jobs.is_empty() || event.job.is_some_and(|job| self.jobs.contains(&job)))
            && self.metadata.iter().all(|(name, value)| event.metadata.get(name) == Some(value))
    }
}

/// Whose events a process follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// All of these owners'.
    pub owners: Vec<String>,
    /// Those of these jobs, whoever owns them.
    pub jobs: Vec<JobId>,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPage {
    /// In order.
    pub events: Vec<Logged>,
    /// Where to go on: past everything that was looked at, meant or not.
    pub next: Cursor,
    /// Whether there is more already.
    pub more: bool,
    /// How the cursor stands to what is kept.
    pub standing: Standing,
}

/// How a cursor stands to what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Everything after it is there.
    Kept,
    /// Something after it is forgotten.
    Forgotten,
    /// No event has come as far: it is of another log.
    Ahead,
}

impl Standing {
    /// How `cursor` stands, if what is up to `forgotten` may be gone and the log ends at `edge`. The start of what is kept
    /// is wherever that is.
    pub(super) fn of(cursor: Cursor, forgotten: Cursor, edge: Cursor) -> Self {
        if cursor > edge {
            Self::Ahead
        } else if cursor != Cursor::START && cursor < forgotten {
            Self::Forgotten
        } else {
            Self::Kept
        }
    }
}

/// Events, read in order.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Up to `limit` of the owner's events after `after`.
    async fn events(
        &self,
        owner: &str,
        filter: &EventFilter,
        after: Cursor,
        limit: u32,
    ) -> StoreResult<EventPage>;

    /// Up to `limit` events after `after` of whatever is followed: one statement for a whole process. Without `after` it
    /// answers with none, and where the log ends now.
    async fn tail(&self, followed: &Followed, after: Option<Cursor>, limit: u32) -> StoreResult<EventPage>;

    /// What happened to the owner's job after this version, in order. A job's versions count one by one and each is written
    /// with its event, so whoever has seen a version can be shown all before it, whatever else is still open.
    async fn job_events(&self, owner: &str, job: JobId, after: i64) -> StoreResult<Vec<Logged>>;

    /// Forgets events that happened before `before`, among the `limit` oldest, and none that a reader which must miss
    /// nothing has not passed. Answers how many.
    async fn purge_events(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}

/// Events of one job that are read at once: far more than ten failed attempts make.
pub(super) const OF_ONE_JOB: i64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_in_no_other_way() {
        for cursor in [Cursor::START, Cursor { xid: 7, seq: 12 }, Cursor { xid: i64::MAX, seq: i64::MAX }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in
            ["", "-", "1", "1-", "-1", "1-2-3", "+1-2", "01-2", "1- 2", "x-1", "9223372036854775808-1"]
        {
            assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text}");
        }
    }

    #[test]
    fn the_start_is_never_forgotten_and_the_future_is_no_place() {
        let at = |seq| Cursor { xid: 5, seq };
        assert_eq!(Standing::of(Cursor::START, at(3), at(9)), Standing::Kept);
        assert_eq!(Standing::of(at(2), at(3), at(9)), Standing::Forgotten);
        assert_eq!(Standing::of(at(3), at(3), at(9)), Standing::Kept);
        assert_eq!(Standing::of(at(10), at(3), at(9)), Standing::Ahead);
    }
}
