//! The registry: models in object storage, by name.
//!
//! A model is a list of paths, each with the SHA-256 of a file; files of equal bytes are stored once, however many models have
//! them. A name is everybody's or one owner's, and then nobody else's. What is done with models is done by
//! [`Registrar`], whoever asks; nothing here reads or runs a model.

#[cfg(feature = "seams")]
mod assemble;
#[cfg(feature = "seams")]
mod copy;
#[cfg(feature = "seams")]
mod fetch;
#[cfg(feature = "seams")]
mod folder;
#[cfg(feature = "seams")]
mod import;
mod name;
mod pull;
#[cfg(feature = "seams")]
mod receive;
#[cfg(feature = "seams")]
mod room;
#[cfg(feature = "seams")]
mod scratch;
#[cfg(feature = "seams")]
mod unpack;

use std::fmt;
#[cfg(feature = "seams")]
use std::path::{Path, PathBuf};
use std::str::FromStr;
#[cfg(feature = "seams")]
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::model::ModelCard;
#[cfg(feature = "seams")]
use crate::{blobs::Blobs, id::Ids, store::Store};
#[cfg(feature = "seams")]
pub use assemble::Assembly;
#[cfg(feature = "seams")]
pub use copy::CopyError;
#[cfg(feature = "seams")]
pub use fetch::{FetchError, Target, fetch};
#[cfg(feature = "seams")]
pub use import::{Import, ImportError, Imported, Progress, Silent};
pub use name::{LONGEST_NAME, NameError, PathError, called, check_name, check_path};
pub use pull::{NewPull, PULL};
#[cfg(feature = "seams")]
pub use receive::Arrival;
#[cfg(feature = "seams")]
pub use room::{Promised, Room, check as check_room};
#[cfg(feature = "seams")]
pub use scratch::Scratch;
#[cfg(feature = "seams")]
pub use unpack::{UnpackError, unpack};

/// The folder of objects that hold files of models.
pub const FOLDER: &str = "models";

/// The SHA-256 of a file's bytes, or of a model's list of files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentDigest(pub [u8; 32]);

impl ContentDigest {
    /// What a model with these files is: the SHA-256 of their paths and digests.
    pub fn of_files<'a>(files: impl IntoIterator<Item = &'a ModelFile>) -> Self {
        let mut files: Vec<&ModelFile> = files.into_iter().collect();
        files.sort();
        let mut digest = Sha256::new();
        for file in files {
            digest.update((file.path.len() as u64).to_le_bytes());
            digest.update(file.path.as_bytes());
            digest.update(file.digest.0);
        }
        Self(digest.finalize().into())
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for ContentDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| NotADigest)?;
        Ok(Self(digest))
    }
}

/// A file's bytes, stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Their SHA-256.
    pub digest: ContentDigest,
    /// The object that they are.
    pub object: String,
    /// How many.
    pub bytes: u64,
}

impl Content {
    /// Where bytes with this digest are to be stored. `id` makes each time another place of it, so that an object that is being
    /// removed is never the one that is just being written. Of the id only what is random counts: there are servers that
    /// make one file name of a key.
    pub fn at(digest: ContentDigest, id: Uuid, bytes: u64) -> Self {
        let (_, _, _, random) = id.as_fields();
        Self { digest, object: format!("{FOLDER}/{digest}/{}", hex::encode(random)), bytes }
    }
}

/// One of a model's files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelFile {
    /// Where it stands in the model's folder, `/` between folders.
    pub path: String,
    /// The SHA-256 of its bytes.
    pub digest: ContentDigest,
    /// How many those are.
    pub bytes: u64,
}

/// A model to be registered, whose files are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewModel {
    /// Whose it is; `None`: everybody's.
    pub owner: Option<String>,
    /// What it is called.
    pub name: String,
    /// Where it came from, for people.
    pub source: String,
    /// Its files.
    pub files: Vec<ModelFile>,
    /// What clients are told of it from now on, as far as whoever brings it can tell.
    pub card: Option<ModelCard>,
}

impl NewModel {
    /// What the model is: see [`ContentDigest::of_files`].
    pub fn digest(&self) -> ContentDigest {
        ContentDigest::of_files(&self.files)
    }

    /// The size of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The model as it is if it is registered now, and was not before.
    pub fn registered(&self, now: Timestamp) -> Registered {
        Registered {
            owner: self.owner.clone(),
            name: self.name.clone(),
            digest: self.digest(),
            bytes: self.bytes(),
            source: self.source.clone(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// A model as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Whose it is; `None`: everybody's.
    pub owner: Option<String>,
    /// What it is called.
    pub name: String,
    /// What it is: see [`NewModel::digest`].
    pub digest: ContentDigest,
    /// The size of all its files.
    pub bytes: u64,
    /// Where it came from, for people.
    pub source: String,
    /// Since when the name exists.
    pub created_at: Timestamp,
    /// Since when it means these files.
    pub updated_at: Timestamp,
}

/// What is done with models, the same for every API and for the command line.
#[cfg(feature = "seams")]
#[derive(Clone, Debug)]
pub struct Registrar {
    /// The index.
    pub store: Arc<dyn Store>,
    /// The files.
    pub blobs: Blobs,
    /// Names of objects.
    pub ids: Ids,
    /// What a model may take.
    pub limits: crate::config::RegistryConfig,
    /// The folder below which archives are unpacked, each in one of its own.
    pub scratch: PathBuf,
    /// Looks at a model before it is stored.
    pub examine: Examine,
    /// What works are about to write there.
    pub promised: Promised,
}

/// Reads a folder as a worker would that is to serve it under this name: what clients are told of it, or why none could serve
/// it. That is not worth storing; who knows how to read models is not this crate's affair.
#[cfg(feature = "seams")]
pub type Examine = fn(&Path, &str) -> Result<ModelCard, String>;
