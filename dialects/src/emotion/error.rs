//! How the emotion API writes a refusal.

use forebay_shared::clock::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Refusal;

/// Why a request was refused, in the emotion API's words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionError)]
pub struct ErrorResponse {
    /// A few words that are the same for every refusal of this kind.
    #[schema(example = "Model not found")]
    error: String,
    /// One sentence about this very request.
    #[schema(example = "Model with ID A999 does not exist")]
    detail: String,
    /// When it was refused.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// The HTTP status.
    #[schema(example = 404)]
    status_code: u16,
}

/// `{"error","detail","timestamp","status_code"}`; bad input is 400, never 415 or 422.
pub fn error(refusal: &Refusal<'_>) -> (u16, Value) {
    let status = refusal.status_without_415();
    let (error, detail) = match (refusal.code, refusal.model) {
        ("unknown_model", Some(model)) => {
            ("Model not found", format!("Model with ID {model} does not exist"))
        }
        ("unknown_model", None) => ("Model not found", refusal.message.to_owned()),
        _ => (refusal.title, placed(refusal)),
    };
    let body = ErrorResponse { error: error.to_owned(), detail, timestamp: refusal.at, status_code: status };
    (status, serde_json::to_value(body).expect("strings and numbers can be written as JSON"))
}

/// The sentence, which has to say where the reason stands: there is no other place for that.
fn placed(refusal: &Refusal<'_>) -> String {
    match refusal.field {
        Some(field) if !refusal.message.contains(field) => format!("`{field}`: {}", refusal.message),
        _ => refusal.message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn refusals_read_as_the_emotion_document_says() {
        insta::assert_snapshot!(crate::refusal::samples::told(super::error), @r#"
        malformed_json: 400 {"error":"The body is not valid JSON","detail":"expected `,` at line 1 column 9","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400}
        too_many_items: 400 {"error":"There are too many items","detail":"`inputs` has 2000 items, the limit is 1024","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400}
        empty_input: 400 {"error":"There is no input","detail":"`input`: it is empty","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400}
        unauthorized: 401 {"error":"No valid API key was given","detail":"the API key is not valid","timestamp":"2026-06-01T12:00:00.000000Z","status_code":401}
        forbidden: 403 {"error":"The API key does not permit this","detail":"the scope `write` is missing","timestamp":"2026-06-01T12:00:00.000000Z","status_code":403}
        unknown_model: 404 {"error":"Model not found","detail":"Model with ID nope does not exist","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
        not_found: 404 {"error":"There is nothing here","detail":"there is nothing at GET /x","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
        job_not_found: 404 {"error":"There is no such job","detail":"there is no such job","timestamp":"2026-06-01T12:00:00.000000Z","status_code":404}
        method_not_allowed: 405 {"error":"The method is not allowed here","detail":"use GET","timestamp":"2026-06-01T12:00:00.000000Z","status_code":405}
        body_too_large: 413 {"error":"The body is too large","detail":"the limit is 32 MiB","timestamp":"2026-06-01T12:00:00.000000Z","status_code":413}
        unsupported_media_type: 400 {"error":"The content type is not supported","detail":"send `application/json`","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400}
        too_many_requests: 429 {"error":"There are too many requests","detail":"ask again in a second","timestamp":"2026-06-01T12:00:00.000000Z","status_code":429}
        internal: 500 {"error":"Something went wrong here","detail":"the request failed","timestamp":"2026-06-01T12:00:00.000000Z","status_code":500}
        overloaded: 503 {"error":"There is too much to do","detail":"ask again in a second","timestamp":"2026-06-01T12:00:00.000000Z","status_code":503}
        unavailable: 503 {"error":"The service is not available","detail":"ask again in a second","timestamp":"2026-06-01T12:00:00.000000Z","status_code":503}
        "#);
    }
}
