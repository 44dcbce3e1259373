//! Which lines form a slice: pure policy.
//!
//! A slice holds lines of one model, in the file's order. It is closed when it would keep a device busy for longer than it
//! should, or when what it is made of or what it is answered with would not fit into a worker's memory beside its
//! neighbours. So a worker holds a slice as a whole, and what dies with it is soon made up for.

use std::collections::BTreeMap;

use forebay_shared::bulk::Run;
use forebay_shared::job::Cost;

/// Bytes of lines in one slice: a worker reads them at once.
const MOST_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes that a slice is probably answered with: what a segment holds.
const MOST_ANSWERS: u64 = 8 * 1024 * 1024;
/// Lines of one slice: what is lost of it when its worker dies is done again.
const MOST_LINES: u64 = 10_000;

/// What one line adds to a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    /// Its number.
    pub(super) number: u64,
    /// Its first byte.
    pub(super) offset: u64,
    /// How many bytes.
    pub(super) length: u64,
    /// Its items.
    pub(super) items: u32,
    /// What they cost.
    pub(super) cost: Cost,
    /// How many bytes it is probably answered with.
    pub(super) answer: u64,
}

/// Lines of one model that run together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) model: usize,
    pub(super) runs: Vec<Run>,
    pub(super) lines: u64,
    pub(super) items: u32,
    pub(super) cost: Cost,
    bytes: u64,
    answers: u64,
    last: u64,
}

/// Slices in the making, one for each model, and those that are done.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    open: BTreeMap<usize, Piece>,
    done: Vec<Piece>,
    /// The last line that was seen, whether or not it is in a slice.
    seen: u64,
    /// Whether each line is a run by itself.
    apart: bool,
}

impl Cutter {
    /// Of a file whose lines are each read by themselves.
    pub(super) fn apart() -> Self {
        Self { apart: true, ..Self::default() }
    }

    /// Adds a line for the model of this number; one slice of that model may cost so much.
    pub(super) fn add(&mut self, model: usize, weight: Weight, most: Cost) {
        let open = self.open.entry(model).or_insert_with(|| Piece { model, ..Piece::default() });
        if !open.takes(weight, most) {
            let full = std::mem::replace(open, Piece { model, ..Piece::default() });
            self.done.push(full);
        }
        let follows = !self.apart && open.lines > 0 && open.last == self.seen;
        open.add(weight, follows);
        self.seen = weight.number;
    }

    /// A line that is in no slice ends the runs around it.
    pub(super) fn skip(&mut self, number: u64) {
        self.seen = number;
    }

    /// All slices, in the order of their first lines.
    pub(super) fn finish(self) -> Vec<Piece> {
        let mut pieces = self.done;
        pieces.extend(self.open.into_values());
        pieces.sort_by_key(|piece| piece.runs.first().map(|run| run.first));
        pieces
    }
}

impl Piece {
    fn takes(&self, weight: Weight, most: Cost) -> bool {
        // What is too large alone goes alone.
        self.lines == 0
            || (self.cost + weight.cost <= most
                && self.bytes + weight.length <= MOST_BYTES
                && self.answers + weight.answer <= MOST_ANSWERS
                && self.lines < MOST_LINES)
    }

    fn add(&mut self, weight: Weight, follows: bool) {
        if let Some(run) = self.runs.last_mut().filter(|_| follows) {
            run.length = weight.offset + weight.length - run.offset;
            run.lines += 1;
        } else {
            let (offset, length) = (weight.offset, weight.length);
            self.runs.push(Run { offset, length, first: weight.number, lines: 1 });
        }
        self.lines += 1;
        self.items = self.items.saturating_add(weight.items);
        self.cost = self.cost + weight.cost;
        self.bytes += weight.length;
        self.answers += weight.answer;
        self.last = weight.number;
    }
}

#[cfg(test)]
mod tests;
