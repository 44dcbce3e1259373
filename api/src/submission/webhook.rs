//! Whom to tell, and of what: a job's own webhook, and what endpoints share with it.

use forebay_shared::config::WebhookConfig;
use forebay_shared::fetch::Guard;
use forebay_shared::job::{self, EventType};
use forebay_shared::webhook::check_webhook_url;
use serde::Deserialize;
use utoipa::ToSchema;

use super::picture::refused_url;
use crate::problem::{Code, Problem};

/// Characters of a URL that is told.
const LONGEST_URL: usize = 2048;

/// Whom to tell of the job, or of the bulk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = JobWebhook)]
pub struct Webhook {
    /// Where to post to, `https://…` or `http://…`, at a public address: at most 2048 characters.
    #[schema(format = "uri")]
    pub url: String,
    /// What to tell of, `job.…`, of a bulk `batch.…`; every end by default.
    #[serde(default)]
    pub events: Option<Vec<EventType>>,
}

impl Webhook {
    /// Checks the URL, and that what is asked for can happen to a job.
    pub fn check(&self, guard: &Guard, config: &WebhookConfig) -> Result<job::Webhook, Problem> {
        self.check_about(("job", EventType::is_of_job), guard, config)
    }

    /// The same for a bulk.
    pub fn check_for_bulk(&self, guard: &Guard, config: &WebhookConfig) -> Result<job::Webhook, Problem> {
        self.check_about(("bulk", |kind| !kind.is_of_job()), guard, config)
    }

    fn check_about(
        &self,
        (what, happens): (&str, fn(EventType) -> bool),
        guard: &Guard,
        config: &WebhookConfig,
    ) -> Result<job::Webhook, Problem> {
        url(&self.url, "webhook.url", guard, config)?;
        let wanted = self.events.as_deref().map(|wanted| events(wanted, "webhook.events")).transpose()?;
        let wanted = wanted.unwrap_or_default();
        if let Some(index) = wanted.iter().position(|kind| !happens(*kind)) {
            let detail =
                format_args!("`{}` does not happen to a {what}; register an endpoint for it", wanted[index]);
            return Err(Problem::new(Code::InvalidField, detail).at(format!("webhook.events[{index}]")));
        }
        let events = wanted.iter().map(|kind| kind.as_str().to_owned()).collect();
        Ok(job::Webhook { url: self.url.clone(), events })
    }
}

/// Refuses a URL that nothing will ever be sent to.
pub fn url(text: &str, field: &str, guard: &Guard, config: &WebhookConfig) -> Result<(), Problem> {
    if text.len() > LONGEST_URL {
        let detail = format_args!("the URL has {} characters, the limit is {LONGEST_URL}", text.len());
        return Err(Problem::new(Code::InvalidField, detail).at(field).limit(LONGEST_URL as u64));
    }
    check_webhook_url(text, guard, config.https_only).map_err(|error| refused_url(&error, field))?;
    Ok(())
}

/// What is asked for, each once; refuses what is never told.
pub fn events(wanted: &[EventType], field: &str) -> Result<Vec<EventType>, Problem> {
    if wanted.is_empty() {
        let detail = "give at least one type of event, or leave it out for every end";
        return Err(Problem::new(Code::InvalidField, detail).at(field));
    }
    if let Some(index) = wanted.iter().position(|kind| !kind.is_kept()) {
        let detail = format_args!("`{}` is told to who follows events, and not by webhook", wanted[index]);
        return Err(Problem::new(Code::InvalidField, detail).at(format!("{field}[{index}]")));
    }
    let mut once = Vec::new();
    for kind in wanted {
        if !once.contains(kind) {
            once.push(*kind);
        }
    }
    Ok(once)
}
