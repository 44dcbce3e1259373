//! What a hub is asked: which files a revision has, and their bytes from some place on.

use std::time::Duration;

use bytes::BytesMut;
use reqwest::Response;
use reqwest::header::RANGE;
use serde::Deserialize;
use url::Url;

use super::patience::Patience;
use super::stated::MANIFEST;
use super::{Expected, HubError, Listed, Reference, Stated, Watch};
use crate::config::{HubConfig, Secret};
use crate::fetch::{self, FetchError, Guard};

/// Hops from a hub to where a file is.
const HOPS: u32 = 5;
/// Bytes of what is read at once: a repository's list has a hundred for each of more files than any model has.
const LONGEST: usize = 16 << 20;

/// A hub.
#[derive(Clone, Debug)]
pub struct Hub {
    client: reqwest::Client,
    guard: Guard,
    endpoint: Url,
    token: Secret,
    /// Whether there is a token that is not for this pull.
    pub(super) withholds: bool,
    pub(super) timeout: Duration,
    /// Files that are fetched at once.
    pub(super) files: usize,
}

/// A repository at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The repository.
    pub repository: String,
    /// The commit, which will have the same files for ever.
    pub commit: String,
    /// Its files.
    pub listed: Vec<Listed>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    sha: Option<String>,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    blob_id: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    #[serde(default)]
    size: Option<u64>,
}

impl Hub {
    /// The hub that the configuration names. Where it redirects to must be permitted by `guard`; it itself need not.
    pub fn new(config: &HubConfig, guard: Guard) -> Result<Self, FetchError> {
        let endpoint =
            Url::parse(&config.endpoint).map_err(|_| FetchError::Unsupported("of the hub is malformed"))?;
        Ok(Self {
            client: fetch::client(&guard, endpoint.host_str().map(str::to_owned)),
            guard,
            endpoint,
            token: config.token.clone(),
            withholds: false,
            timeout: config.timeout.get(),
            files: config.files,
        })
    }

    /// The same hub, to whom we are nobody.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self { withholds: !self.token.is_empty(), token: Secret::new(""), ..self.clone() }
    }

    /// What people call it: its host, and its port if that is not the usual one.
    pub fn host(&self) -> String {
        let host = self.endpoint.host_str().unwrap_or_default();
        self.endpoint.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Which files there are.
    pub async fn look(&self, reference: &Reference, watch: &dyn Watch) -> Result<Snapshot, HubError> {
        let repository = reference.repository.split('/');
        let path = ["api", "models"].into_iter().chain(repository).chain(["revision", reference.revision()]);
        let mut url = self.url(path);
        url.set_query(Some("blobs=true"));
        let answer = self.ask(url, None, watch).await?;
        if !answer.status().is_success() {
            return Err(self.refused(&answer, reference));
        }
        let told: Told = serde_json::from_slice(&self.body(answer, "its list of files").await?)
            .map_err(|error| self.strange(format!("its list of files cannot be read: {error}")))?;
        let commit = told.sha.unwrap_or_else(|| reference.revision().to_owned());
        let is_commit = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-', '/'].contains(&c);
        if commit.is_empty() || commit.len() > 100 || !commit.chars().all(is_commit) {
            return Err(self.strange("its commit is none".to_owned()));
        }
        let listed =
            told.siblings.into_iter().map(|sibling| self.listed(sibling)).collect::<Result<_, _>>()?;
        Ok(Snapshot { repository: reference.repository.clone(), commit, listed })
    }

    /// What the manifest says, if the repository has one; it counts when it comes again, with its digest.
    pub async fn stated(&self, snapshot: &Snapshot, watch: &dyn Watch) -> Result<Option<Stated>, HubError> {
        if !snapshot.listed.iter().any(|file| file.path == MANIFEST) {
            return Ok(None);
        }
        let answer = self.open(snapshot, (MANIFEST, 0), watch).await?;
        let manifest = self.body(answer, "the manifest").await?;
        Ok(Some(Stated::read(&String::from_utf8_lossy(&manifest))))
    }

    fn listed(&self, sibling: Sibling) -> Result<Listed, HubError> {
        let Sibling { rfilename: path, size, blob_id, lfs } = sibling;
        let size = lfs.as_ref().and_then(|lfs| lfs.size).or(size);
        let bytes = size.ok_or_else(|| self.strange(format!("it does not tell the size of `{path}`")))?;
        let expected = match lfs {
            Some(lfs) => {
                let digest = lfs.sha256.strip_prefix("sha256:").unwrap_or(&lfs.sha256);
                let digest = digest_of(digest)
                    .ok_or_else(|| self.strange(format!("the digest of `{path}` is none")))?;
                Some(Expected::Sha256(digest))
            }
            None => blob_id.as_deref().and_then(digest_of).map(Expected::Git),
        };
        Ok(Listed { path, bytes, expected })
    }

    /// A file's bytes from `from` on; from its beginning, if the answer says so.
    pub(super) async fn open(
        &self,
        snapshot: &Snapshot,
        (path, from): (&str, u64),
        watch: &dyn Watch,
    ) -> Result<Response, HubError> {
        let Snapshot { repository, commit, .. } = snapshot;
        let segments = repository.split('/').chain(["resolve", commit]).chain(path.split('/'));
        let answer = self.ask(self.url(segments), (from > 0).then_some(from), watch).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.file_refused(&answer, snapshot, path))
    }

    /// Whether the URL is the hub's own: these alone get the token.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.origin()
    }

    /// Whether it is shown a token.
    pub fn has_token(&self) -> bool {
        !self.token.is_empty()
    }

    fn url<'a>(&self, segments: impl Iterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Asks as often as it is worth the wait.
    async fn ask(&self, url: Url, from: Option<u64>, watch: &dyn Watch) -> Result<Response, HubError> {
        let mut patience = Patience::default();
        loop {
            let answer = self.get(url.clone(), from).await?;
            if let Some(answer) = patience.with(answer, watch).await? {
                return Ok(answer);
            }
        }
    }

    /// Follows redirects by hand: the token is for the hub alone.
    async fn get(&self, mut url: Url, from: Option<u64>) -> Result<Response, HubError> {
        for _ in 0..=HOPS {
            let mut request = self.client.get(url.clone());
            if self.is_own(&url) {
                if self.has_token() {
                    request = request.bearer_auth(self.token.expose());
                }
            } else {
                fetch::check(&url, &self.guard)?;
            }
            if let Some(from) = from {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            let late = || FetchError::Timeout { host: fetch::host(&url), limit: self.timeout };
            let answer = tokio::time::timeout(self.timeout, request.send()).await.map_err(|_| late())?;
            let answer = answer.map_err(|error| fetch::unreachable(&url, error))?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            url = fetch::next_hop(&url, &answer)?;
        }
        Err(FetchError::Redirects { host: fetch::host(&url), limit: HOPS }.into())
    }

    async fn body(&self, mut answer: Response, what: &str) -> Result<BytesMut, HubError> {
        let url = answer.url().clone();
        let mut body = BytesMut::new();
        loop {
            let late = || FetchError::Timeout { host: fetch::host(&url), limit: self.timeout };
            let piece = tokio::time::timeout(self.timeout, answer.chunk()).await.map_err(|_| late())?;
            let Some(piece) = piece.map_err(|error| fetch::unreachable(&url, error))? else {
                return Ok(body);
            };
            if body.len() + piece.len() > LONGEST {
                return Err(self.strange(format!("{what} has more than {LONGEST} bytes")));
            }
            body.extend_from_slice(&piece);
        }
    }

    pub(super) fn strange(&self, what: String) -> HubError {
        HubError::Strange { host: self.host(), what }
    }
}

fn digest_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text).ok()?.try_into().ok()
}
