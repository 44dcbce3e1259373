//! Rows of a CSV file: the same rows however the stream is cut.
//!
//! A row ends with a line end outside of quotes, or with the file, so it may be several lines. Blank lines are no rows. A
//! byte order mark at the beginning is no part of the header. Of a row that is too long only its place is kept.

use bytes::{Bytes, BytesMut};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use serde::{Deserialize, Serialize};

use super::broken;
use crate::{Fault, FaultCode};

const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A row and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1; the header is 0.
    pub number: u64,
    /// Its first byte in the file.
    pub offset: u64,
    /// How many bytes, without its end.
    pub length: u64,
    /// Its bytes; `None` if there are too many.
    pub bytes: Option<Bytes>,
}

/// Cuts a stream into rows.
#[derive(Debug)]
pub struct Rows {
    reader: Box<Reader>,
    longest: usize,
    number: u64,
    /// Where what is being gathered begins.
    offset: u64,
    /// How many bytes of it have come, and the first of them.
    length: u64,
    gathered: BytesMut,
    /// The first bytes of the stream, as long as they may be a byte order mark.
    start: Option<BytesMut>,
}

impl Rows {
    /// Rows of a whole file, the header first; of those longer than `longest` bytes only the place is told.
    pub fn new(delimiter: u8, longest: usize) -> Self {
        Self { start: Some(BytesMut::new()), ..Self::from(0, 0, delimiter, longest) }
    }

    /// Rows of a range that begins with the row of this number at this offset.
    pub fn from(number: u64, offset: u64, delimiter: u8, longest: usize) -> Self {
        let reader = Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        Self { reader, longest, number, offset, length: 0, gathered: BytesMut::new(), start: None }
    }

    /// Adds a chunk; answers with the rows that end in it.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<Row> {
        let Some(mut start) = self.start.take() else { return self.read(chunk) };
        start.extend_from_slice(chunk);
        if start.len() < MARK.len() && MARK.starts_with(&start) {
            self.start = Some(start);
            return Vec::new();
        }
        self.begin(&start)
    }

    /// The last row, if the file does not end with a line's end.
    pub fn finish(mut self) -> Vec<Row> {
        let mut rows = self.start.take().map(|start| self.begin(&start)).unwrap_or_default();
        // An empty input says that there is no more; a row may end with that.
        rows.extend(self.read(&[]));
        rows
    }

    fn begin(&mut self, start: &[u8]) -> Vec<Row> {
        match start.strip_prefix(MARK) {
            Some(rest) => {
                self.offset += MARK.len() as u64;
                self.read(rest)
            }
            None => self.read(start),
        }
    }

    fn read(&mut self, mut input: &[u8]) -> Vec<Row> {
        let (mut rows, ended) = (Vec::new(), input.is_empty());
        // Only where rows end matters here: what they say is read when they run.
        let (mut fields, mut ends) = ([0; 1024], [0; 64]);
        loop {
            let (result, read, ..) = self.reader.read_record(input, &mut fields, &mut ends);
            self.gather(&input[..read]);
            input = &input[read..];
            match result {
                ReadRecordResult::Record => rows.extend(self.end()),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::InputEmpty if ended => {}
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return rows,
            }
        }
    }

    fn gather(&mut self, mut bytes: &[u8]) {
        if self.length == 0 {
            // The rest of the end before, and blank lines.
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.offset += blank as u64;
            bytes = &bytes[blank..];
        }
        self.length += bytes.len() as u64;
        let room = (self.longest + 2).saturating_sub(self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(&mut self) -> Option<Row> {
        let (mut bytes, offset, mut length) = (self.gathered.split(), self.offset, self.length);
        self.offset += self.length;
        self.length = 0;
        if length == 0 {
            return None;
        }
        let whole = bytes.len() as u64 == length;
        if whole {
            while bytes.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
                bytes.truncate(bytes.len() - 1);
            }
            length = bytes.len() as u64;
        }
        let number = self.number;
        self.number += 1;
        let fits = whole && bytes.len() <= self.longest;
        Some(Row { number, offset, length, bytes: fits.then(|| bytes.freeze()) })
    }
}

/// Which fields of a row are read: what is kept of the header, so that a row is read without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// What stands between fields.
    pub delimiter: u8,
    /// The place of the text.
    pub text: usize,
    /// The place of the row's name, if rows have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<usize>,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its name, if rows have one.
    pub id: Option<String>,
    /// Its text.
    pub text: String,
}

impl Columns {
    /// Finds the columns by their names in the header.
    pub fn find(header: &[u8], delimiter: u8, text: &str, id: Option<&str>) -> Result<Self, Fault> {
        let names = fields(header, delimiter, "header")?;
        let place = |wanted: &str| {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (None, _) => {
                    let told: Vec<String> = names.iter().take(20).map(|name| format!("`{name}`")).collect();
                    let message = format!("there is no column `{wanted}`; there are {}", told.join(", "));
                    Err(Fault::new(FaultCode::InvalidField, message).at("column"))
                }
                (Some(_), Some(_)) => {
                    let message = format!("there are several columns `{wanted}`");
                    Err(Fault::new(FaultCode::InvalidField, message).at("column"))
                }
            }
        };
        Ok(Self { delimiter, text: place(text)?, id: id.map(place).transpose()? })
    }

    /// Reads a row.
    pub fn read(&self, row: &[u8]) -> Result<Said, Fault> {
        let mut fields = fields(row, self.delimiter, "row")?;
        let count = fields.len();
        let mut take = |place: usize| fields.get_mut(place).map(std::mem::take);
        let text = take(self.text).ok_or_else(|| {
            broken(format!("the row has {count} fields, and the text is in field {}", self.text + 1))
        })?;
        if text.is_empty() {
            return Err(Fault::new(FaultCode::EmptyInput, "the row's text is empty"));
        }
        let id = self.id.and_then(take).filter(|id| !id.is_empty());
        Ok(Said { id, text })
    }
}

/// The fields of one row.
fn fields(row: &[u8], delimiter: u8, what: &str) -> Result<Vec<String>, Fault> {
    let mut reader =
        ::csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(row);
    let mut record = ::csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record.iter().map(str::to_owned).collect()),
        Ok(false) => Err(broken(format!("the {what} has no fields"))),
        Err(_) => Err(broken(format!("the {what} is not UTF-8"))),
    }
}
