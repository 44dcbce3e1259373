use std::time::Duration;

use super::*;
use crate::config::{Secret, Span};

fn nowhere() -> BlobConfig {
    BlobConfig {
        url: String::new(),
        endpoint: String::new(),
        region: "us-east-1".to_owned(),
        access_key_id: String::new(),
        secret_access_key: Secret::new(""),
        allow_http: false,
        timeout: Span::new(Duration::from_secs(5)),
    }
}

mod local {
    fn blobs() -> (crate::blobs::Blobs, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (crate::blobs::Blobs::open(&super::nowhere(), folder.path()).unwrap(), folder)
    }

    crate::blobs_conformance!(super::blobs());
}

mod memory {
    crate::blobs_conformance!((crate::blobs::Blobs::in_memory(), ()));
}

#[cfg(feature = "services")]
mod s3 {
    fn blobs() -> (crate::blobs::Blobs, ()) {
        let config = crate::testing::Services::running().blobs();
        (crate::blobs::Blobs::open(&config, std::path::Path::new("unused")).unwrap(), ())
    }

    crate::blobs_conformance!(super::blobs());
}

#[test]
fn an_unusable_url_is_refused_when_opened() {
    let config = BlobConfig { url: "ftp://somewhere".into(), ..nowhere() };
    assert!(matches!(Blobs::open(&config, Path::new("unused")), Err(BlobError::Unusable(..))));
}
