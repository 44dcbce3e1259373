//! How a slice's lines are to be answered.

use forebay_dialects::bulk::{Answers, BATCH_CANCELLED, BATCH_EXPIRED, Request};
use forebay_shared::bulk::{Form, LineId};
use forebay_shared::id::BulkId;
use forebay_shared::job::Outcome;

/// Lines of a slice, without their items.
#[derive(Debug)]
pub struct Plan {
    bulk: BulkId,
    form: Form,
    lines: Vec<Planned>,
}

/// A line, and how many of the job's items are its: those that come after the items of the line before.
#[derive(Debug)]
struct Planned {
    number: u64,
    request: Request,
    items: usize,
}

impl Plan {
    /// A slice of this bulk, without lines yet.
    pub fn new(bulk: BulkId, form: Form) -> Self {
        Self { bulk, form, lines: Vec::new() }
    }

    /// Adds a line that has so many items.
    pub fn add(&mut self, number: u64, request: Request, items: usize) {
        self.lines.push(Planned { number, request, items });
    }

    /// The lines as they are answered, given what became of the job's items. `expired`: what has not run was too late.
    pub fn answer(&self, model: &str, expired: bool, outcomes: Vec<Outcome>) -> Answers {
        let stopped = if expired { BATCH_EXPIRED } else { BATCH_CANCELLED };
        let (mut answers, mut outcomes) = (Answers::default(), outcomes.into_iter());
        for line in &self.lines {
            let id = LineId { bulk: self.bulk, line: line.number };
            let of_line = outcomes.by_ref().take(line.items).collect();
            answers.add(self.form, (id, &line.request), (model, stopped), of_line);
        }
        answers
    }
}
