//! OpenAI's words: requests become items and parameters, outcomes become answers.
//!
//! A body is read twice where nobody waits for the answer: once when it is checked, and once more, by whoever has its
//! outcomes, to know how the answer is written. Nothing else has to be remembered.

mod call;
mod embeddings;
mod error;
mod moderations;

pub use call::{Call, Endpoint, Reply};
pub use error::error;

/// Inputs of one request, as OpenAI bounds them.
const MOST_INPUTS: usize = 2048;
