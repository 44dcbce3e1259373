//! How far something is that takes a while: a piece for each step, the last of which says `success`.

use serde::Serialize;

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is being done.
    pub status: String,
    /// The file that it is done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Those of them that are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<u64>,
}

impl Progress {
    /// This is being done.
    pub fn step(status: impl Into<String>) -> Self {
        Self { status: status.into(), digest: None, total: None, completed: None }
    }

    /// All is done.
    pub fn success() -> Self {
        Self::step("success")
    }
}
