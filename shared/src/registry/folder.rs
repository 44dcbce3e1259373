//! The files of a folder that is to become a model.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ContentDigest, ImportError, ModelFile, Progress, check_path};
use crate::config::RegistryConfig;

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

/// A file of the folder.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its path below the folder, as the model is to have it.
    pub(super) path: String,
    /// Where it is.
    pub(super) at: PathBuf,
    pub(super) bytes: u64,
}

/// The files below `root`, by path. Links lead where they lead, as they do when the folder itself is served; hidden files are
/// passed over.
pub(super) fn files(root: &Path, limits: &RegistryConfig) -> Result<Vec<Found>, ImportError> {
    let mut found = Vec::new();
    collect(root, "", limits, &mut found)?;
    found.sort_by(|one: &Found, other| one.path.cmp(&other.path));
    let bytes = found.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
    if bytes > limits.max_bytes.bytes() {
        return Err(ImportError::TooLarge { bytes, limit: limits.max_bytes });
    }
    if found.is_empty() { Err(ImportError::Empty { folder: root.to_owned() }) } else { Ok(found) }
}

fn collect(
    folder: &Path,
    prefix: &str,
    limits: &RegistryConfig,
    found: &mut Vec<Found>,
) -> Result<(), ImportError> {
    let refused = |source| ImportError::File { file: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let at = entry.path();
        let name =
            entry.file_name().into_string().map_err(|_| ImportError::Characters { file: at.clone() })?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        // A circle of links ends here too: paths are only so deep.
        check_path(&path)?;
        let metadata = fs::metadata(&at).map_err(|source| ImportError::File { file: at.clone(), source })?;
        if metadata.is_dir() {
            collect(&at, &format!("{path}/"), limits, found)?;
        } else if metadata.is_file() {
            found.push(Found { path, at, bytes: metadata.len() });
        } else {
            return Err(ImportError::Special { file: at });
        }
        if found.len() > limits.max_files {
            return Err(ImportError::TooMany { limit: limits.max_files });
        }
    }
    Ok(())
}

/// What the model's list says of a file.
pub(super) fn read(file: &Found, progress: &dyn Progress) -> Result<ModelFile, ImportError> {
    let (digest, bytes) =
        hash(&file.at, progress).map_err(|source| ImportError::File { file: file.at.clone(), source })?;
    Ok(ModelFile { path: file.path.clone(), digest, bytes })
}

fn hash(file: &Path, progress: &dyn Progress) -> io::Result<(ContentDigest, u64)> {
    let mut content = File::open(file)?;
    let (mut digest, mut buffer, mut bytes) = (Sha256::new(), vec![0; CHUNK], 0);
    loop {
        let read = content.read(&mut buffer)?;
        if read == 0 {
            return Ok((ContentDigest(digest.finalize().into()), bytes));
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
        progress.advance(read as u64);
    }
}
