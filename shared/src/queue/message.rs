//! The envelope on the queue.

use serde::{Deserialize, Serialize};

use crate::id::JobId;

/// The version that this program writes and reads.
const VERSION: u32 = 1;

/// Which job, whose, and in which trace. The payload is in the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The job.
    pub job_id: JobId,
    /// Whose job it is, so that a full worker can tell who has nothing there yet.
    pub owner: String,
    /// W3C `traceparent` of its submission.
    pub trace: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u32,
    job_id: JobId,
    #[serde(default)]
    owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

/// A message that this program cannot read; the row repairs it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("version {0} is unknown")]
    Version(u32),
    #[error("not an envelope")]
    Malformed(#[source] serde_json::Error),
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        let wire =
            Wire { v: VERSION, job_id: self.job_id, owner: self.owner.clone(), trace: self.trace.clone() };
        serde_json::to_vec(&wire).expect("an envelope is numbers and strings")
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(Unreadable::Malformed)?;
        if wire.v != VERSION {
            return Err(Unreadable::Version(wire.v));
        }
        Ok(Self { job_id: wire.job_id, owner: wire.owner, trace: wire.trace })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fresh_ids;

    #[test]
    fn an_envelope_reads_back() {
        let message =
            Message { job_id: fresh_ids().job(), owner: "alice".into(), trace: Some("00-ab-cd-01".into()) };
        assert_eq!(Message::decode(&message.encode()).unwrap(), message);
    }

    #[test]
    fn a_later_version_is_told_apart_from_garbage() {
        let later = format!(r#"{{"v":2,"job_id":"{}"}}"#, fresh_ids().job());
        assert!(matches!(Message::decode(later.as_bytes()), Err(Unreadable::Version(2))));
        assert!(matches!(Message::decode(b"hello"), Err(Unreadable::Malformed(_))));
    }
}
