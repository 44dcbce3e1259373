//! A slice: which lines of a file one job is made of.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Form, Part};
use crate::id::BulkId;
use crate::job::Object;

/// What a slice's job has in place of items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// How its lines are written and answered.
    pub form: Form,
    /// The model of lines that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Parameters that stand below the lines' own.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub params: Object,
    /// How the file is written.
    #[serde(default, skip_serializing_if = "Part::is_jsonl")]
    pub part: Part,
    /// Where its lines stand.
    pub runs: Vec<Run>,
}

/// Lines that follow one another, `[offset, length, first, lines]` as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64, u64)", into = "(u64, u64, u64, u64)")]
pub struct Run {
    /// The first line's first byte.
    pub offset: u64,
    /// How many bytes, up to the last line's last.
    pub length: u64,
    /// The first line's number, from 1.
    pub first: u64,
    /// How many lines that are not blank.
    pub lines: u64,
}

impl Run {
    /// Where its bytes stand.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.length
    }
}

impl From<(u64, u64, u64, u64)> for Run {
    fn from((offset, length, first, lines): (u64, u64, u64, u64)) -> Self {
        Self { offset, length, first, lines }
    }
}

impl From<Run> for (u64, u64, u64, u64) {
    fn from(run: Run) -> Self {
        (run.offset, run.length, run.first, run.lines)
    }
}

impl Slice {
    /// How many lines.
    pub fn lines(&self) -> u64 {
        self.runs.iter().map(|run| run.lines).sum()
    }

    /// The stored form.
    pub fn encode(&self) -> String {
        serde_json::to_string(self)
            .expect("a slice is made of words, numbers and JSON objects, which JSON can hold")
    }

    /// Reads the stored form back.
    pub fn decode(stored: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(stored)
    }
}

/// What one line's answer is called: the bulk and the line's number, so that a slice that runs twice gives equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineId {
    /// The bulk.
    pub bulk: BulkId,
    /// The line's number.
    pub line: u64,
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:08x}", self.bulk.0.simple(), self.line)
    }
}

impl FromStr for LineId {
    type Err = NoLineId;

    fn from_str(text: &str) -> Result<Self, NoLineId> {
        let (bulk, line) = text.split_at_checked(32).ok_or(NoLineId)?;
        let bulk = Uuid::try_parse(bulk).map_err(|_| NoLineId)?;
        let line = u64::from_str_radix(line, 16).map_err(|_| NoLineId)?;
        Ok(Self { bulk: BulkId(bulk), line })
    }
}

/// It is no line's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a line's name")]
pub struct NoLineId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_reads_back_as_it_was() {
        let slice = Slice {
            form: Form::Native,
            model: Some("echo".to_owned()),
            params: Object::new(),
            part: Part::Jsonl,
            runs: vec![Run { offset: 3, length: 40, first: 1, lines: 2 }],
        };
        assert_eq!(slice.encode(), r#"{"form":"native","model":"echo","runs":[[3,40,1,2]]}"#);
        assert_eq!(Slice::decode(&slice.encode()).unwrap(), slice);
    }

    #[test]
    fn a_line_is_found_by_its_name() {
        let id = LineId { bulk: BulkId(Uuid::from_u128(7)), line: 1_000_000 };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("batch".parse::<LineId>(), Err(NoLineId));
    }
}
