//! The words of KServe's Open Inference Protocol, version 2.

mod infer;
mod input;
mod metadata;
mod output;
mod ports;
mod reply;

use serde_json::{Value, json};

use crate::Refusal;

pub use infer::Request;
pub use metadata::{IndexEntry, ModelMetadata, ModelReady, ServerMetadata, VERSION};
pub use reply::Reply;

/// `{"error":"…"}`
pub fn error(refusal: &Refusal<'_>) -> (u16, Value) {
    (refusal.status_without_422(), json!({ "error": refusal.message }))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod refusals {
    #[test]
    fn refusals_read_as_kserve_writes_them() {
        insta::assert_snapshot!(crate::refusal::samples::told(super::error), @r#"
        malformed_json: 400 {"error":"expected `,` at line 1 column 9"}
        too_many_items: 400 {"error":"`inputs` has 2000 items, the limit is 1024"}
        empty_input: 400 {"error":"it is empty"}
        unauthorized: 401 {"error":"the API key is not valid"}
        forbidden: 403 {"error":"the scope `write` is missing"}
        unknown_model: 404 {"error":"there is no model `nope`"}
        not_found: 404 {"error":"there is nothing at GET /x"}
        job_not_found: 404 {"error":"there is no such job"}
        method_not_allowed: 405 {"error":"use GET"}
        body_too_large: 413 {"error":"the limit is 32 MiB"}
        unsupported_media_type: 415 {"error":"send `application/json`"}
        too_many_requests: 429 {"error":"ask again in a second"}
        internal: 500 {"error":"the request failed"}
        overloaded: 503 {"error":"ask again in a second"}
        unavailable: 503 {"error":"ask again in a second"}
        "#);
    }
}
