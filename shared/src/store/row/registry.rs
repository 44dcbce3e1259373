//! Rows of the registry.

use sqlx::FromRow;

use super::Place;
use crate::clock::Timestamp;
use crate::registry::{Content, ContentDigest, ModelFile, Registered};
use crate::store::StoreResult;

#[derive(FromRow)]
pub(in crate::store) struct ContentRow {
    digest: Vec<u8>,
    object: String,
    bytes: i64,
}

impl ContentRow {
    pub(in crate::store) fn content(self) -> StoreResult<Content> {
        let at = Place { table: "registry_contents", row: hex::encode(&self.digest) };
        Ok(Content {
            digest: digest(&at, self.digest)?,
            bytes: at.number("bytes", self.bytes)?,
            object: self.object,
        })
    }
}

#[derive(FromRow)]
pub(in crate::store) struct ModelFileRow {
    path: String,
    #[sqlx(flatten)]
    content: ContentRow,
}

impl ModelFileRow {
    pub(in crate::store) fn file(self) -> StoreResult<(ModelFile, Content)> {
        let content = self.content.content()?;
        let file = ModelFile { path: self.path, digest: content.digest, bytes: content.bytes };
        Ok((file, content))
    }
}

/// The columns of [`RegisteredRow`].
macro_rules! registered_columns {
    () => {
        "name, owner, digest, bytes, source, created_at, updated_at"
    };
}

pub(in crate::store) use registered_columns;

#[derive(FromRow)]
pub(in crate::store) struct RegisteredRow {
    name: String,
    owner: String,
    digest: Vec<u8>,
    bytes: i64,
    source: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl RegisteredRow {
    pub(in crate::store) fn registered(self) -> StoreResult<Registered> {
        let at = Place { table: "registry_models", row: format!("{}/{}", self.owner, self.name) };
        Ok(Registered {
            owner: Some(self.owner).filter(|owner| !owner.is_empty()),
            name: self.name,
            digest: digest(&at, self.digest)?,
            bytes: at.number("bytes", self.bytes)?,
            source: self.source,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn digest(at: &Place, bytes: Vec<u8>) -> StoreResult<ContentDigest> {
    bytes.try_into().map(ContentDigest).map_err(|_| at.corrupt("digest"))
}
