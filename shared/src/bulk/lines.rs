//! Lines of a file that comes in chunks: the same lines however the stream is cut.
//!
//! A line ends with LF or CRLF or with the file. Blank ones count in the numbering and are not told. A byte order mark at
//! the beginning is no part of the first line. Of a line that is too long only its place is kept, so memory is bounded by
//! the longest line that is taken.

use bytes::{Bytes, BytesMut};

/// A line and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its first byte in the file.
    pub offset: u64,
    /// How many bytes, without its end.
    pub length: u64,
    /// Its bytes; `None` if there are too many.
    pub bytes: Option<Bytes>,
}

/// Cuts a stream into lines.
#[derive(Debug)]
pub struct Lines {
    longest: usize,
    number: u64,
    /// Where the line that is being gathered begins.
    offset: u64,
    /// Its first bytes, as many as a line may have.
    gathered: BytesMut,
    /// Its last byte.
    last: Option<u8>,
    /// How many bytes of it have come.
    length: u64,
    /// Whether the stream may still begin with a byte order mark.
    at_start: bool,
}

const MARK: &[u8] = b"\xEF\xBB\xBF";

impl Lines {
    /// Lines of a whole file; of those longer than `longest` bytes only the place is told.
    pub fn new(longest: usize) -> Self {
        Self {
            longest,
            number: 1,
            offset: 0,
            gathered: BytesMut::new(),
            last: None,
            length: 0,
            at_start: true,
        }
    }

    /// Lines of a range that begins with the line of this number at this offset.
    pub fn from(number: u64, offset: u64, longest: usize) -> Self {
        Self { number, offset, at_start: number == 1 && offset == 0, ..Self::new(longest) }
    }

    /// Adds a chunk; answers with the lines that end in it.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Line> {
        let mut found = Vec::new();
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.gather(&rest[..end]);
            found.extend(self.end(1));
            rest = &rest[end + 1..];
        }
        self.gather(rest);
        found
    }

    /// The last line, if the file does not end with a line's end.
    pub fn finish(mut self) -> Option<Line> {
        self.end(0)
    }

    fn gather(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.last = bytes.last().copied().or(self.last);
        // Enough to tell whether the line is too long, with what may stand around it.
        let room = (self.longest + MARK.len() + 2).saturating_sub(self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Ends the line that was gathered; its end has so many bytes.
    fn end(&mut self, end: u64) -> Option<Line> {
        let (mut bytes, mut offset, mut length) = (self.gathered.split(), self.offset, self.length);
        let (number, last) = (self.number, self.last.take());
        if self.at_start && bytes.starts_with(MARK) {
            let _ = bytes.split_to(MARK.len());
            offset += MARK.len() as u64;
            length -= MARK.len() as u64;
        }
        if last == Some(b'\r') && length > 0 {
            length -= 1;
        }
        self.number += 1;
        self.offset += self.length + end;
        self.length = 0;
        self.at_start = false;
        let whole = length <= self.longest as u64;
        if whole {
            bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return None;
            }
        }
        Some(Line { number, offset, length, bytes: whole.then(|| bytes.freeze()) })
    }
}

#[cfg(test)]
mod tests;
