//! `[hub]`.

use serde::Deserialize;
use url::Url;

use super::complaints;
use crate::config::{Secret, Span};

/// `[hub]`: where models are pulled from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    /// A hub that speaks as Hugging Face's does.
    pub endpoint: String,
    /// What it knows us by; empty: it knows us not.
    pub token: Secret,
    /// Owners for whose pulls it is sent beside those of admins; `*`: for everybody's.
    pub token_owners: Vec<String>,
    /// How long it may be silent.
    pub timeout: Span,
    /// Pulls that one replica does at once.
    pub pulls: usize,
    /// Files of one pull that are fetched at once.
    pub files: usize,
    /// How long what a pull that did not end has fetched is kept for the next.
    pub keep: Span,
}

impl HubConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = |url: &Url| {
            url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        };
        complaints([
            (
                !Url::parse(&self.endpoint).is_ok_and(|url| is_http(&url) && bare(&url)),
                "hub.endpoint must be a URL that begins with http:// or https://, without a password or a query",
            ),
            (
                self.token.expose().contains(|c: char| !c.is_ascii_graphic()),
                "hub.token has characters that none has",
            ),
            (self.pulls == 0 || self.files == 0, "hub.pulls and hub.files must be at least 1"),
        ])
    }
}
