//! The image-task API's words.

mod answer;
mod picture;

use forebay_shared::job::Kind;
use serde_json::{Value, json};

use crate::Refusal;

pub use answer::{Reply, accepted, standing};
pub use picture::read;

/// What can be made of a picture.
pub const KINDS: &[Kind] = &[
    Kind::ImageClassification,
    Kind::ObjectDetection,
    Kind::ImageEmbedding,
    Kind::BackgroundRemoval,
    Kind::ImageToImage,
    Kind::ImageSegmentation,
    Kind::Ocr,
    Kind::Echo,
];

/// `{"error":"…"}`, but `{"detail":"Invalid API Key"}` for a missing or wrong key.
pub fn error(refusal: &Refusal<'_>) -> (u16, Value) {
    let status = refusal.status_without_415();
    let body = match status {
        401 => json!({ "detail": "Invalid API Key" }),
        404 if refusal.code != "unknown_model" => json!({ "error": "Task not found" }),
        429 => json!({ "error": "Too many requests" }),
        _ => json!({ "error": refusal.message }),
    };
    (status, body)
}

#[cfg(test)]
mod tests {
    use forebay_shared::job::Modality;

    use super::*;

    #[test]
    fn every_kind_that_takes_pictures_is_one() {
        for kind in Kind::ALL {
            assert_eq!(KINDS.contains(&kind), kind.takes(Modality::Image), "{kind}");
        }
    }

    #[test]
    fn refusals_read_as_the_image_document_says() {
        insta::assert_snapshot!(crate::refusal::samples::told(error), @r#"
        malformed_json: 400 {"error":"expected `,` at line 1 column 9"}
        too_many_items: 400 {"error":"`inputs` has 2000 items, the limit is 1024"}
        empty_input: 400 {"error":"it is empty"}
        unauthorized: 401 {"detail":"Invalid API Key"}
        forbidden: 403 {"error":"the scope `write` is missing"}
        unknown_model: 404 {"error":"there is no model `nope`"}
        not_found: 404 {"error":"Task not found"}
        job_not_found: 404 {"error":"Task not found"}
        method_not_allowed: 405 {"error":"use GET"}
        body_too_large: 413 {"error":"the limit is 32 MiB"}
        unsupported_media_type: 400 {"error":"send `application/json`"}
        too_many_requests: 429 {"error":"Too many requests"}
        internal: 500 {"error":"the request failed"}
        overloaded: 503 {"error":"ask again in a second"}
        unavailable: 503 {"error":"ask again in a second"}
        "#);
    }
}
