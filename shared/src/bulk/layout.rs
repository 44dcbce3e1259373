//! How a bulk's file is written: lines of JSON, rows of a table, or an archive of pictures.

use serde::{Deserialize, Serialize};

/// How a file is written, as its owner says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Layout {
    /// A line of JSON each.
    #[default]
    Jsonl,
    /// A row each, behind a header.
    Csv {
        /// The column of the text.
        column: String,
        /// The column of the row's name, if rows have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id_column: Option<String>,
        /// What stands between fields.
        delimiter: u8,
    },
    /// A picture each, in a ZIP archive.
    Zip,
    /// A picture each, in a tar archive.
    Tar,
}

impl Layout {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv { .. } => "csv",
            Self::Zip => "zip",
            Self::Tar => "tar",
        }
    }
}

/// What is needed to read a part of a file without what stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Part {
    /// Lines need nothing.
    #[default]
    Jsonl,
    /// The places of a row's fields.
    Csv {
        /// What stands between fields.
        delimiter: u8,
        /// The place of the text.
        text: usize,
        /// The place of the name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<usize>,
    },
    /// Each run is one file of a ZIP archive.
    Zip,
    /// Each run is one file of a tar archive.
    Tar,
}

impl Part {
    /// Whether it need not be said.
    pub fn is_jsonl(&self) -> bool {
        *self == Self::Jsonl
    }
}
