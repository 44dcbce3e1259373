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
        signed_urls: false,
        signed_url_life: Span::new(Duration::from_mins(5)),
        public_endpoint: String::new(),
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

    /// Asks as somebody does who has no key: the status, the media type and the body.
    async fn read(url: &str) -> (u16, Option<String>, bytes::Bytes) {
        let answer = reqwest::get(url).await.unwrap();
        let content_type =
            answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), content_type, answer.bytes().await.unwrap())
    }

    #[tokio::test]
    async fn a_signed_url_reads_one_object_as_it_is_said_and_ends() {
        use std::time::Duration;

        use crate::config::{BlobConfig, Span};

        let plain = crate::testing::Services::running().blobs();
        let open = |life| {
            let signed_url_life = Span::new(life);
            let config = BlobConfig { signed_urls: true, signed_url_life, ..plain.clone() };
            crate::blobs::Blobs::open(&config, std::path::Path::new("unused")).unwrap()
        };
        let blobs = open(Duration::from_mins(1));
        for key in ["media/a/1", "media/a/2"] {
            blobs.put(key, bytes::Bytes::copy_from_slice(key.as_bytes())).await.unwrap();
        }
        let url = blobs.signed_url("media/a/1", "image/png").await.unwrap().unwrap();
        let (status, content_type, body) = read(&url).await;
        assert_eq!((status, content_type.as_deref(), &body[..]), (200, Some("image/png"), &b"media/a/1"[..]));
        for other in [url.replace("a/1?", "a/2?"), url.replace("image%2Fpng", "text%2Fhtml")] {
            assert_ne!(url, other);
            assert_eq!(read(&other).await.0, 403, "what is signed cannot be changed");
        }
        assert!(!format!("{blobs:?}").contains(plain.secret_access_key.expose()));

        let unsigned = crate::blobs::Blobs::open(&plain, std::path::Path::new("unused")).unwrap();
        assert_eq!(unsigned.signed_url("media/a/1", "image/png").await.unwrap(), None);
    }
}

#[test]
fn an_unusable_url_is_refused_when_opened() {
    let config = BlobConfig { url: "ftp://somewhere".into(), ..nowhere() };
    assert!(matches!(Blobs::open(&config, Path::new("unused")), Err(BlobError::Unusable(..))));
}

#[tokio::test]
async fn what_a_dead_writer_left_is_removed_when_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&nowhere(), folder.path()).unwrap();
    let files = || {
        let folders = [folder.path().to_owned(), folder.path().join("models/a")];
        let mut names: Vec<String> = folders
            .iter()
            .flat_map(|folder| std::fs::read_dir(folder).unwrap())
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let mut writer = blobs.writer("models/a/large");
    for _ in 0..3 {
        writer.write(Bytes::from(vec![7; 6_000_000])).await.unwrap();
    }
    // It dies without a word.
    std::mem::forget(writer);
    blobs.put("models/a/whole", "whole".into()).await.unwrap();
    blobs.put("odd#1", "odd".into()).await.unwrap();
    let left = ["large#1", "odd%231", "whole"];
    assert_eq!(files(), left, "the driver keeps the sign to itself");
    let hour = Duration::from_hours(1);
    let now = crate::clock::Clock::now(&crate::clock::SystemClock);
    assert_eq!(blobs.remove_unfinished(now.minus(hour)).await.unwrap(), 0, "somebody may still write it");
    assert_eq!(files(), left);
    assert_eq!(blobs.remove_unfinished(now.plus(hour)).await.unwrap(), 1);
    assert_eq!(files(), ["odd%231", "whole"]);
    assert_eq!(blobs.get("models/a/whole").await.unwrap(), "whole");
}

/// An S3 server with one object, which takes it three times as long as a request may, and hangs up in its middle.
async fn slow_server(object: &'static [u8], piece: usize, pause: Duration) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async move {
        for lives in [object.len() / 2, object.len()] {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(connection.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap().to_lowercase();
            let range = request.split("range: bytes=").nth(1).and_then(|rest| rest.split('-').next());
            let from: usize = range.unwrap().parse().unwrap();
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nLast-Modified: Sun, 01 Jun 2025 00:00:00 GMT\r\n\
                 Content-Range: bytes {from}-{}/{}\r\nContent-Length: {}\r\n\r\n",
                object.len() - 1,
                object.len(),
                object.len() - from
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            for bytes in object[from..lives].chunks(piece) {
                connection.write_all(bytes).await.unwrap();
                tokio::time::sleep(pause).await;
            }
        }
    };
    drop(crate::shutdown::Tasks::new().spawn("a slow server", serving));
    format!("http://{address}")
}

#[tokio::test]
async fn a_large_object_may_take_longer_than_a_request() {
    static OBJECT: [u8; 3000] = [7; 3000];
    let (timeout, pause) = (Duration::from_millis(400), Duration::from_millis(40));
    let config = BlobConfig {
        url: "s3://bucket".into(),
        endpoint: slow_server(&OBJECT, 100, pause).await,
        access_key_id: "a".into(),
        secret_access_key: Secret::new("b"),
        allow_http: true,
        timeout: Span::new(timeout),
        ..nowhere()
    };
    let blobs = Blobs::open(&config, Path::new("unused")).unwrap();
    let began = std::time::Instant::now();
    let parts: Vec<Bytes> = blobs.stream("large", 0..3000).await.unwrap().try_collect().await.unwrap();
    assert_eq!(parts.concat(), OBJECT);
    assert!(began.elapsed() > 2 * timeout, "it took longer than a request may");
}
