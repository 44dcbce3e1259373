//! The words of Text Embeddings Inference: its requests name no model, so the service's configuration does.
//!
//! Fields that TEI does not know it passes over, and so does this dialect.

mod cut;
pub mod decode;
pub mod embed;
pub mod embed_all;
pub mod info;
pub mod predict;
pub mod rerank;
pub mod similarity;
mod times;
pub mod tokenize;

use forebay_shared::job::{Item, Kind, Object};
use serde_json::{Value, json};

use crate::call::Call;
use crate::inputs::too_many;
use crate::{Fault, FaultCode, Refusal};

/// What stands behind a path.
#[derive(Clone, Debug)]
pub struct Behind {
    /// The model that the configuration names; empty: none.
    pub model: String,
    /// Inputs of one request at most.
    pub most: usize,
}

impl Behind {
    /// A call of this model, whose inputs stand in `field`; `key` of the configuration names it.
    fn call<R>(self, key: &'static str, kinds: &'static [Kind], asked: Asked<R>) -> Result<Call<R>, Fault> {
        let Asked { field, items, params, reply } = asked;
        if self.model.is_empty() {
            let message =
                format!("no model is set up for this: `{key}` of the service's configuration names it");
            return Err(Fault::new(FaultCode::UnknownModel, message));
        }
        if items.is_empty() {
            return Err(Fault::new(FaultCode::EmptyInput, format!("`{field}` must not be empty")).at(field));
        }
        if items.len() > self.most {
            return Err(too_many(items.len(), self.most).at(field));
        }
        Ok(Call { model: self.model, named_by: Some(key), kinds, items, params, reply })
    }
}

/// What a body asks for.
struct Asked<R> {
    field: &'static str,
    items: Vec<Item>,
    params: Object,
    reply: R,
}

/// `{"error","error_type"}`: 422 is `Validation`, 429 `Overloaded`, 503 `Unhealthy`; an empty input is 400 `Empty`, and what
/// goes wrong behind the API is `Backend`.
pub fn error(refusal: &Refusal<'_>) -> (u16, Value) {
    let (status, kind) = match (refusal.code, refusal.status) {
        ("empty_input", _) => (400, "Empty"),
        ("overloaded", _) | (_, 429) => (429, "Overloaded"),
        (_, 500) => (424, "Backend"),
        (_, 504) => (504, "Backend"),
        (_, 503) => (503, "Unhealthy"),
        // TEI reads and validates in one step, and answers both with the same status.
        (_, 400) => (422, "Validation"),
        (_, status) => (status, "Validation"),
    };
    (status, json!({ "error": refusal.message, "error_type": kind }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn refusals_read_as_tei_writes_them() {
        insta::assert_snapshot!(crate::refusal::samples::told(super::error), @r#"
        malformed_json: 422 {"error":"expected `,` at line 1 column 9","error_type":"Validation"}
        too_many_items: 422 {"error":"`inputs` has 2000 items, the limit is 1024","error_type":"Validation"}
        empty_input: 400 {"error":"it is empty","error_type":"Empty"}
        unauthorized: 401 {"error":"the API key is not valid","error_type":"Validation"}
        forbidden: 403 {"error":"the scope `write` is missing","error_type":"Validation"}
        unknown_model: 404 {"error":"there is no model `nope`","error_type":"Validation"}
        not_found: 404 {"error":"there is nothing at GET /x","error_type":"Validation"}
        job_not_found: 404 {"error":"there is no such job","error_type":"Validation"}
        method_not_allowed: 405 {"error":"use GET","error_type":"Validation"}
        body_too_large: 413 {"error":"the limit is 32 MiB","error_type":"Validation"}
        unsupported_media_type: 415 {"error":"send `application/json`","error_type":"Validation"}
        too_many_requests: 429 {"error":"ask again in a second","error_type":"Overloaded"}
        internal: 424 {"error":"the request failed","error_type":"Backend"}
        overloaded: 429 {"error":"ask again in a second","error_type":"Overloaded"}
        unavailable: 503 {"error":"ask again in a second","error_type":"Unhealthy"}
        "#);
    }
}
