//! The one guarded way out: every URL that a client names is fetched, or posted to, through here.
//!
//! Addresses are checked when connecting, after the name was resolved, so a name that changes its mind gains nothing;
//! redirects are followed by hand and checked again. URLs may carry secrets, so logs and errors name the host alone.

mod address;
mod download;
mod error;

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use tokio::time::Instant;
use url::{Host, Url};

pub use address::Guard;
pub use download::Download;
pub use error::FetchError;

use crate::config::{FetchConfig, Size};
use crate::retry_after::{date, retry_after};

/// Reads a URL and refuses what could never be fetched: other schemes, credentials, a literal address that is closed.
pub fn check_url(text: &str, guard: &Guard) -> Result<Url, FetchError> {
    let url = Url::parse(text).map_err(|_| FetchError::Unsupported("is malformed"))?;
    check(&url, guard)?;
    Ok(url)
}

/// What every outgoing request goes through: it follows nothing, and asks addresses that `guard` permits. A name that the
/// operator has `trusted` may lead to any.
#[expect(clippy::disallowed_methods, reason = "this is the door through which URLs are fetched")]
pub(crate) fn client(guard: &Guard, trusted: Option<String>) -> reqwest::Client {
    reqwest::Client::builder()
        // A proxy would connect in our stead, where no address is checked.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(GuardedResolver { guard: guard.clone(), trusted })
        .user_agent(concat!("forebay/", env!("CARGO_PKG_VERSION")))
        .build()
        .expect("a client without certificates of its own can always be built")
}

pub(crate) fn check(url: &Url, guard: &Guard) -> Result<(), FetchError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::Unsupported("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::Unsupported("must not carry a user name or password"));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err(FetchError::Unsupported("names no host")),
    };
    match literal {
        Some(address) if !guard.permits(address) => Err(FetchError::Refused { host: host(url) }),
        _ => Ok(()),
    }
}

/// What a post was answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status, whatever it is.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The first bytes of the body.
    pub answer: Bytes,
}

/// Fetches URLs within limits.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: reqwest::Client,
    guard: Guard,
    timeout: Duration,
    max_redirects: u32,
    max_bytes: u64,
}

impl Fetcher {
    /// A fetcher with the limits of `config`.
    pub fn new(config: &FetchConfig) -> Self {
        let guard = Guard::new(&config.allow);
        Self {
            client: client(&guard, None),
            guard,
            timeout: config.timeout.get(),
            max_redirects: config.max_redirects,
            max_bytes: config.max_bytes.bytes(),
        }
    }

    /// How large an answer may be.
    pub fn max_bytes(&self) -> Size {
        Size::new(self.max_bytes)
    }

    /// What addresses it may ask.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Fetches a picture.
    pub async fn picture(&self, url: &str) -> Result<Bytes, FetchError> {
        let url = check_url(url, &self.guard)?;
        let host = host(&url);
        tokio::time::timeout(self.timeout, self.get(url, is_picture))
            .await
            .map_err(|_| FetchError::Timeout { host, limit: self.timeout })?
    }

    /// Posts `body` once and follows nothing: a redirect is an answer like any other. Of the answer's body the first
    /// `keep` bytes are read.
    pub async fn post(
        &self,
        url: Url,
        headers: &[(&'static str, &str)],
        body: String,
        timeout: Duration,
        keep: usize,
    ) -> Result<Posted, FetchError> {
        check(&url, &self.guard)?;
        let mut request = self.client.post(url.clone()).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let late = Instant::now() + timeout;
        let answer = tokio::time::timeout_at(late, request.send())
            .await
            .map_err(|_| FetchError::Timeout { host: host(&url), limit: timeout })?
            .map_err(|error| unreachable(&url, error))?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Ok(Posted {
            status: answer.status().as_u16(),
            retry_after: retry_after.map(str::to_owned),
            answer: beginning(answer, keep, late).await,
        })
    }

    async fn get(&self, url: Url, wanted: fn(&str) -> bool) -> Result<Bytes, FetchError> {
        let (url, answer) = self.open(url).await?;
        let content_type =
            answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !wanted(content_type) {
            let content_type = content_type.chars().take(100).collect();
            return Err(FetchError::ContentType { host: host(&url), content_type });
        }
        self.body(&url, answer).await
    }

    /// Follows redirects to an answer that is no error; answers with where it came from, too.
    async fn open(&self, mut url: Url) -> Result<(Url, reqwest::Response), FetchError> {
        for _ in 0..=self.max_redirects {
            check(&url, &self.guard)?;
            let answer =
                self.client.get(url.clone()).send().await.map_err(|error| unreachable(&url, error))?;
            if answer.status().is_redirection() {
                url = next_hop(&url, &answer)?;
                continue;
            }
            if !answer.status().is_success() {
                return Err(refused(&url, &answer));
            }
            return Ok((url, answer));
        }
        Err(FetchError::Redirects { host: host(&url), limit: self.max_redirects })
    }

    async fn body(&self, url: &Url, mut answer: reqwest::Response) -> Result<Bytes, FetchError> {
        let too_large = || FetchError::TooLarge { host: host(url), limit: self.max_bytes };
        if answer.content_length().is_some_and(|length| length > self.max_bytes) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| unreachable(url, error))? {
            if (body.len() + piece.len()) as u64 > self.max_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

/// The first `keep` bytes of a body, as far as they come by `late`. The status has been said, so what breaks now breaks
/// nothing.
async fn beginning(mut answer: reqwest::Response, keep: usize, late: Instant) -> Bytes {
    let mut read = BytesMut::new();
    while read.len() < keep
        && let Ok(Ok(Some(piece))) = tokio::time::timeout_at(late, answer.chunk()).await
    {
        read.extend_from_slice(&piece[..piece.len().min(keep - read.len())]);
    }
    read.freeze()
}

/// A picture, or bytes that do not say what they are; their first bytes are looked at later.
fn is_picture(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.is_empty()
        || essence.starts_with("image/")
        || essence == "application/octet-stream"
        || essence == "binary/octet-stream"
}

pub(crate) fn next_hop(url: &Url, answer: &reqwest::Response) -> Result<Url, FetchError> {
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    location.and_then(|location| url.join(location).ok()).ok_or_else(|| refused(url, answer))
}

/// A date in `Retry-After` is read beside the server's own `Date`, so that no clock of ours matters.
pub(crate) fn refused(url: &Url, answer: &reqwest::Response) -> FetchError {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let sent = || header(DATE).and_then(date);
    let retry_after = header(RETRY_AFTER).and_then(|wish| retry_after(wish, sent));
    FetchError::Status { host: host(url), status: answer.status().as_u16(), retry_after }
}

pub(crate) fn unreachable(url: &Url, error: reqwest::Error) -> FetchError {
    let host = host(url);
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<Closed>() {
            return FetchError::Refused { host };
        }
        cause = inner.source();
    }
    FetchError::Unreachable { host, source: error.without_url() }
}

pub(crate) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Resolves names to the addresses that may be asked.
#[derive(Clone, Debug)]
struct GuardedResolver {
    guard: Guard,
    trusted: Option<String>,
}

/// All addresses of a name are closed.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address that may be asked")]
pub(crate) struct Closed;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        let is_trusted = self.trusted.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let open: Vec<_> =
                found.into_iter().filter(|address| is_trusted || guard.permits(address.ip())).collect();
            if open.is_empty() {
                return Err(Closed.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

impl FromStr for Guard {
    type Err = ipnet::AddrParseError;

    /// A guard that also permits the one network in `text`, for tests.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(&[text.parse()?]))
    }
}

#[cfg(test)]
mod tests;
