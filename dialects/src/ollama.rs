//! Ollama's words: requests become items and parameters, outcomes become answers, models what its lists say of them.
//!
//! Fields that Ollama does not know it passes over, and so does this dialect, unlike the others: its clients send each other's.

pub mod chat;
pub mod create;
pub mod embed;
pub mod embeddings;
pub mod generate;
mod keep;
pub mod model;
mod name;
pub mod order;
mod progress;
pub mod pull;
mod said;
mod seen;
mod stream;
mod times;

use serde_json::{Value, json};

pub use name::plain;
pub use progress::Progress;
pub use stream::{Manner, Streaming};

use crate::Refusal;

/// Inputs of one request. Ollama has no bound; its clients send whole documents' worth of passages.
const MOST_INPUTS: usize = 2048;

/// What Ollama says when its queue is full; clients look for it, both spaces included.
const BUSY: &str = "server busy, please try again.  maximum pending requests exceeded";

/// `{"error":"…"}`
pub fn error(refusal: &Refusal<'_>) -> (u16, Value) {
    let message = match (refusal.code, refusal.model) {
        ("unknown_model", Some(model)) => format!("model '{model}' not found"),
        ("overloaded", _) => BUSY.to_owned(),
        _ => refusal.message.to_owned(),
    };
    (refusal.status_without_422(), json!({ "error": message }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn refusals_read_as_ollama_writes_them() {
        insta::assert_snapshot!(crate::refusal::samples::told(super::error), @r#"
        malformed_json: 400 {"error":"expected `,` at line 1 column 9"}
        too_many_items: 400 {"error":"`inputs` has 2000 items, the limit is 1024"}
        empty_input: 400 {"error":"it is empty"}
        unauthorized: 401 {"error":"the API key is not valid"}
        forbidden: 403 {"error":"the scope `write` is missing"}
        unknown_model: 404 {"error":"model 'nope' not found"}
        not_found: 404 {"error":"there is nothing at GET /x"}
        job_not_found: 404 {"error":"there is no such job"}
        method_not_allowed: 405 {"error":"use GET"}
        body_too_large: 413 {"error":"the limit is 32 MiB"}
        unsupported_media_type: 415 {"error":"send `application/json`"}
        too_many_requests: 429 {"error":"ask again in a second"}
        internal: 500 {"error":"the request failed"}
        overloaded: 503 {"error":"server busy, please try again.  maximum pending requests exceeded"}
        unavailable: 503 {"error":"ask again in a second"}
        "#);
    }
}
