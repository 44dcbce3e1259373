//! What a bulk's file is made of, found as it streams by: lines, rows, pictures of an archive.

use forebay_dialects::Fault;
use forebay_dialects::records::csv::{Columns, Row, Rows};
use forebay_dialects::records::{Bounds, Entry, tar, zip};
use forebay_shared::bulk::{Layout, Line, Lines, Part};

/// How many times larger than the largest file all pictures of an archive may be, unpacked.
const UNPACKED: u64 = 64;

/// A line of the file, or what stands for one.
#[derive(Debug)]
pub(super) struct Record {
    /// Where it stands; of a line and a row, its bytes.
    pub(super) line: Line,
    /// The file in an archive that it is.
    pub(super) entry: Option<Entry>,
}

/// Finds records.
#[derive(Debug)]
pub(super) enum Records {
    Lines(Lines),
    Rows {
        rows: Rows,
        named: (String, Option<String>),
        delimiter: u8,
        columns: Option<Columns>,
    },
    /// What comes is the archive's directory.
    Zip(zip::Entries),
    Tar(tar::Entries),
}

/// What the files of an archive may be, given what a bulk's file and a picture may be.
pub(super) fn bounds(entries: u64, entry: u64, file: u64) -> Bounds {
    Bounds { entries, entry, total: file.saturating_mul(UNPACKED) }
}

impl Records {
    /// Of a file that is read from its beginning, which ZIP archives are not.
    pub(super) fn new(layout: &Layout, longest: usize, bounds: Bounds) -> Self {
        match layout {
            Layout::Csv { column, id_column, delimiter } => Self::Rows {
                rows: Rows::new(*delimiter, longest),
                named: (column.clone(), id_column.clone()),
                delimiter: *delimiter,
                columns: None,
            },
            Layout::Tar => Self::Tar(tar::Entries::new(bounds)),
            Layout::Jsonl | Layout::Zip => Self::Lines(Lines::new(longest)),
        }
    }

    /// Adds a chunk; answers with the records that end in it. `Err`: the file cannot be read.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<Record>, Fault> {
        match self {
            Self::Lines(lines) => Ok(lines.push(chunk).into_iter().map(Record::from).collect()),
            Self::Rows { rows, .. } => {
                let rows = rows.push(chunk);
                self.rows(rows)
            }
            Self::Zip(entries) => Ok(entries.push(chunk)?.into_iter().map(Record::from).collect()),
            Self::Tar(entries) => Ok(entries.push(chunk)?.into_iter().map(Record::from).collect()),
        }
    }

    /// The file has ended; answers with the last record, and with what is needed to read a part.
    pub(super) fn finish(mut self) -> Result<(Vec<Record>, Part), Fault> {
        if let Self::Rows { rows, delimiter, .. } = &mut self {
            let rows = std::mem::replace(rows, Rows::new(*delimiter, 0)).finish();
            let rows = self.rows(rows)?;
            return Ok((rows, self.part()));
        }
        let part = self.part();
        match self {
            Self::Lines(lines) => Ok((lines.finish().map(Record::from).into_iter().collect(), part)),
            Self::Zip(entries) => entries.finish().map(|()| (Vec::new(), part)),
            Self::Tar(entries) => entries.finish().map(|()| (Vec::new(), part)),
            Self::Rows { .. } => Ok((Vec::new(), part)),
        }
    }

    /// The places of a row's fields, once the header has come.
    pub(super) fn columns(&self) -> Option<Columns> {
        match self {
            Self::Rows { columns, .. } => *columns,
            _ => None,
        }
    }

    fn part(&self) -> Part {
        match self {
            Self::Lines(_) => Part::Jsonl,
            Self::Zip(_) => Part::Zip,
            Self::Tar(_) => Part::Tar,
            Self::Rows { columns, delimiter, .. } => {
                let (text, id) = columns.map_or((0, None), |columns| (columns.text, columns.id));
                Part::Csv { delimiter: *delimiter, text, id }
            }
        }
    }

    /// The first row says what the columns are called.
    fn rows(&mut self, rows: Vec<Row>) -> Result<Vec<Record>, Fault> {
        let Self::Rows { named: (text, id), delimiter, columns, .. } = self else { return Ok(Vec::new()) };
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            if row.number == 0 {
                let header = row.bytes.unwrap_or_default();
                *columns = Some(Columns::find(&header, *delimiter, text, id.as_deref())?);
            } else {
                records.push(row.into());
            }
        }
        Ok(records)
    }
}

impl From<Line> for Record {
    fn from(line: Line) -> Self {
        Self { line, entry: None }
    }
}

impl From<Row> for Record {
    fn from(Row { number, offset, length, bytes }: Row) -> Self {
        Self { line: Line { number, offset, length, bytes }, entry: None }
    }
}

impl From<Entry> for Record {
    fn from(entry: Entry) -> Self {
        let line = Line { number: entry.number, offset: entry.offset, length: entry.length, bytes: None };
        Self { line, entry: Some(entry) }
    }
}
