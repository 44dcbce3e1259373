//! Brings a message to its receiver, through the guarded fetcher and by nothing else.

use std::time::{Duration, Instant};

use url::Url;

use super::{Heard, Signature};
use crate::config::WebhookConfig;
use crate::fetch::{FetchError, Fetcher, Guard, check_url};

/// Reads a URL and refuses what no message will ever be sent to.
pub fn check_webhook_url(text: &str, guard: &Guard, https_only: bool) -> Result<Url, FetchError> {
    let url = check_url(text, guard)?;
    if https_only && url.scheme() != "https" {
        return Err(FetchError::Unsupported("must begin with https://"));
    }
    Ok(url)
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What was heard.
    pub heard: Heard,
    /// How long it took.
    pub took: Duration,
    /// The first bytes of the answer.
    pub answer: String,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// Whoever sends, the scheduler and the test button alike, sends through this.
#[derive(Clone, Debug)]
pub struct Postman {
    fetcher: Fetcher,
    timeout: Duration,
    https_only: bool,
    keep: usize,
}

impl Postman {
    /// A postman with the limits of `config`.
    pub fn new(fetcher: Fetcher, config: &WebhookConfig) -> Self {
        Self {
            fetcher,
            timeout: config.timeout.get(),
            https_only: config.https_only,
            keep: config.kept_answer.as_usize(),
        }
    }

    /// Reads a URL and refuses what no message will ever be sent to.
    pub fn check(&self, url: &str) -> Result<Url, FetchError> {
        check_webhook_url(url, self.fetcher.guard(), self.https_only)
    }

    /// Posts `body` to `url`, once. A redirect is an answer like any other.
    pub async fn post(&self, url: &str, body: &str, signature: &Signature) -> Reply {
        let started = Instant::now();
        let posted = match self.check(url) {
            Ok(url) => {
                let headers = [
                    ("content-type", "application/json"),
                    ("webhook-id", &signature.id),
                    ("webhook-timestamp", &signature.timestamp),
                    ("webhook-signature", &signature.signature),
                ];
                self.fetcher.post(url, &headers, body.to_owned(), self.timeout, self.keep).await
            }
            Err(error) => Err(error),
        };
        let took = started.elapsed();
        match posted {
            Ok(posted) => Reply {
                heard: Heard::Status { status: posted.status, retry_after: posted.retry_after },
                took,
                answer: readable(&posted.answer),
                error: None,
            },
            Err(error) => {
                let heard = match error {
                    FetchError::Timeout { .. } => Heard::Timeout,
                    _ => Heard::Unreachable,
                };
                Reply { heard, took, answer: String::new(), error: Some(error.to_string()) }
            }
        }
    }
}

/// Bytes as text; Postgres stores every character but one.
fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{FFFD}")
}
