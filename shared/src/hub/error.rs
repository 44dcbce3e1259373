//! Why a model was not fetched from its hub.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{Size, Span};
use crate::fetch::FetchError;
use crate::job::{Failure, FailureCode};

/// What stood in the way. Addresses of files may carry secrets, so hosts alone are named.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// It leads elsewhere, or to nowhere.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The hub wants to know who asks.
    #[error("`{host}` does not show the repository `{repository}`: {why}")]
    Refused {
        /// The hub.
        host: String,
        /// What was asked for.
        repository: String,
        /// What would help.
        why: &'static str,
    },
    /// The hub has no such thing.
    #[error("`{host}` has no {what}")]
    Missing {
        /// The hub.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// It is asked too often, and wants more patience than there is.
    #[error("`{host}` is asked too often; it wants to be left alone for {}", Span::new(*wait))]
    Busy {
        /// Who.
        host: String,
        /// So long.
        wait: Duration,
    },
    /// It answered with something that hubs do not say.
    #[error("`{host}` answers as no hub does: {what}")]
    Strange {
        /// Who.
        host: String,
        /// What is strange.
        what: String,
    },
    /// The connection broke before the file's end.
    #[error("`{host}` broke off after {sent} bytes of `{file}`")]
    Cut {
        /// Who.
        host: String,
        /// The file.
        file: String,
        /// So many had come.
        sent: u64,
    },
    /// The bytes are others than the hub told of.
    #[error("`{file}` is not what the hub told of it: its digest is {found}, not {expected}")]
    Wrong {
        /// The file.
        file: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The model is larger than models may be.
    #[error("the model has {}, and a model may have {limit} (registry.max_bytes)", Size::new(*bytes))]
    TooLarge {
        /// So many it has.
        bytes: u64,
        /// So many are taken.
        limit: Size,
    },
}

impl HubError {
    /// Whether asking again later could help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Cut { .. } | Self::Busy { .. } => true,
            _ => false,
        }
    }

    /// The same as what an attempt fails of.
    pub fn failure(&self) -> Failure {
        let code = match self {
            Self::Fetch(error) if error.is_refusal() => FailureCode::FetchRefused,
            Self::Fetch(_) | Self::Busy { .. } | Self::Cut { .. } | Self::Strange { .. } => {
                FailureCode::FetchFailed
            }
            Self::Refused { .. } => FailureCode::HubRefused,
            Self::Missing { .. } => FailureCode::NotInHub,
            Self::Wrong { .. } => FailureCode::WrongChecksum,
            Self::TooLarge { .. } => FailureCode::UnfitModel,
            Self::File { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                FailureCode::DiskFull
            }
            Self::File { .. } => FailureCode::Internal,
        };
        if self.is_transient() {
            return Failure::transient(code, self).after(self.retry_after());
        }
        Failure::permanent(code, self)
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Fetch(error) => error.retry_after(),
            Self::Busy { wait, .. } => Some(*wait),
            _ => None,
        }
    }
}
