//! Refusals: what they say, and the table of codes and dialects they are said with.
//!
//! A handler returns a [`Problem`]; the body is written later, by `dress`, which knows the path and the request's id. What
//! went wrong inside is kept for the log line and never shown.

mod code;
mod surface;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_dialects::{Fault, Refusal, excerpt};
use forebay_shared::blobs::BlobError;
use forebay_shared::clock::Timestamp;
use forebay_shared::store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

pub use code::Code;
pub use surface::Surface;

/// As `Retry-After`, in milliseconds: OpenAI's clients look here first.
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// Why this request is refused.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    more: Box<More>,
}

/// What only some problems have; boxed, because a `Result` is as large as its error.
#[derive(Clone, Debug, Default)]
struct More {
    field: Option<String>,
    limit: Option<u64>,
    model: Option<String>,
    headers: HeaderMap,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem with one sentence about this very request: lower case, no full stop, no internals.
    pub fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: excerpt(detail.to_string()), more: Box::default() }
    }

    /// Where in the request the reason stands.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.more.field = Some(excerpt(field.into()));
        self
    }

    /// The field stands within this one.
    #[must_use]
    pub fn within(mut self, field: &str) -> Self {
        self.more.field = self.more.field.map(|inner| format!("{field}.{inner}"));
        self
    }

    /// The number that was exceeded.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.more.limit = Some(limit);
        self
    }

    /// The model that was asked for.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.more.model = Some(excerpt(model.to_owned()));
        self
    }

    /// When to come back; a second without this. Said in milliseconds too, for clients that read them.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        let millis = u64::try_from(after.as_micros().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        self.header(header::RETRY_AFTER, millis.div_ceil(1000).into()).header(RETRY_AFTER_MS, millis.into())
    }

    /// A header that the answer needs.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more.headers.insert(name, value);
        self
    }

    /// What went wrong inside: for the log line.
    #[must_use]
    pub fn because(mut self, source: Arc<dyn Error + Send + Sync>) -> Self {
        self.more.source = Some(source);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// One sentence about this very request.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// There is no such model.
    pub fn unknown_model(name: &str) -> Self {
        Self::new(Code::UnknownModel, format_args!("there is no model `{name}`")).at("model").model(name)
    }

    /// A defect of ours.
    pub fn internal(source: Arc<dyn Error + Send + Sync>) -> Self {
        Self::new(Code::Internal, "the request failed; the service's log says why").because(source)
    }

    /// A defect of ours that no error describes.
    pub fn defect(what: impl Into<String>) -> Self {
        Self::internal(Arc::from(Box::<dyn Error + Send + Sync>::from(what.into())))
    }

    /// The store's error, where several callers share it.
    pub fn store_shared(error: Arc<StoreError>) -> Self {
        match *error {
            StoreError::Unavailable(_) | StoreError::Schema { .. } => {
                Self::new(Code::Unavailable, "the database cannot be reached; ask again in a moment")
                    .because(error)
            }
            StoreError::Corrupt { .. } | StoreError::Conflict { .. } => Self::internal(error),
        }
    }

    /// What went wrong inside, with its causes, on one line.
    pub fn cause(&self) -> Option<String> {
        let source = self.more.source.as_deref()?;
        let mut line = source.to_string();
        let mut next = source.source();
        while let Some(cause) = next {
            line = format!("{line}: {cause}");
            next = cause.source();
        }
        Some(line)
    }

    /// The same in neutral words, for a dialect to write down.
    pub fn refusal(&self, at: Timestamp) -> Refusal<'_> {
        Refusal {
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            title: self.code.title(),
            message: &self.detail,
            field: self.more.field.as_deref(),
            model: self.more.model.as_deref(),
            at,
        }
    }

    /// The answer in the words of `surface`.
    pub fn render(&self, surface: Surface, request_id: &str, at: Timestamp) -> Response {
        let refusal = self.refusal(at);
        let (status, content_type, body) = match surface.error() {
            None => {
                let body = serde_json::to_vec(&self.body(request_id));
                (self.code.status().as_u16(), "application/problem+json", body)
            }
            Some(error) => {
                let (status, body) = error(&refusal);
                (status, "application/json", serde_json::to_vec(&body))
            }
        };
        let body = body.expect("strings and numbers can be written as JSON");
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.extend(self.more.headers.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let comes_back = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if comes_back && !headers.contains_key(header::RETRY_AFTER) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// The native body, where no HTTP answer carries it.
    pub fn document(&self, request_id: &str) -> String {
        serde_json::to_string(&self.body(request_id)).expect("strings and numbers can be written as JSON")
    }

    fn body<'a>(&'a self, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            kind: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            field: self.more.field.as_deref(),
            limit: self.more.limit,
            request_id,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

/// A problem on its way out; `dress` writes its body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let mut problem = Self::new(fault.code.into(), fault.message);
        problem.more.field = fault.field;
        problem.more.limit = fault.limit;
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::store_shared(Arc::new(error))
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Unavailable(_) => {
                Self::new(Code::Unavailable, "the object store cannot be reached; ask again in a moment")
                    .because(Arc::new(error))
            }
            BlobError::Missing(_) | BlobError::Unusable(..) => Self::internal(Arc::new(error)),
        }
    }
}

/// Why a request was refused (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// A reference that names the kind of problem; `/problems/` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// A few words that are the same for every problem of this kind.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// One sentence about this very request.
    detail: &'a str,
    /// The stable code: compare with this one.
    code: &'a str,
    /// Where in the request the reason stands: a field's path, a header, a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// The number that was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// The request's id, as in `x-request-id` and in the service's log.
    request_id: &'a str,
}
