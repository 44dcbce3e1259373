//! A tar archive, as it streams by.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::{UnpackError, Unpacker, broken};

/// Everything in an archive stands in multiples of it.
const BLOCK: u64 = 512;
/// What a header may be extended by: a long name.
const LONGEST_EXTENSION: u64 = 64 * 1024;

/// What stands before a header and counts for it.
#[derive(Default)]
struct Extension {
    name: Option<String>,
    size: Option<u64>,
}

/// Unpacks it.
pub(super) fn unpack(mut archive: impl Read, unpacker: &mut Unpacker<'_>) -> Result<(), UnpackError> {
    let mut extension = Extension::default();
    loop {
        let mut block = [0; 512];
        archive.read_exact(&mut block).map_err(torn)?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        unpacker.count()?;
        let header = checked(&block)?;
        let size = header.entry_size().map_err(|error| broken(&error))?;
        let kind = header.entry_type();
        if extends(kind) {
            let bytes = gathered(&mut archive, size)?;
            unpacker.weigh(bytes.len() as u64)?;
            extension.read(kind, &bytes)?;
            continue;
        }
        let Extension { name, size: told } = std::mem::take(&mut extension);
        let size = told.unwrap_or(size);
        let name = name.map_or_else(|| text(&header.path_bytes()), Ok)?;
        let mut content = archive.by_ref().take(size);
        match kind {
            EntryType::Regular | EntryType::Continuous if !name.ends_with('/') => {
                unpacker.file(&name, &mut content)?;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::Directory if size == 0 => {
                Unpacker::folder(&name)?;
            }
            // Its bytes would be nobody's, and inflated all the same.
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => {
                return Err(UnpackError::Special { path: name, what: "a folder with bytes of its own" });
            }
            other => return Err(UnpackError::Special { path: name, what: called(other) }),
        }
        if content.limit() > 0 {
            return Err(torn(io::ErrorKind::UnexpectedEof.into()));
        }
        pad(&mut archive, size)?;
    }
}

impl Extension {
    fn read(&mut self, kind: EntryType, bytes: &[u8]) -> Result<(), UnpackError> {
        match kind {
            EntryType::GNULongName => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                self.name = Some(text(&bytes[..end])?);
            }
            EntryType::XHeader => {
                for pair in PaxExtensions::new(bytes) {
                    let pair = pair.map_err(|error| broken(&error))?;
                    match pair.key_bytes() {
                        b"path" => self.name = Some(text(pair.value_bytes())?),
                        b"size" => {
                            let size = pair.value().ok().and_then(|size| size.parse().ok());
                            self.size = Some(size.ok_or_else(not_tar)?);
                        }
                        _ => {}
                    }
                }
            }
            // Where links lead, and what holds for all files, says nothing of names and sizes.
            _ => {}
        }
        Ok(())
    }
}

/// What extends a header, read as a whole.
fn gathered(archive: &mut impl Read, size: u64) -> Result<Vec<u8>, UnpackError> {
    if size > LONGEST_EXTENSION {
        let message = format!("a name has {size} bytes, {LONGEST_EXTENSION} are the most");
        return Err(UnpackError::Broken(message));
    }
    let mut bytes = Vec::new();
    archive.by_ref().take(size).read_to_end(&mut bytes).map_err(torn)?;
    if (bytes.len() as u64) < size {
        return Err(torn(io::ErrorKind::UnexpectedEof.into()));
    }
    pad(archive, size)?;
    Ok(bytes)
}

/// Passes over what stands behind so many bytes, until the next block begins.
fn pad(archive: &mut impl Read, size: u64) -> Result<(), UnpackError> {
    let padding = (BLOCK - size % BLOCK) % BLOCK;
    let passed = io::copy(&mut archive.by_ref().take(padding), &mut io::sink()).map_err(torn)?;
    if passed == padding { Ok(()) } else { Err(torn(io::ErrorKind::UnexpectedEof.into())) }
}

/// A header whose sum is right.
fn checked(block: &[u8; 512]) -> Result<&Header, UnpackError> {
    let header = Header::from_byte_slice(block);
    // The field of the sum itself counts as spaces.
    let sum = block.iter().enumerate().fold(0_u32, |sum, (place, byte)| {
        sum + if (148..156).contains(&place) { 32 } else { u32::from(*byte) }
    });
    if header.cksum().is_ok_and(|told| told == sum) { Ok(header) } else { Err(not_tar()) }
}

fn extends(kind: EntryType) -> bool {
    matches!(
        kind,
        EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
    )
}

fn called(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Fifo => "a pipe",
        EntryType::Char | EntryType::Block => "a device",
        _ => "something else",
    }
}

fn text(bytes: &[u8]) -> Result<String, UnpackError> {
    String::from_utf8(bytes.to_vec()).map_err(|_| UnpackError::Broken("a name is not UTF-8".to_owned()))
}

fn not_tar() -> UnpackError {
    UnpackError::Broken("it is not a tar archive, or a torn one".to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn torn(error: io::Error) -> UnpackError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => UnpackError::Broken("it ends before its end".to_owned()),
        _ => broken(&error),
    }
}
