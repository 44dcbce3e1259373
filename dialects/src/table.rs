//! A bulk's answers as a table, CSV or Parquet, made while the lines of JSON stream by.
//!
//! One row for each item of each line, or for each line that has none. Both of a bulk's files go in, answers and errors, as
//! the native API or OpenAI writes them.

mod csv;
mod parquet;
mod row;

pub use row::Shape;

use crate::{Fault, FaultCode};
use csv::CsvTable;
use parquet::ParquetTable;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// Comma-separated values, with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// A table in the making: lines go in, bytes come out.
#[derive(Debug)]
pub struct Table {
    writer: Writer,
    shape: Shape,
    /// The line that has not ended yet.
    line: Vec<u8>,
}

#[derive(Debug)]
enum Writer {
    Csv(Box<CsvTable>),
    Parquet(Box<ParquetTable>),
}

impl Table {
    /// An empty table with the columns of `shape`.
    pub fn new(format: TableFormat, shape: Shape) -> Result<Self, Fault> {
        let writer = match format {
            TableFormat::Csv => Writer::Csv(Box::new(CsvTable::new(shape))),
            TableFormat::Parquet => Writer::Parquet(Box::new(ParquetTable::new(shape)?)),
        };
        Ok(Self { writer, shape, line: Vec::new() })
    }

    /// Adds a chunk of lines; answers with the bytes of the table that are final by now, which may be none.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<u8>, Fault> {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.add(&line)?;
            }
        }
        match &mut self.writer {
            Writer::Csv(table) => table.take(),
            Writer::Parquet(table) => Ok(table.take()),
        }
    }

    /// The lines have ended; answers with the rest of the table.
    pub fn finish(mut self) -> Result<Vec<u8>, Fault> {
        let line = std::mem::take(&mut self.line);
        self.add(&line)?;
        match self.writer {
            Writer::Csv(mut table) => table.take(),
            Writer::Parquet(table) => table.finish(),
        }
    }

    fn add(&mut self, line: &[u8]) -> Result<(), Fault> {
        // What was deleted is blank.
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        for row in row::read(line, self.shape)? {
            match &mut self.writer {
                Writer::Csv(table) => table.add(&row)?,
                Writer::Parquet(table) => table.add(row)?,
            }
        }
        Ok(())
    }
}

/// A defect of ours: what we have written ourselves cannot be read, or memory cannot be written to.
fn defect(error: impl std::fmt::Display) -> Fault {
    Fault::new(FaultCode::JobFailed, format!("an answer cannot stand in a table: {error}"))
}

#[cfg(test)]
mod tests;
