//! Bodies to send: pictures, multipart.

use std::io::Cursor;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use image::{DynamicImage, ImageFormat};

use crate::app::{Answer, TestApp};

/// A picture of this size.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(width, height).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A picture that decodes as far as anybody looks at submission, with bytes behind its end.
pub fn padded_png(bytes: usize) -> Vec<u8> {
    let mut picture = png(3, 2);
    picture.resize(bytes, 7);
    picture
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

const BOUNDARY: &str = "a-boundary";

/// A part's name, file name or none, and content.
pub type Part<'a> = (&'a str, Option<&'a str>, Vec<u8>);

/// A multipart body, in pieces of 64 KiB.
pub fn multipart(parts: &[Part<'_>]) -> (String, Body) {
    let mut whole = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        whole.extend_from_slice(head.as_bytes());
        whole.extend_from_slice(content);
        whole.extend_from_slice(b"\r\n");
    }
    whole.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let pieces: Vec<Result<Bytes, std::io::Error>> =
        whole.chunks(64 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    (content_type(), Body::from_stream(futures::stream::iter(pieces)))
}

pub fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// Sends parts to `POST /v1/jobs`.
pub async fn upload(app: &TestApp, parts: &[Part<'_>]) -> Answer {
    let (content_type, body) = multipart(parts);
    app.post("/v1/jobs").header("content-type", &content_type).body(body).send().await
}
