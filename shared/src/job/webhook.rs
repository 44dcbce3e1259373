//! A job's own webhook: whom to tell of it, and of what.

use serde::{Deserialize, Serialize};

/// A URL that is told of one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Where it is told.
    pub url: String,
    /// The types of events; none means every end of the job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}
