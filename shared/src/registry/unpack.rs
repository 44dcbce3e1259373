//! An archive becomes a folder: nothing outside it, nothing but files, no more than is allowed.
//!
//! What an archive says of itself is not believed: entries and bytes are counted as they come.

mod tar;
mod zip;

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::{PathError, Progress, Room, check_path};
use crate::config::{RegistryConfig, Size};

/// Bytes written at once.
const CHUNK: usize = 64 * 1024;
/// Where the mark of a tar archive stands in its first header.
const TAR_MARK: std::ops::Range<usize> = 257..262;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is none that is read.
    #[error("{}: it is not a .zip, .tar or .tar.gz", archive.display())]
    Format {
        /// Which one.
        archive: PathBuf,
    },
    /// It is torn, or not as its format wants it.
    #[error("the archive cannot be read: {0}")]
    Broken(String),
    /// A path in it leads elsewhere.
    #[error("the archive is refused: {0}")]
    Path(#[from] PathError),
    /// It has something that is neither a file nor a folder.
    #[error("the archive is refused: `{path}` is {what}; it may have files and folders only")]
    Special {
        /// Where.
        path: String,
        /// What.
        what: &'static str,
    },
    /// It has a file twice.
    #[error("the archive is refused: it has `{path}` twice")]
    Twice {
        /// Which one.
        path: String,
    },
    /// It has too many entries.
    #[error("the archive is refused: it has more than {limit} entries (registry.max_files)")]
    TooMany {
        /// So many are taken.
        limit: usize,
    },
    /// It is too large.
    #[error("the archive is refused: unpacked it has more than {limit} (registry.max_bytes)")]
    TooLarge {
        /// So much is taken.
        limit: Size,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Unpacks a .zip, .tar or .tar.gz into the empty folder `into`. Hidden files are passed over. Answers with the folder that
/// has the model: if all is in one folder, that one. What has been written before a refusal is the caller's to remove.
pub fn unpack(
    archive: &Path,
    into: &Path,
    limits: &RegistryConfig,
    progress: &dyn Progress,
) -> Result<PathBuf, UnpackError> {
    let refused = |source| UnpackError::File { file: archive.to_owned(), source };
    let mut file = File::open(archive).map_err(refused)?;
    let mut head = Vec::new();
    file.by_ref().take(512).read_to_end(&mut head).map_err(refused)?;
    file.rewind().map_err(refused)?;
    progress.begin("unpacking", None);
    let room = Room::new(into, limits.disk_reserve, limits.max_bytes.bytes());
    let mut unpacker = Unpacker { into, limits, progress, room, entries: 0, bytes: 0 };
    if head.starts_with(b"PK") {
        zip::unpack(archive, &mut unpacker)?;
    } else if head.starts_with(&[0x1f, 0x8b]) {
        tar::unpack(BufReader::new(MultiGzDecoder::new(BufReader::new(file))), &mut unpacker)?;
    } else if head.get(TAR_MARK).is_some_and(|mark| mark == b"ustar") {
        tar::unpack(BufReader::new(file), &mut unpacker)?;
    } else {
        return Err(UnpackError::Format { archive: archive.to_owned() });
    }
    innermost(into).map_err(refused)
}

/// The folder that everything is in. One that models have of themselves is none to be left out.
fn innermost(folder: &Path) -> io::Result<PathBuf> {
    let entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    match &entries[..] {
        [one] if one.is_dir() && !one.ends_with("onnx") => innermost(one),
        _ => Ok(folder.to_owned()),
    }
}

/// Writes what an archive has, as far as it may.
struct Unpacker<'a> {
    into: &'a Path,
    limits: &'a RegistryConfig,
    progress: &'a dyn Progress,
    room: Room,
    entries: usize,
    /// Unpacked so far, passed over or written.
    bytes: u64,
}

impl Unpacker<'_> {
    /// There is one more entry, whatever it is.
    fn count(&mut self) -> Result<(), UnpackError> {
        self.entries += 1;
        if self.entries > self.limits.max_files {
            return Err(UnpackError::TooMany { limit: self.limits.max_files });
        }
        Ok(())
    }

    /// There are so many bytes more.
    fn weigh(&mut self, bytes: u64) -> Result<(), UnpackError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.max_bytes.bytes() {
            return Err(UnpackError::TooLarge { limit: self.limits.max_bytes });
        }
        let full = |source| UnpackError::File { file: self.into.to_owned(), source };
        self.room.take(bytes).map_err(full)?;
        self.progress.advance(bytes);
        Ok(())
    }

    /// A file of this name and content. One that is hidden is weighed and passed over.
    fn file(&mut self, name: &str, content: &mut dyn Read) -> Result<(), UnpackError> {
        let path = plain(name)?;
        let mut output = if is_hidden(path) { None } else { Some(self.create(path)?) };
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = content.read(&mut buffer).map_err(|error| broken(&error))?;
            if read == 0 {
                return Ok(());
            }
            self.weigh(read as u64)?;
            if let Some((at, output)) = &mut output {
                io::Write::write_all(output, &buffer[..read])
                    .map_err(|source| UnpackError::File { file: at.clone(), source })?;
            }
        }
    }

    fn create(&self, path: &str) -> Result<(PathBuf, File), UnpackError> {
        let at = self.into.join(path);
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => UnpackError::Twice { path: path.to_owned() },
            _ => UnpackError::File { file: at.clone(), source },
        };
        if let Some(folder) = at.parent() {
            fs::create_dir_all(folder).map_err(refused)?;
        }
        let file = File::create_new(&at).map_err(refused)?;
        Ok((at, file))
    }

    /// A folder of this name: it comes with its first file.
    fn folder(name: &str) -> Result<(), UnpackError> {
        match name.trim_end_matches('/') {
            "." | "" if !name.starts_with('/') => Ok(()),
            name => plain(name).map(|_| ()),
        }
    }
}

/// The path that a name in an archive means; those that `tar` writes of `.` begin with `./`.
fn plain(name: &str) -> Result<&str, UnpackError> {
    let path = name.strip_prefix("./").unwrap_or(name);
    check_path(path)?;
    Ok(path)
}

/// What no model is made of: what is hidden, and what macOS puts beside.
pub(super) fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
}

fn broken(error: &dyn std::error::Error) -> UnpackError {
    UnpackError::Broken(error.to_string())
}

#[cfg(test)]
mod tests;
