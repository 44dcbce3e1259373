//! A large answer, piece by piece.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::{FetchError, Fetcher, check_url, host, unreachable};
use crate::config::Size;

/// An answer that is read piece by piece, up to a limit.
#[derive(Debug)]
pub struct Download {
    url: Url,
    answer: reqwest::Response,
    limit: u64,
    read: u64,
    silence: Duration,
}

impl Fetcher {
    /// Begins to fetch whatever the URL leads to, up to `limit` bytes. A server may be silent for as long as a picture may
    /// take; how long the whole may take is the caller's to say.
    pub async fn download(&self, url: &str, limit: Size) -> Result<Download, FetchError> {
        let url = check_url(url, &self.guard)?;
        let late = FetchError::Timeout { host: host(&url), limit: self.timeout };
        let opened = tokio::time::timeout(self.timeout, self.open(url)).await;
        let (url, answer) = opened.map_err(|_| late)??;
        let limit = limit.bytes();
        if answer.content_length().is_some_and(|length| length > limit) {
            return Err(FetchError::TooLarge { host: host(&url), limit });
        }
        Ok(Download { url, answer, limit, read: 0, silence: self.timeout })
    }
}

impl Download {
    /// The last word of the URL's path, which is what a file is called.
    pub fn name(&self) -> Option<&str> {
        self.url.path_segments()?.next_back().filter(|name| !name.is_empty())
    }

    /// The next piece; none at the end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, FetchError> {
        let piece = tokio::time::timeout(self.silence, self.answer.chunk()).await;
        let piece = piece
            .map_err(|_| FetchError::Timeout { host: host(&self.url), limit: self.silence })?
            .map_err(|error| unreachable(&self.url, error))?;
        self.read += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.read > self.limit {
            return Err(FetchError::TooLarge { host: host(&self.url), limit: self.limit });
        }
        Ok(piece)
    }
}
