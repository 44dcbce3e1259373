//! How an S3 server is asked: short requests have an end, long ones only must not stall.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::signing::Signing;
use crate::config::BlobConfig;

/// How often the answer to a long request is taken up where it broke off.
const RESUMED: usize = 3;

/// How long a long request may take, and still be taken up again: a model of 40 GiB, at 5 MiB a second.
const LONGEST: Duration = Duration::from_hours(2);

/// One bucket.
pub(super) struct Bucket {
    /// For what ends within `blobs.timeout`, body and all.
    pub(super) short: Arc<dyn ObjectStore>,
    /// For bodies that take as long as their reader, or the line, makes them.
    pub(super) long: Arc<dyn ObjectStore>,
    pub(super) signing: Option<Arc<Signing>>,
}

impl Bucket {
    /// As `config` says.
    pub(super) fn open(config: &BlobConfig) -> Result<Self, object_store::Error> {
        let timeout = config.timeout.get();
        let options = ClientOptions::new().with_allow_http(config.allow_http);
        // Callers have patience of their own, so a request is tried again once and then given up.
        let once = RetryConfig { backoff: BackoffConfig::default(), max_retries: 1, retry_timeout: timeout };
        let often = RetryConfig { max_retries: RESUMED, retry_timeout: LONGEST, ..once.clone() };
        let builder = builder(config);
        let prefix = url::Url::parse(&config.url).map_or(String::new(), |url| url.path().to_owned());
        let prefix = prefix.trim_matches('/');
        let short =
            builder.clone().with_retry(once).with_client_options(options.clone().with_timeout(timeout));
        let signing = config.signed_urls.then(|| Signing::new(short.clone(), config, prefix)).transpose()?;
        let patient = options.with_timeout_disabled().with_read_timeout(timeout);
        let long = builder.with_retry(often).with_client_options(patient);
        let below = |builder: AmazonS3Builder| -> Result<Arc<dyn ObjectStore>, object_store::Error> {
            let bucket = builder.build()?;
            Ok(match prefix {
                "" => Arc::new(bucket),
                prefix => Arc::new(PrefixStore::new(bucket, prefix)),
            })
        };
        Ok(Self { short: below(short)?, long: below(long)?, signing: signing.map(Arc::new) })
    }
}

fn builder(config: &BlobConfig) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::new().with_url(&config.url).with_region(&config.region);
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(&config.endpoint).with_virtual_hosted_style_request(false);
    }
    if !config.access_key_id.is_empty() {
        builder = builder
            .with_access_key_id(&config.access_key_id)
            .with_secret_access_key(config.secret_access_key.expose());
    }
    builder
}
