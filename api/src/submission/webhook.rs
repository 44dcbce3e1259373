//! Whom to tell when a job ends. Read and checked, but refused: delivery comes with webhooks themselves.

use forebay_shared::fetch::{Guard, check_url};
use forebay_shared::job::Status;
use serde::Deserialize;
use utoipa::ToSchema;

use super::picture::refused_url;
use crate::problem::{Code, Problem};

/// Whom to tell when the job ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to post to.
    #[schema(format = "uri")]
    pub url: String,
    /// Which endings to tell of; all of them by default.
    #[serde(default)]
    pub events: Option<Vec<Status>>,
}

impl Webhook {
    /// Accepts nothing yet, for a reason that names the field.
    pub fn check(&self, guard: &Guard) -> Result<(), Problem> {
        check_url(&self.url, guard).map_err(|error| refused_url(&error, "webhook.url"))?;
        if let Some(index) = self.events.iter().flatten().position(|status| !status.is_terminal()) {
            let field = format!("webhook.events[{index}]");
            return Err(Problem::new(Code::InvalidField, "a job does not end with that status").at(field));
        }
        Err(Problem::new(Code::NotSupported, "webhooks are not delivered yet; poll the job, or wait for it")
            .at("webhook"))
    }
}
