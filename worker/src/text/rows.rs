//! Batches of items that are several rows each, such as one for each label.

use std::collections::HashMap;

use forebay_shared::job::{Failure, FailureCode};

use crate::bucket;

use super::{TextEncoder, TextSession, TextTensors, Tokens};

/// The rows of a batch, in runs that each keep to the budget. What is asked several times runs once.
#[derive(Debug)]
pub struct Rows {
    runs: Vec<TextTensors>,
    /// For each item the numbers of its rows, in the order in which they run.
    of_items: Vec<Vec<usize>>,
}

impl Rows {
    /// Puts the rows of items together; a run has at most `most` padded tokens, or one row.
    pub fn collate<'a>(
        encoder: &TextEncoder,
        items: impl Iterator<Item = &'a [Tokens]> + Clone,
        most: u64,
    ) -> Self {
        let mut distinct: Vec<&Tokens> = items.clone().flatten().collect();
        // The shortest first, so that rows that run together are about as long.
        distinct.sort_by(|a, b| (a.len(), *a).cmp(&(b.len(), *b)));
        distinct.dedup();
        let numbers: HashMap<&Tokens, usize> = distinct.iter().copied().zip(0..).collect();
        let of_items = items.map(|rows| rows.iter().map(|row| numbers[row]).collect()).collect();
        let (mut runs, mut begun) = (Vec::new(), 0);
        for end in 1..=distinct.len() {
            let rows = (end + 1 - begun) as u64;
            let grown = distinct.get(end).map(|next| u64::from(bucket::padded(next.len())) * rows);
            if grown.is_none_or(|padded| padded > most) {
                runs.push(encoder.collate(distinct[begun..end].iter().copied()));
                begun = end;
            }
        }
        Self { runs, of_items }
    }

    /// Runs all rows; `read` makes one value for each row of a run. Answers with the values of each item's rows.
    pub fn run(
        &self,
        engine: &mut TextSession,
        read: impl Fn(&TextTensors, &[usize], &[f32]) -> Result<Vec<Vec<f32>>, Failure>,
    ) -> Result<Vec<Vec<Vec<f32>>>, Failure> {
        let mut values = Vec::new();
        for tensors in &self.runs {
            values.extend(engine.run(tensors, |shape, output| read(tensors, shape, output))?);
        }
        let value = |row: &usize| {
            values.get(*row).cloned().ok_or_else(|| {
                Failure::permanent(FailureCode::InferenceFailed, "the model gave fewer answers than rows")
            })
        };
        self.of_items.iter().map(|rows| rows.iter().map(value).collect()).collect()
    }
}
