//! A ZIP archive, entry by entry as its directory names them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipReadOptions;
use zip::read::Config;
use zip::unstable::read::ZipIterable;

use super::{UnpackError, Unpacker, broken};

/// Unpacks it. Its directory is read as it goes along, so that a long one costs no memory.
pub(super) fn unpack(archive: &Path, unpacker: &mut Unpacker<'_>) -> Result<(), UnpackError> {
    let open = || {
        let opened = File::open(archive).map(BufReader::new);
        opened.map_err(|source| UnpackError::File { file: archive.to_owned(), source })
    };
    let directory = ZipIterable::try_new(open()?, Config::default()).map_err(|error| broken(&error))?;
    let (mut directory, mut bodies) = (directory.enforce_header_consistency(true), open()?);
    for entry in directory.files().map_err(|error| broken(&error))? {
        let entry = entry.map_err(|error| broken(&error))?;
        unpacker.count()?;
        let name = entry.name().map_err(|error| broken(&error))?.into_owned();
        if entry.is_symlink() {
            return Err(UnpackError::Special { path: name, what: "a symbolic link" });
        }
        if entry.is_dir() {
            Unpacker::folder(&name)?;
            continue;
        }
        let mut content = entry
            .with_reader(&mut bodies, ZipReadOptions::new())
            .map_err(|error| UnpackError::Broken(format!("`{name}`: {error}")))?;
        unpacker.file(&name, &mut content)?;
    }
    Ok(())
}
