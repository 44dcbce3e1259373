//! What is refused, in OpenAI's words.

use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

/// The refusal of a body, which stores nothing.
async fn refused(path: &str, body: Value) -> Answer {
    let app = TestApp::start().await;
    let answer = app.post(path).json(body).await;
    assert_eq!(app.store.calls("submit"), 0);
    assert_eq!(answer.header("x-forebay-job"), None, "there is no job");
    assert_eq!(answer.header("x-request-id"), Some("a-request"));
    answer
}

/// `param` and `code` of a refusal.
async fn pair(path: &str, body: Value) -> (Value, Value) {
    let error = refused(path, body).await.json()["error"].clone();
    assert_eq!(error.as_object().unwrap().len(), 4, "all four keys: {error}");
    (error["param"].clone(), error["code"].clone())
}

#[tokio::test]
async fn an_unknown_model() {
    insta::assert_snapshot!(refused("/v1/embeddings", json!({"model": "nope", "input": "a"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": {
        "message": "there is no model `nope`",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found"
      }
    }
    "#);
}

#[tokio::test]
async fn a_model_that_does_not_embed() {
    insta::assert_snapshot!(refused("/v1/embeddings", json!({"model": "emotion", "input": "a"})).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "the model `emotion` does text_classification, and this asks for text_embedding",
        "type": "invalid_request_error",
        "param": "model",
        "code": "wrong_input"
      }
    }
    "#);
}

#[tokio::test]
async fn an_empty_input() {
    insta::assert_snapshot!(refused("/v1/embeddings", json!({"model": "minilm", "input": ["a", ""]})).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "`input[1]` must not be empty",
        "type": "invalid_request_error",
        "param": "input[1]",
        "code": "empty_input"
      }
    }
    "#);
    for input in [json!(""), json!([])] {
        let body = json!({"model": "minilm", "input": input});
        assert_eq!(pair("/v1/embeddings", body).await, (json!("input"), json!("empty_input")));
    }
}

#[tokio::test]
async fn too_many_inputs() {
    // The native limit of this test is eight.
    let body = json!({"model": "minilm", "input": vec!["a"; 2049]});
    insta::assert_snapshot!(refused("/v1/embeddings", body).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "there are 2049 inputs, the limit is 2048",
        "type": "invalid_request_error",
        "param": "input",
        "code": "too_many_items"
      }
    }
    "#);
}

#[tokio::test]
async fn more_dimensions_than_the_model_has() {
    let body = json!({"model": "minilm", "input": "a", "dimensions": 385});
    insta::assert_snapshot!(refused("/v1/embeddings", body).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "`dimensions` must be from 1 to 384 for the model `minilm`, not 385",
        "type": "invalid_request_error",
        "param": "dimensions",
        "code": "invalid_params"
      }
    }
    "#);
}

#[tokio::test]
async fn fields_that_are_missing_unknown_or_wrong() {
    let path = "/v1/embeddings";
    assert_eq!(pair(path, json!({"input": "a"})).await, (json!("model"), json!("missing_field")));
    assert_eq!(pair(path, json!({"model": "minilm"})).await, (json!("input"), json!("missing_field")));
    let body = json!({"model": "minilm", "input": "a", "colour": "red"});
    assert_eq!(pair(path, body).await, (json!("colour"), json!("unknown_field")));
    let body = json!({"model": "minilm", "input": "a", "encoding_format": "hex"});
    assert_eq!(pair(path, body).await, (json!("encoding_format"), json!("invalid_field")));
}

#[tokio::test]
async fn a_body_that_is_no_json() {
    let app = TestApp::start().await;
    insta::assert_snapshot!(app.post("/v1/embeddings").text("{\"model\"").await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "EOF while parsing an object at line 1 column 8",
        "type": "invalid_request_error",
        "param": null,
        "code": "malformed_json"
      }
    }
    "#);
    let form = app.post("/v1/embeddings").header("content-type", "text/plain").send().await;
    insta::assert_snapshot!(form, @r#"
    415 Unsupported Media Type
    content-type: application/json
    {
      "error": {
        "message": "send `application/json`",
        "type": "invalid_request_error",
        "param": "Content-Type",
        "code": "unsupported_media_type"
      }
    }
    "#);
}

#[tokio::test]
async fn a_header_that_says_neither_yes_nor_no() {
    let app = TestApp::start().await;
    let call = app.post("/v1/embeddings").header("x-forebay-detach", "1");
    insta::assert_snapshot!(call.json(json!({"model": "minilm", "input": "a"})).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "`x-forebay-detach` must be `true` or `false`",
        "type": "invalid_request_error",
        "param": "x-forebay-detach",
        "code": "invalid_header"
      }
    }
    "#);
}

#[tokio::test]
async fn a_caller_without_a_key() {
    let app = TestApp::build().keys().start().await;
    for path in ["/v1/embeddings", "/v1/moderations"] {
        let answer = app.post(path).json(json!({"model": "minilm", "input": "a"})).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["code"]),
            (401, &json!("invalid_api_key"))
        );
    }
}

#[tokio::test]
async fn moderations_without_a_model_say_which_key_to_set() {
    let app = TestApp::build().moderation(|moderation| moderation.model.clear()).start().await;
    insta::assert_snapshot!(app.post("/v1/moderations").json(json!({"input": "a"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": {
        "message": "no model is set up to judge texts: `moderation.model` of the service's configuration names it",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found"
      }
    }
    "#);
}

#[tokio::test]
async fn moderations_whose_model_is_not_there_or_is_no_classifier() {
    let asked = async |model: &str| {
        let app = TestApp::build().moderation(|moderation| moderation.model = model.to_owned()).start().await;
        app.post("/v1/moderations").json(json!({"input": "a"})).await
    };
    insta::assert_snapshot!(asked("nope").await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": {
        "message": "there is no model `nope`, which `moderation.model` of the configuration names",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found"
      }
    }
    "#);
    assert_eq!(asked("minilm").await.json()["error"]["code"], "wrong_input");
    let body = json!({"input": "a", "model": "minilm"});
    assert_eq!(pair("/v1/moderations", body).await, (json!("model"), json!("model_not_found")));
}

#[tokio::test]
async fn pictures_are_not_judged() {
    let picture = json!({"type": "image_url", "image_url": {"url": "http://example.org/a.png"}});
    insta::assert_snapshot!(refused("/v1/moderations", json!({"input": [picture]})).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "only texts are judged here, no `image_url`",
        "type": "invalid_request_error",
        "param": "input[0].type",
        "code": "not_supported"
      }
    }
    "#);
}

#[tokio::test]
async fn pictures_made_of_words() {
    let path = "/v1/images/generations";
    let asked = |model: Value| json!({"model": model, "prompt": "a cup", "n": 1, "size": "512x512"});
    insta::assert_snapshot!(refused(path, asked(json!("dall-e-3"))).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": {
        "message": "there is no model `dall-e-3`",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found"
      }
    }
    "#);
    insta::assert_snapshot!(refused(path, json!({"prompt": "a cup"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": {
        "message": "no model makes pictures of words here, so none is chosen where `model` is missing",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found"
      }
    }
    "#);
    insta::assert_snapshot!(refused(path, asked(json!("emotion"))).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "the model `emotion` does text_classification, and this asks for pictures made of words",
        "type": "invalid_request_error",
        "param": "model",
        "code": "wrong_input"
      }
    }
    "#);
    assert_eq!(pair(path, json!({"model": "emotion"})).await, (json!("prompt"), json!("missing_field")));
}
