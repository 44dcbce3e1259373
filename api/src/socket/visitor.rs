//! Whoever opened a socket.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;

use crate::auth;

/// Whoever opened a socket.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The headers that a key stands in. It is looked at again for every message, so that a revocation takes effect.
    credentials: HeaderMap,
}

impl Visitor {
    /// Whoever sent these headers.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { credentials: auth::credentials(headers) }
    }

    /// The headers that a key stands in.
    pub fn credentials(&self) -> &HeaderMap {
        &self.credentials
    }

    /// A message as the request that it stands for, of JSON.
    pub fn request(self, message: Bytes) -> Request {
        let length = message.len();
        let mut request = Request::new(Body::from(message));
        *request.headers_mut() = self.credentials;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, length.into());
        request
    }
}
