//! `[bulk]`.

use serde::Deserialize;

use crate::config::{Size, Span};

/// `[bulk]`: what a bulk's file may be, and how it is cut.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkConfig {
    /// Lines of one file.
    pub max_lines: u64,
    /// Inputs of all its lines together.
    pub max_inputs: u64,
    /// How large it may be.
    pub max_bytes: Size,
    /// How long one line may be.
    pub longest_line: Size,
    /// The longest window.
    pub longest_window: Span,
    /// Bad lines that a refused file tells of.
    pub max_errors: usize,
    /// Files that one scheduler reads at once.
    pub readers: usize,
    /// How long a slice keeps a device busy.
    pub slice: Span,
    /// How long a bulk and its files are kept once it has ended.
    pub keep: Span,
}

impl BulkConfig {
    /// What contradicts itself, by key. Empty: nothing does.
    pub fn check(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.max_errors == 0 || self.readers == 0 {
            complaints.push("bulk.max_errors and bulk.readers must be at least 1".to_owned());
        }
        if !(1..=MOST_LINES).contains(&self.max_lines) {
            complaints.push(format!(
                "bulk.max_lines must be from 1 to {MOST_LINES}: a reader holds 35 bytes for each line"
            ));
        }
        if self.slice.get().as_secs() == 0 {
            complaints.push(format!("bulk.slice ({}) must be a second at least", self.slice));
        }
        complaints
    }
}

/// Lines of one file at the very most: their names take 350 MB while they are read.
const MOST_LINES: u64 = 10_000_000;
