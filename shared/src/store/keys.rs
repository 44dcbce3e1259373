//! API keys, of which only hashes are stored.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::id::KeyId;
use crate::job::Cost;
use crate::rate::Rate;
use crate::words::words;

/// What a key permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Submit, cancel, delete.
    Write,
    /// Read jobs, results and models.
    Read,
    /// See metrics.
    Metrics,
    /// Stop, let go and empty the queues of models, which are everybody's.
    Admin,
}

words!(Scope, "scope", Write = "write", Read = "read", Metrics = "metrics", Admin = "admin");

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Write, Self::Read, Self::Metrics, Self::Admin];
}

/// What a key may have at once, and how much in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// How many of its jobs may be with the broker or run; more wait in the database.
    pub max_running: Option<u32>,
    /// What its queued jobs may cost together; more are refused.
    pub max_queued: Option<Cost>,
    /// Its requests; without, as the configuration says for keys.
    pub requests: Option<Rate>,
    /// What its submissions may cost; without, as the configuration says for keys.
    pub cost: Option<Rate>,
}

/// A key about to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Its public id.
    pub id: KeyId,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Whose jobs it reaches.
    pub owner: String,
    /// What people call it.
    pub name: String,
    /// What it permits.
    pub scopes: Vec<Scope>,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// What it may have at once.
    pub limits: KeyLimits,
}

/// A key as its row tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public id.
    pub id: KeyId,
    /// Whose jobs it reaches.
    pub owner: String,
    /// What people call it.
    pub name: String,
    /// What it permits.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Option<Timestamp>,
    /// Since when it no longer does.
    pub revoked_at: Option<Timestamp>,
    /// What it may have at once.
    pub limits: KeyLimits,
}

impl ApiKey {
    /// Whether it opens anything at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Stores a key.
    async fn create_key(&self, key: &NewKey) -> StoreResult<()>;

    /// The key with this hash, valid or not.
    async fn key_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<ApiKey>>;

    /// All keys, oldest first.
    async fn keys(&self) -> StoreResult<Vec<ApiKey>>;

    /// Ends a key's validity. `false`: there is no such key.
    async fn revoke_key(&self, id: KeyId) -> StoreResult<bool>;
}
