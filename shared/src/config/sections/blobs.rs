//! `[blobs]`.

use std::time::Duration;

use serde::Deserialize;

use super::complaints;
use crate::config::{Secret, Span};

/// `[blobs]`: where inputs and results are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobConfig {
    /// `s3://bucket/prefix`, or empty for the data directory.
    pub url: String,
    /// The S3 server, if it is not Amazon's.
    pub endpoint: String,
    /// The bucket's region.
    pub region: String,
    /// The access key's public half.
    pub access_key_id: String,
    /// The access key's secret half.
    pub secret_access_key: Secret,
    /// Whether plain HTTP will do.
    pub allow_http: bool,
    /// How long one request may take; of a large object that is read piece by piece, how long no byte may come.
    pub timeout: Span,
    /// Whether media are read from the S3 server itself, by URLs that are signed for their owner.
    pub signed_urls: bool,
    /// How long such a URL holds.
    pub signed_url_life: Span,
    /// The S3 server as clients know it, if they know it by another address.
    pub public_endpoint: String,
}

impl BlobConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let (life, seconds) = (self.signed_url_life.get(), Duration::from_secs(1)..=LONGEST_URL);
        complaints([
            (
                self.signed_urls && self.url.is_empty(),
                "blobs.signed_urls needs an S3 server, and blobs.url is empty: files of the data directory have no URLs \
                 of their own",
            ),
            (
                !self.public_endpoint.is_empty() && !self.signed_urls,
                "blobs.public_endpoint is for URLs that blobs.signed_urls does not allow",
            ),
            (
                !seconds.contains(&life),
                "blobs.signed_url_life must be from 1s to 7d, which is the longest S3 takes",
            ),
        ])
    }
}

/// AWS Signature Version 4: `X-Amz-Expires` is a week at most.
const LONGEST_URL: Duration = Duration::from_hours(7 * 24);
