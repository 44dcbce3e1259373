//! A run of a bulk's file: read again by the worker that runs it, and by the scheduler that tells of what did not run.

use bytes::Bytes;
use forebay_shared::bulk::{Line, Lines, Part, Run};

use super::line::{Read, Rules};
use crate::Fault;
use crate::records::csv::{Columns, Row, Rows};
use crate::records::{Unpacked, tar, zip};

/// Bytes of a line, a row or a picture at most. What is longer was refused when the file was read, whatever the limit was
/// then.
const LONGEST: usize = 64 * 1024 * 1024;

impl Rules<'_> {
    /// Reads a run, which has come in chunks: the number of each line, and what it says.
    pub fn run(&self, part: Part, run: Run, chunks: &[Bytes]) -> Vec<(u64, Read)> {
        match part {
            Part::Jsonl => {
                let mut lines = Lines::from(run.first, run.offset, LONGEST);
                let mut found: Vec<Line> = chunks.iter().flat_map(|chunk| lines.push(chunk)).collect();
                found.extend(lines.finish());
                found.into_iter().map(|line| (line.number, self.line(line.bytes))).collect()
            }
            Part::Csv { delimiter, text, id } => {
                let columns = Columns { delimiter, text, id };
                let mut rows = Rows::from(run.first, run.offset, delimiter, LONGEST);
                let mut found: Vec<Row> = chunks.iter().flat_map(|chunk| rows.push(chunk)).collect();
                found.extend(rows.finish());
                found.into_iter().map(|row| (row.number, self.row(columns, row.bytes))).collect()
            }
            Part::Zip => vec![(run.first, self.unpacked(zip::unpack(&whole(chunks), LONGEST as u64)))],
            Part::Tar => vec![(run.first, self.unpacked(tar::unpack(&whole(chunks), LONGEST as u64)))],
        }
    }

    fn line(&self, bytes: Option<Bytes>) -> Read {
        match bytes {
            Some(bytes) => self.read(&bytes),
            None => (None, Err(too_long())),
        }
    }

    /// Reads a row of a table; `None`: it is too long.
    pub fn row(&self, columns: Columns, row: Option<Bytes>) -> Read {
        let said = row.ok_or_else(too_long).and_then(|row| columns.read(&row));
        match said {
            Ok(said) => self.text(said.id, said.text),
            Err(fault) => (None, Err(fault)),
        }
    }

    /// What is torn fails alone: as a picture with nothing in it, which nobody can decode.
    fn unpacked(&self, unpacked: Result<Unpacked, Fault>) -> Read {
        match unpacked {
            Ok(Unpacked { name, content }) => self.picture(Some(name), content.to_vec()),
            Err(_) => self.picture(None, Vec::new()),
        }
    }
}

fn whole(chunks: &[Bytes]) -> Bytes {
    match chunks {
        [one] => one.clone(),
        many => many.concat().into(),
    }
}

fn too_long() -> Fault {
    Fault::new(crate::FaultCode::InvalidField, format!("the line has more than {LONGEST} bytes"))
}
