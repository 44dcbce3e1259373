//! How long a job is kept once it has ended, by how it ended.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Status;
use crate::clock::micros;

/// How long a job is kept, by its terminal status. The store has it as microseconds by the status' word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// After it succeeded.
    #[serde(serialize_with = "in_micros", deserialize_with = "from_micros")]
    pub succeeded: Duration,
    /// After it failed.
    #[serde(serialize_with = "in_micros", deserialize_with = "from_micros")]
    pub failed: Duration,
    /// After it was cancelled.
    #[serde(serialize_with = "in_micros", deserialize_with = "from_micros")]
    pub cancelled: Duration,
    /// After a deadline passed.
    #[serde(serialize_with = "in_micros", deserialize_with = "from_micros")]
    pub expired: Duration,
}

impl Keep {
    /// The same however it ends.
    pub const fn all(span: Duration) -> Self {
        Self { succeeded: span, failed: span, cancelled: span, expired: span }
    }

    /// How long after it ended like this; `None` of a status that is no end.
    pub const fn after(&self, status: Status) -> Option<Duration> {
        match status {
            Status::Succeeded => Some(self.succeeded),
            Status::Failed => Some(self.failed),
            Status::Cancelled => Some(self.cancelled),
            Status::Expired => Some(self.expired),
            Status::Queued | Status::Running => None,
        }
    }
}

fn in_micros<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(micros(*span))
}

fn from_micros<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stored_names_are_the_words_of_the_terminal_statuses() {
        let stored = serde_json::to_value(Keep::all(Duration::from_secs(1))).unwrap();
        for status in Status::ALL.into_iter().filter(|status| status.is_terminal()) {
            assert_eq!(stored[status.as_str()], json!(1_000_000));
        }
        assert_eq!(serde_json::from_value::<Keep>(stored).unwrap(), Keep::all(Duration::from_secs(1)));
    }
}
