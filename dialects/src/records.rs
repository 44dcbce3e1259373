//! Files of other formats, cut into records: rows of a CSV file, pictures in a ZIP or tar archive.
//!
//! A record is a range of the file that can be read by itself, so whoever runs it later needs nothing but the range. What
//! is read here comes in chunks and goes through memory of a stated size; names in archives are labels and never paths.

pub mod csv;
pub mod gzip;
pub mod tar;
pub mod zip;

use bytes::Bytes;

use crate::{Fault, FaultCode};

/// What an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Entries that count: files that are not hidden.
    pub entries: u64,
    /// Bytes of one entry, unpacked.
    pub entry: u64,
    /// Bytes of all of them, unpacked.
    pub total: u64,
}

/// A file in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number among those that count, from 1.
    pub number: u64,
    /// What it is called.
    pub name: String,
    /// Where its record begins in the archive.
    pub offset: u64,
    /// How many bytes its record has.
    pub length: u64,
    /// How many bytes it has, unpacked.
    pub size: u64,
    /// Why it cannot be read, though the others can.
    pub fault: Option<Fault>,
}

/// A file of an archive, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// What it is called.
    pub name: String,
    /// Its bytes.
    pub content: Bytes,
}

/// Counts what an archive holds.
#[derive(Debug)]
struct Tally {
    bounds: Bounds,
    entries: u64,
    total: u64,
}

impl Tally {
    fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: 0, total: 0 }
    }

    /// Counts one more, of this size; answers with its number and with what is wrong with it alone.
    fn count(&mut self, size: u64) -> Result<(u64, Option<Fault>), Fault> {
        let bounds = self.bounds;
        self.entries += 1;
        if self.entries > bounds.entries {
            let message = format!("the archive has more than {} files, which is the limit", bounds.entries);
            return Err(Fault::new(FaultCode::TooManyItems, message).limit(bounds.entries));
        }
        if size > bounds.entry {
            return Ok((self.entries, Some(too_large(size, bounds.entry))));
        }
        self.total += size;
        if self.total > bounds.total {
            let message = format!(
                "the archive's files have more than {} bytes together, which is the limit",
                bounds.total
            );
            return Err(Fault::new(FaultCode::InvalidField, message).limit(bounds.total));
        }
        Ok((self.entries, None))
    }
}

fn too_large(size: u64, most: u64) -> Fault {
    let message = format!("the file has {size} bytes unpacked, the limit is {most}");
    Fault::new(FaultCode::InvalidField, message).limit(most)
}

/// The file is not what it should be.
fn broken(message: impl Into<String>) -> Fault {
    Fault::new(FaultCode::InvalidField, message)
}

/// What is called so in results: the path without what would lead out of a folder. `None`: it is hidden, as are the
/// resource forks that some systems add.
fn label(path: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let hidden = parts.iter().any(|part| part.starts_with('.') || *part == "__MACOSX");
    (!parts.is_empty() && !hidden).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests;
