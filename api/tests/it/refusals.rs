//! Every way in which a submission can be refused, with the body that says so.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use forebay_shared::config::{Size, Span};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{Answer, TestApp};
use crate::bodies::{base64, multipart, padded_png, png};

/// The refusal of one submission, which must leave nothing behind.
async fn refused(body: Value) -> Answer {
    let app = TestApp::start().await;
    let answer = app.post("/v1/jobs").json(body).await;
    assert!(answer.status.is_client_error(), "{answer}");
    assert_eq!(app.store.calls("submit"), 0);
    assert!(app.objects().await.is_empty());
    answer
}

/// Code and field of one submission's refusal.
async fn told(body: Value) -> (String, String) {
    let problem = refused(body).await.json();
    let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    (word("code"), word("field"))
}

fn pair(code: &str, field: &str) -> (String, String) {
    (code.to_owned(), field.to_owned())
}

#[tokio::test]
async fn an_unknown_model() {
    insta::assert_snapshot!(refused(json!({"model": "nope", "input": "a"})).await, @r#"
    404 Not Found
    content-type: application/problem+json
    {
      "type": "/problems/unknown_model",
      "title": "There is no such model",
      "status": 404,
      "detail": "there is no model `nope`",
      "code": "unknown_model",
      "field": "model",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_picture_for_a_model_of_texts() {
    let image = json!({"image": {"base64": base64(&png(3, 2))}});
    insta::assert_snapshot!(refused(json!({"model": "emotion", "inputs": ["a", image]})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/wrong_input",
      "title": "The model does not take such an input",
      "status": 422,
      "detail": "the model `emotion` does text_classification and takes no pictures",
      "code": "wrong_input",
      "field": "inputs[1]",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_text_for_a_model_of_pictures() {
    insta::assert_snapshot!(refused(json!({"model": "net", "input": "a"})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/wrong_input",
      "title": "The model does not take such an input",
      "status": 422,
      "detail": "the model `net` does image_classification and takes no texts",
      "code": "wrong_input",
      "field": "input",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn an_empty_list() {
    insta::assert_snapshot!(refused(json!({"model": "echo", "inputs": []})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/empty_input",
      "title": "There is no input",
      "status": 422,
      "detail": "there must be at least one input",
      "code": "empty_input",
      "field": "inputs",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn too_many_items() {
    insta::assert_snapshot!(refused(json!({"model": "echo", "inputs": vec!["a"; 9]})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/too_many_items",
      "title": "There are too many items",
      "status": 422,
      "detail": "there are 9 inputs, the limit is 8",
      "code": "too_many_items",
      "field": "inputs",
      "limit": 8,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn neither_input_nor_inputs() {
    insta::assert_snapshot!(refused(json!({"model": "echo"})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/missing_field",
      "title": "A field is missing",
      "status": 422,
      "detail": "give `input` or `inputs`",
      "code": "missing_field",
      "field": "input",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn both_input_and_inputs() {
    insta::assert_snapshot!(refused(json!({"model": "echo", "input": "a", "inputs": ["a"]})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "give either `input` or `inputs`, not both",
      "code": "invalid_field",
      "field": "inputs",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn what_is_not_an_image() {
    let image = json!({"image": {"base64": base64(b"I am a text, and rather a long one")}});
    insta::assert_snapshot!(refused(json!({"model": "net", "inputs": [image]})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/not_an_image",
      "title": "This is not a picture",
      "status": 422,
      "detail": "it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture",
      "code": "not_an_image",
      "field": "inputs[0].image.base64",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_picture_whose_header_is_broken() {
    let image = json!({"image": {"base64": base64(&png(3, 2)[..12])}});
    insta::assert_snapshot!(refused(json!({"model": "net", "input": image})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/not_an_image",
      "title": "This is not a picture",
      "status": 422,
      "detail": "its header cannot be read",
      "code": "not_an_image",
      "field": "input.image.base64",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn too_many_pixels() {
    let image = json!({"image": {"base64": base64(&png(101, 100))}});
    insta::assert_snapshot!(refused(json!({"model": "net", "input": image})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/too_many_pixels",
      "title": "The picture has too many pixels",
      "status": 422,
      "detail": "it has 10100 pixels, the limit is 10000",
      "code": "too_many_pixels",
      "field": "input.image.base64",
      "limit": 10000,
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn too_many_bytes_in_a_picture() {
    let limit = Size::new(20_000);
    let app = TestApp::build().limits(|limits| limits.max_image_bytes = limit).start().await;
    let body = |bytes| json!({"model": "net", "input": {"image": {"base64": base64(&padded_png(bytes))}}});
    insta::assert_snapshot!(app.post("/v1/jobs").json(body(20_001)).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/image_too_large",
      "title": "The picture has too many bytes",
      "status": 422,
      "detail": "the picture is larger than 19.5 KiB",
      "code": "image_too_large",
      "field": "input.image.base64",
      "limit": 20000,
      "request_id": "a-request"
    }
    "#);
    assert_eq!(app.post("/v1/jobs").json(body(20_000)).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn bad_base64() {
    let image = json!({"image": {"base64": "this is *not* base64"}});
    insta::assert_snapshot!(refused(json!({"model": "net", "inputs": [image]})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_base64",
      "title": "This is not base64",
      "status": 422,
      "detail": "it is not base64: invalid symbol 42, offset 6",
      "code": "invalid_base64",
      "field": "inputs[0].image.base64",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_data_uri_that_is_none() {
    for uri in
        ["data:text/plain;base64,aGVsbG8=", "data:image/png,hello", "http://example.org/a.png", "data", ""]
    {
        let body = json!({"model": "net", "input": {"image": {"data_uri": uri}}});
        assert_eq!(told(body).await, pair("url_unsupported", "input.image.data_uri"), "{uri}");
    }
}

#[tokio::test]
async fn an_image_with_several_sources_or_none() {
    for image in [json!({}), json!({"url": "http://example.org/a.png", "base64": ""})] {
        let body = json!({"model": "net", "inputs": [{"image": image}]});
        assert_eq!(told(body).await, pair("invalid_field", "inputs[0].image"));
    }
}

#[tokio::test]
async fn an_item_that_is_both_or_neither() {
    let two = json!({"text": "a", "image": {"url": "http://example.org/a.png"}});
    for item in [json!({}), two, json!({"text": "a", "tokens": [1]})] {
        let body = json!({"model": "echo", "inputs": ["a", item]});
        assert_eq!(told(body).await, pair("invalid_field", "inputs[1]"));
    }
}

#[tokio::test]
async fn an_unsupported_url() {
    let image = |url: &str| json!({"model": "net", "input": {"image": {"url": url}}});
    insta::assert_snapshot!(refused(image("ftp://example.org/a.png")).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/url_unsupported",
      "title": "The URL cannot be fetched",
      "status": 422,
      "detail": "the URL must begin with http:// or https://",
      "code": "url_unsupported",
      "field": "input.image.url",
      "request_id": "a-request"
    }
    "#);
    let long = format!("http://example.org/{}", "a".repeat(9000));
    for url in ["file:///etc/passwd", "http://user:secret@example.org/", "not a url", "", &long] {
        assert_eq!(told(image(url)).await, pair("url_unsupported", "input.image.url"), "{url}");
    }
}

#[tokio::test]
async fn a_literal_bad_address() {
    let image = |url: &str| json!({"model": "net", "inputs": [{"image": {"url": url}}]});
    insta::assert_snapshot!(refused(image("http://169.254.169.254/latest/meta-data?token=secret")).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/url_refused",
      "title": "The URL may not be fetched",
      "status": 422,
      "detail": "the address of `169.254.169.254` may not be fetched",
      "code": "url_refused",
      "field": "inputs[0].image.url",
      "request_id": "a-request"
    }
    "#);
    for url in ["http://127.0.0.1/", "https://[::1]/a.png", "http://10.0.0.1:8080/", "http://0x7f.1/"] {
        assert_eq!(told(image(url)).await, pair("url_refused", "inputs[0].image.url"), "{url}");
    }
}

#[tokio::test]
async fn bad_params_of_the_job() {
    let body = json!({"model": "emotion", "input": "a", "params": {"top_k": 1001}});
    insta::assert_snapshot!(refused(body).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_params",
      "title": "A parameter is not valid",
      "status": 422,
      "detail": "`top_k` must be at most 1000, not 1001",
      "code": "invalid_params",
      "field": "params.top_k",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn bad_params_of_an_item() {
    let item = json!({"text": "b", "params": {"colour": "red"}});
    insta::assert_snapshot!(refused(json!({"model": "emotion", "inputs": ["a", item]})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_params",
      "title": "A parameter is not valid",
      "status": 422,
      "detail": "unknown field `colour`, expected one of `truncate`, `truncation_side`, `top_k`, `function_to_apply`",
      "code": "invalid_params",
      "field": "inputs[1].params.colour",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn bad_params_or_words_for_a_model_that_finds_things() {
    let image = json!({"image": {"base64": base64(&png(4, 4))}});
    let body = json!({"model": "finder", "input": image, "params": {"threshold": 1.5}});
    let problem = refused(body).await.json();
    assert_eq!(problem["detail"], "`threshold` must be from 0 to 1, not 1.5");
    let body = json!({"model": "finder", "input": image, "params": {"iou_threshold": "half"}});
    assert_eq!(told(body).await.0, "invalid_params");
    let body = json!({"model": "finder", "input": image, "params": {"truncate": true}});
    assert_eq!(told(body).await, pair("invalid_params", "params.truncate"));
    assert_eq!(told(json!({"model": "finder", "input": "a"})).await, pair("wrong_input", "input"));
}

#[tokio::test]
async fn a_prompt_that_the_model_does_not_have() {
    let body = json!({"model": "minilm", "input": "a", "params": {"prompt": "sonnet"}});
    insta::assert_snapshot!(refused(body).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_params",
      "title": "A parameter is not valid",
      "status": 422,
      "detail": "the model `minilm` has no prompt `sonnet`; it has `query`, `passage`",
      "code": "invalid_params",
      "field": "params.prompt",
      "request_id": "a-request"
    }
    "#);
    let item = json!({"text": "a", "params": {"prompt": "query"}});
    let body = json!({"model": "words", "inputs": [item]});
    assert_eq!(told(body).await, pair("invalid_params", "inputs[0].params.prompt"));
}

#[tokio::test]
async fn more_dimensions_than_the_model_has() {
    let body = json!({"model": "minilm", "input": "a", "params": {"dimensions": 385}});
    insta::assert_snapshot!(refused(body).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_params",
      "title": "A parameter is not valid",
      "status": 422,
      "detail": "`dimensions` must be from 1 to 384 for the model `minilm`, not 385",
      "code": "invalid_params",
      "field": "params.dimensions",
      "request_id": "a-request"
    }
    "#);
    let none = json!({"model": "minilm", "input": "a", "params": {"dimensions": 0}});
    assert_eq!(told(none).await, pair("invalid_params", "params.dimensions"));
}

#[tokio::test]
async fn tokens_that_are_no_numbers_or_no_texts() {
    let item = |tokens: Value| json!({"model": "minilm", "inputs": ["a", {"tokens": tokens}]});
    for tokens in [json!([-1]), json!(["a"]), json!([4_294_967_296_u64]), json!([1.5])] {
        assert_eq!(told(item(tokens)).await.0, "invalid_field");
    }
    let body = json!({"model": "net", "input": {"tokens": [1, 2]}});
    assert_eq!(told(body).await, pair("wrong_input", "input"));
}

#[tokio::test]
async fn a_bad_priority() {
    insta::assert_snapshot!(refused(json!({"model": "echo", "input": "a", "priority": 11})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "`priority` must be from -10 to 10, not 11",
      "code": "invalid_field",
      "field": "priority",
      "limit": 10,
      "request_id": "a-request"
    }
    "#);
    let body = json!({"model": "echo", "input": "a", "priority": "high"});
    assert_eq!(told(body).await, pair("invalid_field", "priority"));
    let body = json!({"model": "echo", "input": "a", "priority": 99_999});
    assert_eq!(told(body).await, pair("invalid_field", "priority"));
}

#[tokio::test]
async fn a_bad_number_of_attempts() {
    for attempts in [0, 11] {
        let body = json!({"model": "echo", "input": "a", "max_attempts": attempts});
        assert_eq!(told(body).await, pair("invalid_field", "max_attempts"));
    }
}

#[tokio::test]
async fn a_class_that_is_none() {
    insta::assert_snapshot!(refused(json!({"model": "echo", "input": "a", "class": "fast"})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "unknown variant `fast`, expected `interactive` or `bulk`",
      "code": "invalid_field",
      "field": "class",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn metadata_that_are_too_many_or_too_long() {
    let many: Value = (0..17).map(|n| (n.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    insta::assert_snapshot!(refused(json!({"model": "echo", "input": "a", "metadata": many})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "there are 17 pairs, the limit is 16",
      "code": "invalid_field",
      "field": "metadata",
      "limit": 16,
      "request_id": "a-request"
    }
    "#);
    let long = "n".repeat(65);
    for (metadata, field) in [
        (json!({ long.clone(): "x" }), format!("metadata.{}", "n".repeat(64))),
        (json!({ "": "x" }), "metadata.".to_owned()),
        (json!({ "a": "x".repeat(513) }), "metadata.a".to_owned()),
        (json!({ "a": 1 }), "metadata.a".to_owned()),
        (json!({ "a": "nul\0" }), "metadata.a".to_owned()),
    ] {
        let body = json!({"model": "echo", "input": "a", "metadata": metadata});
        assert_eq!(told(body).await, pair("invalid_field", &field));
    }
    let fits = json!({ "上".repeat(64): "海".repeat(512) });
    TestApp::start().await.submit(json!({"model": "echo", "input": "a", "metadata": fits})).await;
}

#[tokio::test]
async fn an_unknown_field() {
    insta::assert_snapshot!(refused(json!({"model": "echo", "input": "a", "modle": 1})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/unknown_field",
      "title": "A field is not known",
      "status": 422,
      "detail": "unknown field `modle`, expected one of `model`, `input`, `inputs`, `params`, `class`, `priority`, `metadata`, `max_attempts`, `run_at`, `start_by`, `finish_by`, `retention`, `webhook`",
      "code": "unknown_field",
      "field": "modle",
      "request_id": "a-request"
    }
    "#);
    let item = json!({"text": "a", "txt": 1});
    let body = json!({"model": "echo", "inputs": ["a", item]});
    assert_eq!(told(body).await, pair("unknown_field", "inputs[1].txt"));
    let body = json!({"model": "net", "input": {"image": {"file": "a.png"}}});
    assert_eq!(told(body).await, pair("unknown_field", "input.image.file"));
}

#[tokio::test]
async fn a_missing_model() {
    insta::assert_snapshot!(refused(json!({"input": "a"})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/missing_field",
      "title": "A field is missing",
      "status": 422,
      "detail": "missing field `model`",
      "code": "missing_field",
      "field": "model",
      "request_id": "a-request"
    }
    "#);
}

#[tokio::test]
async fn a_field_of_the_wrong_type() {
    insta::assert_snapshot!(
        refused(json!({"model": "net", "inputs": ["a", {"image": {"base64": 7}}]})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "invalid type: integer `7`, expected a string",
      "code": "invalid_field",
      "field": "inputs[1].image.base64",
      "request_id": "a-request"
    }
    "#);
    for (body, field) in [
        (json!({"model": 7, "input": "a"}), "model"),
        (json!({"model": "echo", "input": 7}), "input"),
        (json!({"model": "echo", "input": ["a"]}), "input"),
        (json!({"model": "echo", "inputs": "a"}), "inputs"),
        (json!({"model": "echo", "inputs": [null]}), "inputs[0]"),
        (json!({"model": "echo", "input": "a", "params": []}), "params"),
        (json!(["echo", "a"]), ""),
        (json!("echo"), ""),
        (json!(7), ""),
    ] {
        assert_eq!(told(body.clone()).await, pair("invalid_field", field), "{body}");
    }
}

#[tokio::test]
async fn malformed_json() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.post("/v1/jobs").text(r#"{"model": "echo", "input": "a",}"#).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/malformed_json",
      "title": "The body is not valid JSON",
      "status": 400,
      "detail": "trailing comma at line 1 column 32",
      "code": "malformed_json",
      "request_id": "a-request"
    }
    "#);
    for body in ["", "{", "hello", r#"{"model": "echo", "input": "a"} and more"#, "{\"model\": \"\\ud800\"}"]
    {
        let answer = app.post("/v1/jobs").text(body).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::BAD_REQUEST, &json!("malformed_json"))
        );
    }
    let not_utf8 = app.post("/v1/jobs").header("content-type", "application/json");
    let answer = not_utf8.body(Body::from(&b"{\"model\": \"\xff\"}"[..])).send().await;
    assert_eq!(answer.json()["code"], "malformed_json");
    let deep = app.post("/v1/jobs").text(&"[".repeat(100_000)).await;
    assert!(deep.status.is_client_error());
}

#[tokio::test]
async fn a_field_that_is_there_twice() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/jobs").text(r#"{"model": "echo", "model": "net", "input": "a"}"#).await;
    assert_eq!(answer.json()["code"], "invalid_field", "{answer}");
}

#[tokio::test]
async fn the_wrong_content_type() {
    let app = TestApp::start().await;
    let form = app.post("/v1/jobs").header("content-type", "application/x-www-form-urlencoded");
    insta::assert_snapshot!(form.body(Body::from("model=echo")).send().await, @r#"
    415 Unsupported Media Type
    content-type: application/problem+json
    {
      "type": "/problems/unsupported_media_type",
      "title": "The content type is not supported",
      "status": 415,
      "detail": "send `application/json` or `multipart/form-data`",
      "code": "unsupported_media_type",
      "field": "Content-Type",
      "request_id": "a-request"
    }
    "#);
    let none = app.post("/v1/jobs").body(Body::from(r#"{"model": "echo", "input": "a"}"#)).send().await;
    assert_eq!(none.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let charset = app.post("/v1/jobs").header("content-type", "Application/JSON; charset=utf-8");
    let answer = charset.body(Body::from(r#"{"model": "echo", "input": "a"}"#)).send().await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_body_that_is_too_large() {
    let app = TestApp::start().await;
    let body = json!({"model": "echo", "input": "x".repeat(4 << 20)});
    insta::assert_snapshot!(app.post("/v1/jobs").json(body).await, @r#"
    413 Payload Too Large
    content-type: application/problem+json
    {
      "type": "/problems/body_too_large",
      "title": "The body is too large",
      "status": 413,
      "detail": "the body is larger than 4.0 MiB",
      "code": "body_too_large",
      "limit": 4194304,
      "request_id": "a-request"
    }
    "#);
    let declared = app.post("/v1/jobs").header("content-length", "99999999").text("{").await;
    assert_eq!(declared.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_stands_still() {
    let app = TestApp::build().start().await;
    let mut config = app.config.clone();
    config.api.body_timeout = Span::new(Duration::from_millis(20));
    let router = forebay_api::router(config, app.parts.clone());
    let request = Request::post("/v1/jobs")
        .header("content-type", "application/json")
        .body(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()));
    let response = router.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_body_that_drips() {
    let app = TestApp::start().await;
    let mut config = app.config.clone();
    config.api.upload_timeout = Span::new(Duration::from_millis(300));
    let router = forebay_api::router(config, app.parts.clone());
    let job = ("job", None, json!({"model": "net"}).to_string().into_bytes());
    let (boundary, begun) =
        multipart(&[job, ("a", Some("a.png"), padded_png(40_000)), ("b", None, png(3, 2))]);
    let begun = begun
        .into_data_stream()
        .map_ok(|piece| piece.slice(..piece.len() - 20))
        .map_err(std::io::Error::other);
    for (content_type, begun) in [("application/json", stream::empty().boxed()), (&boundary, begun.boxed())] {
        let drip = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((Ok(Bytes::from_static(b" ")), ()))
        });
        let request = Request::post("/v1/jobs")
            .header("content-type", content_type)
            .header("x-request-id", "a-request")
            .body(Body::from_stream(begun.chain(drip)));
        let answer = Answer::of(router.clone().oneshot(request.unwrap()).await.unwrap()).await;
        insta::allow_duplicates!(insta::assert_snapshot!(answer, @r#"
        408 Request Timeout
        content-type: application/problem+json
        {
          "type": "/problems/body_timeout",
          "title": "The body did not arrive in time",
          "status": 408,
          "detail": "the body took longer than 300ms",
          "code": "body_timeout",
          "request_id": "a-request"
        }
        "#));
        app.eventually(async || app.objects().await.is_empty()).await;
    }
}

#[tokio::test]
async fn a_name_that_a_web_page_may_have_given_us() {
    let body = json!({"model": "echo", "input": "a"});
    let app = TestApp::build().local().start().await;
    let answer = app.post("/v1/jobs").header("host", "rebound.example:8080").json(body.clone()).await;
    insta::assert_snapshot!(answer, @r#"
    403 Forbidden
    content-type: application/problem+json
    {
      "type": "/problems/forbidden_host",
      "title": "The service does not answer to this name",
      "status": 403,
      "detail": "without keys the service answers only to `localhost` and to addresses; make a key, or set `auth.mode` to `open`",
      "code": "forbidden_host",
      "field": "Host",
      "request_id": "a-request"
    }
    "#);
    assert_eq!(
        app.post("http://rebound.example/v1/jobs").json(body.clone()).await.status,
        StatusCode::FORBIDDEN
    );
    for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
        let answer = app.post("/v1/jobs").header("host", host).json(body.clone()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{host}");
    }
    let open = TestApp::start().await;
    let answer = open.post("/v1/jobs").header("host", "forebay.example").json(body).await;
    assert_eq!(
        answer.status,
        StatusCode::ACCEPTED,
        "an operator who opens the service names it as they like"
    );
}

#[tokio::test]
async fn a_webhook() {
    let webhook = json!({"url": "https://example.org/hook", "events": ["job.progress"]});
    insta::assert_snapshot!(refused(json!({"model": "echo", "input": "a", "webhook": webhook})).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {
      "type": "/problems/invalid_field",
      "title": "A field is not valid",
      "status": 422,
      "detail": "`job.progress` is told to who follows events, and not by webhook",
      "code": "invalid_field",
      "field": "webhook.events[0]",
      "request_id": "a-request"
    }
    "#);
    for (webhook, code, field) in [
        (json!({"url": "http://127.0.0.1/hook"}), "url_refused", "webhook.url"),
        (json!({"url": "http://169.254.169.254/"}), "url_refused", "webhook.url"),
        (json!({"url": "ftp://example.org/"}), "url_unsupported", "webhook.url"),
        (json!({"url": format!("https://example.org/{}", "x".repeat(2048))}), "invalid_field", "webhook.url"),
        (json!({"events": []}), "missing_field", "webhook.url"),
        (json!({"url": "https://example.org/", "events": []}), "invalid_field", "webhook.events"),
        (
            json!({"url": "https://example.org/", "events": ["batch.completed"]}),
            "invalid_field",
            "webhook.events[0]",
        ),
        (
            json!({"url": "https://example.org/", "events": ["succeeded"]}),
            "invalid_field",
            "webhook.events[0]",
        ),
        (json!({"url": "https://example.org/", "secret": "x"}), "unknown_field", "webhook.secret"),
    ] {
        let body = json!({"model": "echo", "input": "a", "webhook": webhook});
        assert_eq!(told(body).await, pair(code, field));
    }
}

#[tokio::test]
async fn a_bad_prefer() {
    let app = TestApp::start().await;
    let call = app.post("/v1/jobs").header("prefer", "wait=61");
    insta::assert_snapshot!(call.json(json!({"model": "echo", "input": "a"})).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_header",
      "title": "A header is not valid",
      "status": 400,
      "detail": "`wait` in the header `Prefer` must be a number of seconds from 0 to 60",
      "code": "invalid_header",
      "field": "Prefer",
      "limit": 60,
      "request_id": "a-request"
    }
    "#);
    let id = app.submit(json!({"model": "echo", "input": "a"})).await;
    let answer = app.get(&format!("/v1/jobs/{id}")).header("prefer", "wait=soon").send().await;
    assert_eq!(answer.json()["code"], "invalid_header");
}

#[tokio::test]
async fn a_bad_idempotency_key() {
    let app = TestApp::start().await;
    let body = json!({"model": "echo", "input": "a"});
    let call = app.post("/v1/jobs").header("idempotency-key", "two words");
    insta::assert_snapshot!(call.json(body.clone()).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {
      "type": "/problems/invalid_header",
      "title": "A header is not valid",
      "status": 400,
      "detail": "`Idempotency-Key` must be 1 to 255 visible ASCII characters, given once",
      "code": "invalid_header",
      "field": "Idempotency-Key",
      "limit": 255,
      "request_id": "a-request"
    }
    "#);
    for key in ["", &"k".repeat(256), "schlüssel"] {
        let answer = app.post("/v1/jobs").header("idempotency-key", key).json(body.clone()).await;
        assert_eq!(answer.json()["code"], "invalid_header", "{key}");
    }
    let twice = app.post("/v1/jobs").header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(twice.json(body.clone()).await.json()["code"], "invalid_header");
    let longest = app.post("/v1/jobs").header("idempotency-key", &"k".repeat(255)).json(body).await;
    assert_eq!(longest.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn an_idempotency_key_for_another_submission() {
    let app = TestApp::start().await;
    let submit = |text: &str, priority: i32| {
        let body = json!({"model": "echo", "input": text, "priority": priority});
        app.post("/v1/jobs").header("idempotency-key", "k").json(body)
    };
    assert_eq!(submit("a", 0).await.status, StatusCode::ACCEPTED);
    insta::assert_snapshot!(submit("b", 0).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {
      "type": "/problems/idempotency_mismatch",
      "title": "The idempotency key is taken",
      "status": 409,
      "detail": "the `Idempotency-Key` was used before for another submission",
      "code": "idempotency_mismatch",
      "field": "Idempotency-Key",
      "request_id": "a-request"
    }
    "#);
    assert_eq!(submit("a", 1).await.status, StatusCode::CONFLICT);
    app.clock.advance(Duration::from_secs(86_401));
    assert_eq!(submit("b", 0).await.status, StatusCode::ACCEPTED, "a day later the key is free");
}

#[tokio::test]
async fn what_a_refusal_quotes_is_bounded() {
    let app = TestApp::start().await;
    let long = "好".repeat(100_000);
    let bodies =
        [json!({"model": long, "input": "a"}), json!({"model": "echo", "input": "a", (long.as_str()): 1})];
    for body in bodies {
        let answer = app.post("/v1/jobs").json(body).await;
        assert!(
            answer.status.is_client_error() && answer.text().len() < 10_000,
            "{} bytes",
            answer.text().len()
        );
        assert!(answer.json()["detail"].as_str().unwrap().ends_with("好…"), "{answer}");
    }
}

#[tokio::test]
async fn an_insane_request_id_is_replaced() {
    let app = TestApp::start().await;
    for id in ["", "two words", &"x".repeat(129), "<script>"] {
        let request = Request::get("/livez").header("x-request-id", id).body(Body::empty()).unwrap();
        let response = app.router.clone().oneshot(request).await.unwrap();
        let answered = response.headers()["x-request-id"].to_str().unwrap();
        assert_eq!(answered.len(), 36, "{answered}");
    }
}
