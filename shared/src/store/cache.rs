//! Answers that are kept for whoever asks the same again.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;
use crate::cache::CacheKey;

/// Where a kept answer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptAt {
    /// In the row.
    Row(String),
    /// In an object.
    Object {
        /// Its key in the blob store.
        key: String,
        /// The answer's first byte.
        offset: u64,
        /// How many it has.
        length: u64,
    },
}

impl KeptAt {
    /// What the answer takes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Row(answer) => answer.len() as u64,
            Self::Object { length, .. } => *length,
        }
    }
}

/// An answer to be kept. What it names is stored already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKept {
    /// Whose it is.
    pub owner: String,
    /// What it is found under.
    pub key: CacheKey,
    /// Where it stands.
    pub at: KeptAt,
}

/// Kept answers.
#[async_trait]
pub trait Cache: Send + Sync {
    /// Where the answers stand that are kept for these owners under these keys, as far as there are any, in no order.
    async fn cached(&self, asked: &[(String, CacheKey)]) -> StoreResult<Vec<((String, CacheKey), KeptAt)>>;

    /// Keeps these answers, each under its key once, for so long. Answers with the keys under which nothing was kept
    /// before; objects of others are the caller's to remove.
    async fn keep_cached(&self, answers: &[NewKept], life: Duration) -> StoreResult<Vec<CacheKey>>;

    /// Forgets answers whose time is over, so many at most; their objects become garbage. Answers how many those were.
    async fn expire_cached(&self, limit: u32) -> StoreResult<u64>;

    /// Forgets the oldest answers while all together take more than `most` bytes, so many at most.
    async fn trim_cached(&self, most: u64, limit: u32) -> StoreResult<u64>;

    /// Forgets an owner's answers, so many at most.
    async fn forget_cached(&self, owner: &str, limit: u32) -> StoreResult<u64>;

    /// Of these objects, those that some kept answer stands in.
    async fn named_cached(&self, objects: &[String]) -> StoreResult<Vec<String>>;
}
