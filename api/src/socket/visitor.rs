//! Whoever opened a socket.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;

use crate::auth::{self, Caller};
use crate::problem::Problem;
use crate::rates::Meter;
use crate::state::App;

/// Whoever opened a socket.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The headers that a key stands in. It is looked at again for every message, so that a revocation takes effect.
    credentials: HeaderMap,
    /// What each message counts for, as a request does.
    meter: Meter,
}

impl Visitor {
    /// Whoever asked for a socket.
    pub fn of(caller: &Caller) -> Self {
        Self { credentials: auth::credentials(&caller.headers), meter: caller.meter.clone() }
    }

    /// Counts a message as a request, or says when to come back.
    pub async fn enter(&self, app: &App) -> Result<(), Problem> {
        self.meter.enter(app).await
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
        request.extensions_mut().insert(self.meter);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, length.into());
        request
    }
}
