//! Why a URL was not fetched.

use std::time::Duration;

/// What stood in the way.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is not a URL that may be fetched at all.
    #[error("the URL {0}")]
    Unsupported(&'static str),
    /// It leads to an address that may not be asked.
    #[error("the address of `{host}` may not be fetched")]
    Refused {
        /// The URL's host.
        host: String,
    },
    /// It leads on and on.
    #[error("`{host}` redirects more than {limit} times")]
    Redirects {
        /// The URL's host.
        host: String,
        /// How many redirects are followed.
        limit: u32,
    },
    /// It answered with an error.
    #[error("`{host}` answered {status}")]
    Status {
        /// The URL's host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// It answered with something else than was asked for.
    #[error("`{host}` answered with `{content_type}`")]
    ContentType {
        /// The URL's host.
        host: String,
        /// What it sent.
        content_type: String,
    },
    /// Its answer is too large.
    #[error("the answer of `{host}` is larger than {limit} bytes")]
    TooLarge {
        /// The URL's host.
        host: String,
        /// The limit.
        limit: u64,
    },
    /// It did not answer in time.
    #[error("`{host}` did not answer within {limit:?}")]
    Timeout {
        /// The URL's host.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// It could not be reached.
    #[error("`{host}` cannot be reached")]
    Unreachable {
        /// The URL's host.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

impl FetchError {
    /// Whether asking again later could help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// How long the server asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the address itself was the reason.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Unsupported(_))
    }
}
