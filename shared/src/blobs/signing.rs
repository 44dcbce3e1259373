//! URLs by which an object can be read without a key of ours, for a while.
//!
//! Signing asks nobody: it is arithmetic with the store's own key. Whoever has such a URL may read the object until it is
//! over, so it is told to the owner only, and never logged.

use std::fmt;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::signer::{SignedUrlOptions, Signer};
use reqwest::Method;

use super::{BlobResult, refused};
use crate::config::BlobConfig;

/// Signs URLs of one bucket's objects.
pub(super) struct Signing {
    bucket: AmazonS3,
    prefix: Key,
    life: Duration,
}

impl Signing {
    /// Signs as `builder` would ask, but for the address by which clients know the server: a signature holds for one.
    pub(super) fn new(
        builder: AmazonS3Builder,
        config: &BlobConfig,
        prefix: &str,
    ) -> Result<Self, object_store::Error> {
        let builder = match config.public_endpoint.as_str() {
            "" => builder,
            known => builder.with_endpoint(known).with_virtual_hosted_style_request(false),
        };
        Ok(Self { bucket: builder.build()?, prefix: Key::from(prefix), life: config.signed_url_life.get() })
    }

    /// The store answers with this media type, whatever it knows of the object.
    pub(super) async fn url(&self, key: &str, content_type: &str) -> BlobResult<String> {
        let options = SignedUrlOptions::new().with_query([("response-content-type", content_type)]);
        let object = self.prefix.parts().chain(Key::from(key).parts()).collect();
        let signed = self.bucket.signed_url_opts(Method::GET, &object, self.life, &options).await;
        Ok(signed.map_err(|error| refused(key, error))?.into())
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("life", &self.life).finish_non_exhaustive()
    }
}
