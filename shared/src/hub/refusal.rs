//! What a hub's answer that is an error means.

use reqwest::{Response, StatusCode};

use super::{Hub, HubError, Reference, Snapshot};
use crate::fetch;

/// What the hub says is wrong, beside the status.
const ERROR_CODE: &str = "x-error-code";

impl Hub {
    /// What it means for a repository.
    pub(super) fn refused(&self, answer: &Response, reference: &Reference) -> HubError {
        let code = answer.headers().get(ERROR_CODE).and_then(|code| code.to_str().ok());
        match answer.status() {
            // What another host does not want is no affair of the token.
            _ if !self.is_own(answer.url()) => fetch::refused(answer.url(), answer).into(),
            StatusCode::NOT_FOUND => {
                HubError::Missing { host: self.host(), what: self.missing(code, reference) }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let why = if self.withholds { WITHHELD } else { why(code, self.has_token()) };
                HubError::Refused { host: self.host(), repository: reference.repository.clone(), why }
            }
            _ => fetch::refused(answer.url(), answer).into(),
        }
    }

    /// What it means for a file.
    pub(super) fn file_refused(&self, answer: &Response, snapshot: &Snapshot, path: &str) -> HubError {
        let Snapshot { repository, commit, .. } = snapshot;
        let code = answer.headers().get(ERROR_CODE).and_then(|code| code.to_str().ok());
        if answer.status() == StatusCode::NOT_FOUND
            && self.is_own(answer.url())
            && matches!(code, None | Some("EntryNotFound"))
        {
            let what = format!("file `{path}` in the repository `{repository}`");
            return HubError::Missing { host: self.host(), what };
        }
        let (repository, revision) = (repository.clone(), Some(commit.clone()));
        self.refused(answer, &Reference { repository, pick: None, revision })
    }

    fn missing(&self, code: Option<&str>, reference: &Reference) -> String {
        let Reference { repository, revision, .. } = reference;
        match (code, revision) {
            (Some("RevisionNotFound"), _) => {
                format!("revision `{}` of the repository `{repository}`", reference.revision())
            }
            (None, Some(revision)) => format!("repository `{repository}` with the revision `{revision}`"),
            _ if self.has_token() => {
                format!("repository `{repository}`, or none that the token (hub.token) may see")
            }
            _ => format!("repository `{repository}`"),
        }
    }
}

/// What whoever was not let in hears, if there is a token that is not for them.
const WITHHELD: &str =
    "there is none, or it wants a token, which is not sent for this owner (hub.token_owners)";

/// What would help whoever was not let in.
fn why(code: Option<&str>, has_token: bool) -> &'static str {
    match (code, has_token) {
        (Some("GatedRepo"), false) => {
            "its terms have to be accepted there first; set hub.token to a token of the account that did"
        }
        (Some("GatedRepo"), true) => {
            "its terms have to be accepted there first, by the owner of the token (hub.token)"
        }
        (_, false) => "there is none, or it wants a token (hub.token)",
        (None, true) => "it does not take the token (hub.token)",
        (Some(_), true) => "there is none, or not for this token (hub.token)",
    }
}
