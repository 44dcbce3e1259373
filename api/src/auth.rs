//! Who asks, and what they may do.
//!
//! A handler says what it needs by what it takes: [`Reader`], [`Writer`] or [`Observer`]. It cannot reach anybody's jobs
//! without, since every method of the store on jobs asks for an owner.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use forebay_shared::apikey;
use forebay_shared::clock::Timestamp;
use forebay_shared::id::KeyId;
use forebay_shared::store::{ApiKey, KeyLimits, Scope, StoreResult};

use crate::problem::{Code, Problem};
use crate::rates::Meter;
use crate::state::{Access, App};

/// Whose everything is while no keys are asked for.
pub const DEFAULT_OWNER: &str = "default";

/// The other header that a key may stand in.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// How long a key that was not found is not looked for again: somebody may be about to make it.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Keys that are remembered: about 3 MB.
const REMEMBERED: usize = 10_000;
/// The longest key that is looked for; ours have 46 characters.
const LONGEST: usize = 256;

/// Somebody who may read the owner's jobs.
#[derive(Clone, Debug)]
pub struct Reader(pub String);

/// Somebody who may submit, cancel and delete the owner's jobs.
#[derive(Clone, Debug)]
pub struct Writer(pub String);

/// A [`Writer`], and the key that is used: what a new job needs to know of who submits it.
#[derive(Clone, Debug)]
pub struct Submitter {
    /// Whose job it will be.
    pub owner: String,
    /// The key, if keys are asked for.
    pub key: Option<KeyId>,
    /// Whether the key has the scope `admin`, or no keys are asked for.
    pub is_admin: bool,
    /// What its cost counts for.
    pub meter: Meter,
}

/// Somebody who may bring models, give them other names and delete them.
#[derive(Clone, Debug)]
pub struct Registrant {
    /// Whose those models are; `None`, while no keys are asked for: everybody's.
    pub owner: Option<String>,
    /// Whether everybody's models may be deleted too.
    pub is_admin: bool,
}

/// Somebody who may read or write, on a connection that stays.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose everything is.
    pub owner: String,
    /// The request's headers; a key that a browser could only name among the subprotocols stands in `Authorization`.
    pub headers: HeaderMap,
    /// What its questions count for.
    pub meter: Meter,
}

/// The subprotocol that is spoken.
pub const SUBPROTOCOL: &str = "forebay.v1";
/// What a key is preceded by among the subprotocols: the one header that a page can fill for a WebSocket. A URL would stand
/// in logs and histories.
const KEY_PROTOCOL: &str = "forebay.key.";

/// Somebody who may see metrics.
#[derive(Clone, Copy, Debug)]
pub struct Observer;

/// Somebody who may order about the queues of models, which are everybody's.
#[derive(Clone, Copy, Debug)]
pub struct Admin;

impl FromRequestParts<App> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        owner(app, &parts.headers, Scope::Read).await.map(Self)
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        owner(app, &parts.headers, Scope::Write).await.map(Self)
    }
}

impl FromRequestParts<App> for Submitter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = key(app, &parts.headers, Some(Scope::Write)).await?;
        let Ok(meter) = Meter::from_request_parts(parts, app).await;
        let is_admin = rules(key.as_ref());
        let (owner, key) =
            key.map_or_else(|| (DEFAULT_OWNER.to_owned(), None), |key| (key.owner, Some(key.id)));
        Ok(Self { owner, key, is_admin, meter })
    }
}

impl FromRequestParts<App> for Registrant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = key(app, &parts.headers, Some(Scope::Write)).await?;
        let is_admin = rules(key.as_ref());
        Ok(Self { owner: key.map(|key| key.owner), is_admin })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let mut headers = parts.headers.clone();
        if presented(&headers).is_none()
            && let Some(key) = among_protocols(&headers)
        {
            headers.insert(header::AUTHORIZATION, key);
        }
        // Who may only write can submit all the same; each message is looked at again.
        let owner = match owner(app, &headers, Scope::Read).await {
            Err(problem) if problem.code() == Code::Forbidden => owner(app, &headers, Scope::Write).await?,
            owner => owner?,
        };
        let Ok(meter) = Meter::from_request_parts(parts, app).await;
        Ok(Self { owner, headers, meter })
    }
}

/// A key among the subprotocols that a client offers.
fn among_protocols(headers: &HeaderMap) -> Option<HeaderValue> {
    let offered =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let key =
        offered.flat_map(|list| list.split(',')).find_map(|one| one.trim().strip_prefix(KEY_PROTOCOL))?;
    HeaderValue::try_from(format!("Bearer {key}")).ok()
}

/// The headers that a key stands in.
pub fn credentials(headers: &HeaderMap) -> HeaderMap {
    let held = [header::AUTHORIZATION, API_KEY];
    held.into_iter().filter_map(|name| Some((name.clone(), headers.get(&name)?.clone()))).collect()
}

impl FromRequestParts<App> for Observer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        owner(app, &parts.headers, Scope::Metrics).await.map(|_| Self)
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        owner(app, &parts.headers, Scope::Admin).await.map(|_| Self)
    }
}

/// Whose jobs the request is about, whatever its key permits: the handler has asked for that already.
pub async fn whose(app: &App, headers: &HeaderMap) -> Result<String, Problem> {
    let key = key(app, headers, None).await?;
    Ok(key.map_or_else(|| DEFAULT_OWNER.to_owned(), |key| key.owner))
}

/// The request's key, if it is a valid one, wherever it stands. Whoever needs one says what is wrong without.
pub async fn recognised(app: &App, headers: &HeaderMap) -> Option<ApiKey> {
    let headers = held(headers)?;
    key(app, &headers, None).await.ok().flatten()
}

/// Whether the request bears a key that was not found valid here, so that whoever wants to know it asks the database.
pub fn is_strange(app: &App, headers: &HeaderMap) -> bool {
    app.parts.access == Access::Keys
        && held(headers).is_some_and(|headers| {
            presented(&headers).is_some_and(|key| !app.keyring.has_met(&apikey::hash(key)))
        })
}

/// The headers with the request's key, wherever it stands.
fn held(headers: &HeaderMap) -> Option<Cow<'_, HeaderMap>> {
    if presented(headers).is_some() {
        return Some(Cow::Borrowed(headers));
    }
    Some(Cow::Owned(HeaderMap::from_iter([(header::AUTHORIZATION, among_protocols(headers)?)])))
}

/// The owner that the request's key belongs to, if the key permits `scope`.
async fn owner(app: &App, headers: &HeaderMap, scope: Scope) -> Result<String, Problem> {
    Ok(key(app, headers, Some(scope)).await?.map_or_else(|| DEFAULT_OWNER.to_owned(), |key| key.owner))
}

/// Whether whoever has this key runs the service; as everybody does while no keys are asked for.
fn rules(key: Option<&ApiKey>) -> bool {
    key.is_none_or(|key| key.scopes.contains(&Scope::Admin))
}

/// The request's key, if it permits `scope` or nothing is asked of it; none while no keys are asked for.
async fn key(app: &App, headers: &HeaderMap, scope: Option<Scope>) -> Result<Option<ApiKey>, Problem> {
    if app.parts.access != Access::Keys {
        return Ok(None);
    }
    let presented = presented(headers).ok_or_else(|| {
        unauthorized("no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`")
    })?;
    let store = &app.parts.store;
    let hash = apikey::hash(presented);
    let key = app.keyring.find(hash, app.parts.clock.now(), || store.key_by_hash(&hash)).await?;
    match key {
        Some(key) if !key.is_valid(store.now()) => {
            Err(unauthorized("the API key has expired or was revoked"))
        }
        Some(key) => match scope.filter(|scope| !key.scopes.contains(scope)) {
            Some(scope) => {
                Err(Problem::new(Code::Forbidden, format_args!("the API key lacks the scope `{scope}`")))
            }
            None => Ok(Some(key)),
        },
        None => Err(unauthorized("the API key is not known")),
    }
}

/// The key that the request presents, if any. `Authorization` stands before `X-API-Key`.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    let key = bearer.or_else(|| headers.get(API_KEY)?.to_str().ok());
    key.filter(|key| (1..=LONGEST).contains(&key.len()))
}

fn unauthorized(detail: &'static str) -> Problem {
    Problem::new(Code::Unauthorized, detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// Keys that were seen lately, so that a busy client costs one statement every few seconds.
#[derive(Debug)]
pub struct Keyring {
    seen: Mutex<HashMap<[u8; 32], Seen>>,
    /// Limits of keys that have any.
    limits: Mutex<HashMap<KeyId, KeyLimits>>,
    known_for: Duration,
}

/// What the store said of a key.
#[derive(Clone, Debug)]
struct Seen {
    at: Timestamp,
    key: Option<ApiKey>,
}

impl Keyring {
    /// An empty ring; `known_for` is how late a revocation may take effect.
    pub fn new(known_for: Duration) -> Self {
        Self { seen: Mutex::default(), limits: Mutex::default(), known_for }
    }

    /// The key with this hash, as of a moment ago.
    async fn find<F>(
        &self,
        hash: [u8; 32],
        now: Timestamp,
        look: impl FnOnce() -> F,
    ) -> StoreResult<Option<ApiKey>>
    where
        F: Future<Output = StoreResult<Option<ApiKey>>>,
    {
        if let Some(seen) = self.remembered(&hash, now) {
            return Ok(seen.key);
        }
        let key = look().await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            // A flood of made-up keys costs the others one more statement each, and no memory.
            seen.clear();
        }
        seen.insert(hash, Seen { at: now, key: key.clone() });
        drop(seen);
        if let Some(key) = key.as_ref().filter(|key| key.limits != KeyLimits::default()) {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits.insert(key.id, key.limits);
        }
        Ok(key)
    }

    /// What a key that was seen here may have at once.
    pub fn limits(&self, key: KeyId) -> KeyLimits {
        let limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.get(&key).copied().unwrap_or_default()
    }

    /// Whether a key with this hash was found valid here, however long ago.
    fn has_met(&self, hash: &[u8; 32]) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(hash).is_some_and(|seen| seen.key.is_some())
    }

    fn remembered(&self, hash: &[u8; 32], now: Timestamp) -> Option<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(hash)?.clone();
        let good_for = if seen.key.is_some() { self.known_for } else { UNKNOWN_FOR };
        // A clock that was set back must not keep a revoked key alive.
        (seen.at <= now && now < seen.at.plus(good_for)).then_some(seen)
    }
}
