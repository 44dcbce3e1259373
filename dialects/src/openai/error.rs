//! How OpenAI writes a refusal.

use serde_json::{Value, json};

use crate::Refusal;

/// `{"error":{"message","type","param","code"}}`, all four always there.
pub fn error(refusal: &Refusal<'_>) -> (u16, Value) {
    let status = refusal.status_without_422();
    let kind = match status {
        403 => "permission_error",
        429 if refusal.code == "too_much_cost" => "tokens",
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    // Where OpenAI has a code of its own, clients compare with that one.
    let code = match refusal.code {
        "unauthorized" => Some("invalid_api_key"),
        "unknown_model" => Some("model_not_found"),
        "too_many_requests" | "too_much_cost" => Some("rate_limit_exceeded"),
        // Of these it has none: their sentences say it.
        "file_not_found" | "upload_not_found" | "file_too_large" | "not_found" | "method_not_allowed" => None,
        code => Some(code),
    };
    let body = json!({
        "error": { "message": refusal.message, "type": kind, "param": refusal.field, "code": code }
    });
    (status, body)
}

#[cfg(test)]
mod tests {
    #[test]
    fn refusals_read_as_openai_writes_them() {
        insta::assert_snapshot!(crate::refusal::samples::told(super::error), @r#"
        malformed_json: 400 {"error":{"message":"expected `,` at line 1 column 9","type":"invalid_request_error","param":null,"code":"malformed_json"}}
        too_many_items: 400 {"error":{"message":"`inputs` has 2000 items, the limit is 1024","type":"invalid_request_error","param":"inputs","code":"too_many_items"}}
        empty_input: 400 {"error":{"message":"it is empty","type":"invalid_request_error","param":"input","code":"empty_input"}}
        unauthorized: 401 {"error":{"message":"the API key is not valid","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}
        forbidden: 403 {"error":{"message":"the scope `write` is missing","type":"permission_error","param":null,"code":"forbidden"}}
        unknown_model: 404 {"error":{"message":"there is no model `nope`","type":"invalid_request_error","param":null,"code":"model_not_found"}}
        not_found: 404 {"error":{"message":"there is nothing at GET /x","type":"invalid_request_error","param":null,"code":null}}
        job_not_found: 404 {"error":{"message":"there is no such job","type":"invalid_request_error","param":null,"code":"job_not_found"}}
        method_not_allowed: 405 {"error":{"message":"use GET","type":"invalid_request_error","param":null,"code":null}}
        body_too_large: 413 {"error":{"message":"the limit is 32 MiB","type":"invalid_request_error","param":null,"code":"body_too_large"}}
        unsupported_media_type: 415 {"error":{"message":"send `application/json`","type":"invalid_request_error","param":null,"code":"unsupported_media_type"}}
        too_many_requests: 429 {"error":{"message":"ask again in a second","type":"requests","param":null,"code":"rate_limit_exceeded"}}
        internal: 500 {"error":{"message":"the request failed","type":"server_error","param":null,"code":"internal"}}
        overloaded: 503 {"error":{"message":"ask again in a second","type":"server_error","param":null,"code":"overloaded"}}
        unavailable: 503 {"error":{"message":"ask again in a second","type":"server_error","param":null,"code":"unavailable"}}
        "#);
    }
}
