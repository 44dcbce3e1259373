//! Files in a tar archive, found as it streams by.
//!
//! A record is a file's header with whatever extends it before, and its bytes. Directories, links, devices and hidden files
//! are passed over.

use bytes::{Bytes, BytesMut};
use tar::{EntryType, Header, PaxExtensions};

use super::{Bounds, Entry, Tally, Unpacked, broken, label, too_large};
use crate::Fault;

/// Everything in an archive stands in multiples of it.
const BLOCK: u64 = 512;
/// What a header may be extended by: a long name.
const LONGEST_EXTENSION: u64 = 64 * 1024;
/// All that extends one header: a name and a link, as GNU writes them and as POSIX does. It counts for the record, which is
/// read as a whole when it runs.
const LONGEST_EXTENSIONS: u64 = 4 * (LONGEST_EXTENSION + BLOCK);

/// Finds files in an archive that comes in chunks.
#[derive(Debug)]
pub struct Entries {
    tally: Tally,
    state: State,
    /// Bytes of the archive that have come.
    at: u64,
    /// Where the record begins that is being read, and what extends its header.
    record: Option<u64>,
    extension: Extension,
}

#[derive(Debug)]
enum State {
    /// Gathers a header.
    Header(BytesMut),
    /// Gathers what extends the next header.
    Extension { kind: EntryType, size: u64, gathered: BytesMut },
    /// Passes over so many bytes.
    Skip(u64),
    /// The archive has said that it ends; what comes behind that is padding.
    Ended,
}

/// What stands before a header and counts for it.
#[derive(Debug, Default)]
struct Extension {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Entries {
    /// Files of a whole archive.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            tally: Tally::new(bounds),
            state: State::Header(BytesMut::new()),
            at: 0,
            record: None,
            extension: Extension::default(),
        }
    }

    /// Adds a chunk; answers with the files whose headers end in it.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<Vec<Entry>, Fault> {
        let mut found = Vec::new();
        while !chunk.is_empty() {
            let taken = match &mut self.state {
                State::Ended => chunk.len(),
                State::Skip(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len());
                    *left -= taken as u64;
                    taken
                }
                State::Header(gathered) => gather(gathered, BLOCK, chunk),
                State::Extension { size, gathered, .. } => {
                    gather(gathered, size.next_multiple_of(BLOCK), chunk)
                }
            };
            self.at += taken as u64;
            chunk = &chunk[taken..];
            found.extend(self.step()?);
        }
        Ok(found)
    }

    /// The archive has ended; it must not end within a file.
    pub fn finish(self) -> Result<(), Fault> {
        match self.state {
            State::Ended | State::Skip(0) => Ok(()),
            State::Header(gathered) if gathered.is_empty() && self.record.is_none() => Ok(()),
            _ => Err(broken("the archive ends within a file")),
        }
    }

    /// Goes on if what is being gathered is whole.
    fn step(&mut self) -> Result<Option<Entry>, Fault> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Header(block) if block.len() as u64 == BLOCK => self.header(&block),
            State::Extension { kind, size, gathered }
                if gathered.len() as u64 == size.next_multiple_of(BLOCK) =>
            {
                self.extension.read(kind, &gathered[..as_usize(size)?])?;
                self.state = State::Header(BytesMut::new());
                Ok(None)
            }
            State::Skip(0) => {
                self.state = State::Header(BytesMut::new());
                Ok(None)
            }
            unfinished => {
                self.state = unfinished;
                Ok(None)
            }
        }
    }

    fn header(&mut self, block: &[u8]) -> Result<Option<Entry>, Fault> {
        if block.iter().all(|byte| *byte == 0) {
            self.state = State::Ended;
            return Ok(None);
        }
        let header = checked(block)?;
        let record = *self.record.get_or_insert(self.at - BLOCK);
        let size = header.entry_size().map_err(|_| not_tar())?;
        let kind = header.entry_type();
        if extends(kind) {
            if size > LONGEST_EXTENSION {
                return Err(
                    broken(format!("a name in the archive has {size} bytes")).limit(LONGEST_EXTENSION)
                );
            }
            if self.at - record + padded(size)? > LONGEST_EXTENSIONS {
                let message = "what extends a file's header in the archive is too long";
                return Err(broken(message).limit(LONGEST_EXTENSIONS));
            }
            self.state = State::Extension { kind, size, gathered: BytesMut::new() };
            return Ok(None);
        }
        let extension = std::mem::take(&mut self.extension);
        self.record = None;
        let size = extension.size.unwrap_or(size);
        self.state = State::Skip(padded(size)?);
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let Some(name) = label(&String::from_utf8_lossy(&name)).filter(|_| is_file(kind)) else {
            return Ok(None);
        };
        let (number, fault) = self.tally.count(size)?;
        let length = (self.at - record).saturating_add(size);
        Ok(Some(Entry { number, name, offset: record, length, size, fault }))
    }
}

/// Unpacks a file's record; it may have `most` bytes.
pub fn unpack(record: &Bytes, most: u64) -> Result<Unpacked, Fault> {
    let (mut at, mut extension) = (0, Extension::default());
    loop {
        let block = record.get(at..at + as_usize(BLOCK)?).ok_or_else(not_tar)?;
        let header = checked(block)?;
        let (kind, size) = (header.entry_type(), header.entry_size().map_err(|_| not_tar())?);
        at += block.len();
        if extends(kind) {
            let end = at.checked_add(as_usize(size)?).ok_or_else(not_tar)?;
            extension.read(kind, record.get(at..end).ok_or_else(not_tar)?)?;
            at = at.saturating_add(as_usize(padded(size)?)?);
            continue;
        }
        let size = extension.size.unwrap_or(size);
        if size > most {
            return Err(too_large(size, most));
        }
        let end = at.checked_add(as_usize(size)?).filter(|end| *end <= record.len()).ok_or_else(not_tar)?;
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let name = label(&String::from_utf8_lossy(&name)).ok_or_else(not_tar)?;
        return Ok(Unpacked { name, content: record.slice(at..end) });
    }
}

impl Extension {
    fn read(&mut self, kind: EntryType, bytes: &[u8]) -> Result<(), Fault> {
        match kind {
            EntryType::GNULongName => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                self.name = Some(bytes[..end].to_vec());
            }
            EntryType::XHeader => {
                for pair in PaxExtensions::new(bytes) {
                    let pair = pair.map_err(|_| not_tar())?;
                    match pair.key_bytes() {
                        b"path" => self.name = Some(pair.value_bytes().to_vec()),
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

/// Adds to what is gathered until it has `whole` bytes; answers with how many were added.
fn gather(gathered: &mut BytesMut, whole: u64, chunk: &[u8]) -> usize {
    let missing = usize::try_from(whole).unwrap_or(usize::MAX).saturating_sub(gathered.len());
    let taken = missing.min(chunk.len());
    gathered.extend_from_slice(&chunk[..taken]);
    taken
}

/// A header whose sum is right.
fn checked(block: &[u8]) -> Result<&Header, Fault> {
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

fn is_file(kind: EntryType) -> bool {
    matches!(kind, EntryType::Regular | EntryType::Continuous)
}

fn padded(size: u64) -> Result<u64, Fault> {
    size.checked_next_multiple_of(BLOCK).ok_or_else(not_tar)
}

fn as_usize(size: u64) -> Result<usize, Fault> {
    usize::try_from(size).map_err(|_| not_tar())
}

fn not_tar() -> Fault {
    broken("the file is not a tar archive, or a torn one")
}
