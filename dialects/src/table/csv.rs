//! Rows as comma-separated values (RFC 4180), with a header.

use std::fmt::Write as _;

use super::defect;
use super::row::{COMMON, Output, Row, Shape};
use crate::Fault;

/// A table whose finished rows are taken away as they come.
pub(super) struct CsvTable {
    writer: ::csv::Writer<Vec<u8>>,
    shape: Shape,
    has_header: bool,
}

impl CsvTable {
    pub(super) fn new(shape: Shape) -> Self {
        Self { writer: writer(), shape, has_header: false }
    }

    pub(super) fn add(&mut self, row: &Row) -> Result<(), Fault> {
        self.header()?;
        let (code, message) = row.error.clone().unwrap_or_default();
        let common = [
            row.line.map(|line| line.to_string()).unwrap_or_default(),
            row.id.clone().unwrap_or_default(),
            row.item.to_string(),
            if row.succeeded { "succeeded" } else { "failed" }.to_owned(),
            code,
            message,
        ];
        let mut cells = common.to_vec();
        cells.extend(self.cells(&row.output));
        self.writer.write_record(cells).map_err(defect)
    }

    /// The rows since this was asked last.
    pub(super) fn take(&mut self) -> Result<Vec<u8>, Fault> {
        // A table without rows has a header nevertheless.
        self.header()?;
        let full = std::mem::replace(&mut self.writer, writer());
        full.into_inner().map_err(defect)
    }

    fn header(&mut self) -> Result<(), Fault> {
        if std::mem::replace(&mut self.has_header, true) {
            return Ok(());
        }
        let own: &[&str] = match self.shape {
            Shape::Embedding => &["embedding"],
            Shape::Labels => &["label", "score", "labels"],
            Shape::Json => &["output"],
        };
        self.writer.write_record(COMMON.iter().chain(own)).map_err(defect)
    }

    fn cells(&self, output: &Output) -> Vec<String> {
        match (self.shape, output) {
            (Shape::Embedding, Output::Embedding(numbers)) => vec![list(numbers)],
            (Shape::Labels, Output::Labels { best, all }) => {
                let (label, score) = best
                    .as_ref()
                    .map_or_else(Default::default, |(label, score)| (label.clone(), score.to_string()));
                vec![label, score, all.clone()]
            }
            (Shape::Labels, Output::Json(json)) => vec![String::new(), String::new(), json.clone()],
            (Shape::Labels, _) => vec![String::new(); 3],
            (_, Output::Json(json)) => vec![json.clone()],
            _ => vec![String::new()],
        }
    }
}

impl std::fmt::Debug for CsvTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvTable").field("shape", &self.shape).finish_non_exhaustive()
    }
}

fn writer() -> ::csv::Writer<Vec<u8>> {
    ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new())
}

/// Numbers as a JSON list, each as short as it can be read back from.
fn list(numbers: &[f32]) -> String {
    let mut text = String::with_capacity(2 + numbers.len() * 12);
    for (index, number) in numbers.iter().enumerate() {
        let before = if index == 0 { '[' } else { ',' };
        write!(text, "{before}{number}").expect("a string can be written to");
    }
    text.push_str(if numbers.is_empty() { "[]" } else { "]" });
    text
}
