//! Rows of kept answers.

use sqlx::FromRow;

use super::Place;
use crate::cache::CacheKey;
use crate::store::{KeptAt, StoreResult};

#[derive(FromRow)]
pub(in crate::store) struct CachedRow {
    owner: String,
    key: Vec<u8>,
    answer: Option<String>,
    object: Option<String>,
    offset: Option<i64>,
    length: Option<i64>,
}

impl CachedRow {
    pub(in crate::store) fn kept(self) -> StoreResult<((String, CacheKey), KeptAt)> {
        let at = Place { table: "cached", row: hex::encode(&self.key) };
        let kept = match (self.answer, self.object, self.offset, self.length) {
            (Some(answer), None, None, None) => KeptAt::Row(answer),
            (None, Some(key), Some(offset), Some(length)) => KeptAt::Object {
                key,
                offset: at.number("offset", offset)?,
                length: at.number("length", length)?,
            },
            _ => return Err(at.corrupt("answer")),
        };
        Ok(((self.owner, cache_key(self.key)?), kept))
    }
}

/// A key as it stands in a column.
pub(in crate::store) fn cache_key(key: Vec<u8>) -> StoreResult<CacheKey> {
    let bytes = key.try_into();
    bytes
        .map(CacheKey)
        .map_err(|key: Vec<u8>| Place { table: "cached", row: hex::encode(key) }.corrupt("key"))
}
