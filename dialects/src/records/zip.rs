//! Files in a ZIP archive, found by the directory at its end.
//!
//! A record is a file's local header with its packed bytes. Directories and hidden files are passed over; what is
//! encrypted, or packed with anything but deflate, fails alone.

use std::io::Write;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use flate2::{Crc, write::DeflateDecoder};

use super::{Bounds, Entry, Tally, Unpacked, broken, label, too_large};
use crate::{Fault, FaultCode};

/// The end of an archive that is looked at first: the record that says where the directory is, behind a comment of at most
/// 64 KiB, and what large archives have before it.
pub const TAIL: u64 = 22 + 65_535 + 20 + 56;

const END: [u8; 4] = *b"PK\x05\x06";
const LARGE_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const LARGE_END: [u8; 4] = *b"PK\x06\x06";
const IN_DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

/// How many bytes a record of the directory and a local header have before their names.
const DIRECTORY_HEAD: usize = 46;
const LOCAL_HEAD: usize = 30;
/// What a local header may have more than the directory says of it: times of day, padding.
const SLACK: u64 = 4096;
/// What is unpacked at once: at most a thousandfold.
const STEP: usize = 4 * 1024;

/// Where an archive's directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The range of the file.
    pub range: Range<u64>,
    /// How many records it says it has.
    entries: u64,
}

impl Directory {
    /// Finds it by the archive's last bytes: [`TAIL`] of them, or all `size` that there are.
    pub fn find(size: u64, tail: &[u8]) -> Result<Self, Fault> {
        let start = size.checked_sub(tail.len() as u64).ok_or_else(not_zip)?;
        let at =
            (0..=tail.len().saturating_sub(22)).rev().find(|at| ends_here(tail, *at)).ok_or_else(not_zip)?;
        let end = Fields(&tail[at..]);
        let (entries, length, offset) = (end.u16(10)?, end.u32(12)?, end.u32(16)?);
        let (mut entries, mut length, mut offset) =
            (u64::from(entries), u64::from(length), u64::from(offset));
        if entries == 0xffff || length == 0xffff_ffff || offset == 0xffff_ffff {
            let locator = at.checked_sub(20).map(|at| Fields(&tail[at..])).ok_or_else(not_zip)?;
            if locator.bytes(0, 4)? == LARGE_LOCATOR {
                let place = locator.u64(8)?.checked_sub(start).ok_or_else(not_zip)?;
                let large = usize::try_from(place).ok().and_then(|place| tail.get(place..));
                let large = Fields(large.ok_or_else(not_zip)?);
                if large.bytes(0, 4)? != LARGE_END {
                    return Err(not_zip());
                }
                (entries, length, offset) = (large.u64(32)?, large.u64(40)?, large.u64(48)?);
            }
        }
        let range = offset..offset.checked_add(length).ok_or_else(not_zip)?;
        if range.end > start + at as u64 {
            return Err(not_zip());
        }
        Ok(Self { range, entries })
    }
}

/// Whether the record at this place ends the archive: what looks like one within a comment does not reach to the end.
fn ends_here(tail: &[u8], at: usize) -> bool {
    let end = Fields(&tail[at..]);
    end.bytes(0, 4).is_ok_and(|mark| mark == END)
        && end.u16(20).is_ok_and(|comment| at + 22 + usize::from(comment) == tail.len())
}

/// Reads the directory, which comes in chunks.
#[derive(Debug)]
pub struct Entries {
    tally: Tally,
    directory: Directory,
    gathered: BytesMut,
    left: u64,
}

impl Entries {
    /// Files of the archive that this is the directory of.
    pub fn new(directory: Directory, bounds: Bounds) -> Self {
        let left = directory.entries;
        Self { tally: Tally::new(bounds), directory, gathered: BytesMut::new(), left }
    }

    /// Adds a chunk of the directory; answers with the files whose records end in it.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Entry>, Fault> {
        self.gathered.extend_from_slice(chunk);
        let mut found = Vec::new();
        while self.left > 0 {
            let Some(length) = whole(&self.gathered)? else { break };
            let record = self.gathered.split_to(length);
            self.left -= 1;
            found.extend(self.entry(&record)?);
        }
        if self.left == 0 {
            self.gathered.clear();
        }
        Ok(found)
    }

    /// The directory has ended; it must hold as many records as it said.
    pub fn finish(self) -> Result<(), Fault> {
        if self.left == 0 { Ok(()) } else { Err(not_zip()) }
    }

    fn entry(&mut self, record: &[u8]) -> Result<Option<Entry>, Fault> {
        let fields = Fields(record);
        let (flags, method) = (fields.u16(8)?, fields.u16(10)?);
        let name_length = usize::from(fields.u16(28)?);
        let extra_length = usize::from(fields.u16(30)?);
        let name = fields.bytes(DIRECTORY_HEAD, name_length)?;
        let extra = fields.bytes(DIRECTORY_HEAD + name_length, extra_length)?;
        let told = [fields.u32(24)?, fields.u32(20)?, fields.u32(42)?];
        let [size, packed, offset] = large(told, extra)?;
        // A name that ends like this is a directory's.
        let Some(name) = label(&named(name)).filter(|_| !name.ends_with(b"/")) else { return Ok(None) };
        let (number, fault) = self.tally.count(size)?;
        let head = (LOCAL_HEAD + name_length + extra_length) as u64 + SLACK;
        let end = offset.checked_add(head).and_then(|at| at.checked_add(packed)).ok_or_else(not_zip)?;
        let length = end.min(self.directory.range.start).checked_sub(offset).ok_or_else(not_zip)?;
        let fault = fault.or_else(|| unreadable(flags, method));
        Ok(Some(Entry { number, name, offset, length, size, fault }))
    }
}

/// How many bytes the first record has, if all of them are here.
fn whole(directory: &[u8]) -> Result<Option<usize>, Fault> {
    if directory.len() < DIRECTORY_HEAD {
        return Ok(None);
    }
    let fields = Fields(directory);
    if fields.bytes(0, 4)? != IN_DIRECTORY {
        return Err(not_zip());
    }
    let length = [28, 30, 32]
        .into_iter()
        .try_fold(DIRECTORY_HEAD, |sum, place| Ok::<_, Fault>(sum + usize::from(fields.u16(place)?)))?;
    Ok((directory.len() >= length).then_some(length))
}

/// Size, packed size and offset; those that are too large for their fields stand behind the name, in this order.
fn large(told: [u32; 3], extra: &[u8]) -> Result<[u64; 3], Fault> {
    let mut numbers = told.map(u64::from);
    if !told.contains(&u32::MAX) {
        return Ok(numbers);
    }
    let mut rest = extra;
    while let Ok(length) = Fields(rest).u16(2) {
        let (kind, body) = (Fields(rest).u16(0)?, Fields(rest).bytes(4, usize::from(length))?);
        if kind == 1 {
            let missing = numbers.iter_mut().filter(|number| **number == u64::from(u32::MAX));
            for (place, number) in missing.enumerate() {
                *number = Fields(body).u64(place * 8)?;
            }
            return Ok(numbers);
        }
        rest = &rest[4 + usize::from(length)..];
    }
    Ok(numbers)
}

fn unreadable(flags: u16, method: u16) -> Option<Fault> {
    let why = match (flags & 1, method) {
        (1, _) => "the file is encrypted".to_owned(),
        (_, 0 | 8) => return None,
        (_, method) => format!("the file is packed with method {method}; deflate is read"),
    };
    Some(Fault::new(FaultCode::NotSupported, why))
}

/// Unpacks a file's record; it may have `most` bytes.
pub fn unpack(record: &Bytes, most: u64) -> Result<Unpacked, Fault> {
    let head = Fields(record);
    if head.bytes(0, 4)? != LOCAL {
        return Err(not_zip());
    }
    let (flags, method) = (head.u16(6)?, head.u16(8)?);
    if let Some(fault) = unreadable(flags, method) {
        return Err(fault);
    }
    let (name_length, extra_length) = (usize::from(head.u16(26)?), usize::from(head.u16(28)?));
    let name = label(&named(head.bytes(LOCAL_HEAD, name_length)?)).ok_or_else(not_zip)?;
    let extra = head.bytes(LOCAL_HEAD + name_length, extra_length)?;
    let [size, packed, _] = large([head.u32(22)?, head.u32(18)?, 0], extra)?;
    let body = record.slice(LOCAL_HEAD + name_length + extra_length..);
    // Written without going back: sizes stand behind the bytes, which tell by themselves where they end.
    let is_streamed = flags & 8 != 0;
    let (content, told) = match (method, is_streamed) {
        (0, true) => {
            return Err(Fault::new(
                FaultCode::NotSupported,
                "the file is stored without saying how large it is",
            ));
        }
        (0, false) if size > most => return Err(too_large(size, most)),
        (0, false) => (body.slice(..checked_end(size, &body)?), head.u32(14)?),
        (_, true) => {
            let (content, end) = inflate(&body, most)?;
            (content, sum_behind(&body[end..])?)
        }
        (_, false) => (inflate(&body[..checked_end(packed, &body)?], most)?.0, head.u32(14)?),
    };
    let mut sum = Crc::new();
    sum.update(&content);
    if sum.sum() != told {
        return Err(broken("the file does not have the bytes that its archive says it has"));
    }
    Ok(Unpacked { name, content })
}

/// What stands behind bytes whose sizes were not known before; some programs mark it.
fn sum_behind(rest: &[u8]) -> Result<u32, Fault> {
    Fields(rest.strip_prefix(b"PK\x07\x08").unwrap_or(rest)).u32(0)
}

fn checked_end(length: u64, body: &[u8]) -> Result<usize, Fault> {
    usize::try_from(length).ok().filter(|end| *end <= body.len()).ok_or_else(not_zip)
}

/// What is packed, and how many bytes it was packed into.
fn inflate(packed: &[u8], most: u64) -> Result<(Bytes, usize), Fault> {
    let torn = |_| broken("the file is not what deflate packs, or not all of it");
    let (mut decoder, mut rest) = (DeflateDecoder::new(Vec::new()), packed);
    while !rest.is_empty() {
        let taken = decoder.write(&rest[..rest.len().min(STEP)]).map_err(torn)?;
        if decoder.get_ref().len() as u64 > most {
            return Err(too_large(decoder.get_ref().len() as u64, most));
        }
        if taken == 0 {
            break;
        }
        rest = &rest[taken..];
    }
    let end = checked_end(decoder.total_in(), packed)?;
    let content = decoder.finish().map_err(torn)?;
    if content.len() as u64 > most {
        return Err(too_large(content.len() as u64, most));
    }
    Ok((content.into(), end))
}

/// A name as text. Older programs write others than UTF-8, which stays readable where it is ASCII.
fn named(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// Little-endian numbers at known places.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(self, at: usize, length: usize) -> Result<&'a [u8], Fault> {
        self.0.get(at..at + length).ok_or_else(not_zip)
    }

    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], Fault> {
        self.bytes(at, N)?.try_into().map_err(|_| not_zip())
    }

    fn u16(self, at: usize) -> Result<u16, Fault> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Result<u32, Fault> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(self, at: usize) -> Result<u64, Fault> {
        self.array(at).map(u64::from_le_bytes)
    }
}

fn not_zip() -> Fault {
    broken("the file is not a ZIP archive, or a torn one")
}
