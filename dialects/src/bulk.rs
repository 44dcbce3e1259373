//! The lines of a bulk: what each asks for, and how it is answered.
//!
//! A line is read twice: by the scheduler, which checks it and cuts slices, and by the worker that runs it. Both read it
//! with the same code, so what was found good is good.

mod answer;
mod job;
mod line;
mod run;

pub use answer::{Answers, BATCH_CANCELLED, BATCH_EXPIRED, bad_line, refusal, unfinished};
pub use line::{LONGEST_ID, Read, Request, Rules};

#[cfg(test)]
mod tests;
