//! Bodies that are read, bodies that are refused, and answers.

use forebay_shared::job::{Failure, FailureCode, Input, ItemsAt, Label, Outcome, Output};
use forebay_shared::job::{read_result, result_document};
use serde_json::{Value, json};

use super::read;
use crate::call::{Answered, Reply};
use crate::openai::{Call, Endpoint};
use crate::{Fault, FaultCode};

const ANSWERED: Answered<'static> = Answered { id: "1", model: "minilm", job: None };

fn call(body: &Value) -> Result<Call, Fault> {
    read(body.to_string().as_bytes())
}

fn with(input: &Value) -> Result<Call, Fault> {
    call(&json!({"model": "minilm", "input": input}))
}

fn inputs(input: &Value) -> Vec<Input> {
    with(input).unwrap().items.into_iter().map(|item| item.input).collect()
}

#[test]
fn an_input_is_a_text_or_tokens_or_a_list_of_either() {
    assert_eq!(inputs(&json!("a")), [Input::Text("a".into())]);
    assert_eq!(inputs(&json!(["a", "b"])), [Input::Text("a".into()), Input::Text("b".into())]);
    assert_eq!(inputs(&json!([1, 2])), [Input::Tokens(vec![1, 2])]);
    assert_eq!(inputs(&json!([[1, 2], [3]])), [Input::Tokens(vec![1, 2]), Input::Tokens(vec![3])]);
}

#[test]
fn what_it_asks_for_besides_is_kept() {
    let body = json!({"model": "m", "input": "a", "dimensions": 64, "user": "u", "encoding_format": null});
    let call = call(&body).unwrap();
    assert_eq!((call.model.as_str(), Value::Object(call.params)), ("m", json!({"dimensions": 64})));
}

#[test]
fn refusals_name_the_field_and_the_limit() {
    let table = [
        (json!(""), FaultCode::EmptyInput, "input", "`input` must not be empty"),
        (json!([]), FaultCode::EmptyInput, "input", "`input` must not be empty"),
        (json!([[]]), FaultCode::EmptyInput, "input[0]", "`input[0]` must not be empty"),
        (json!(["a", ""]), FaultCode::EmptyInput, "input[1]", "`input[1]` must not be empty"),
        (
            json!(vec!["a"; 2049]),
            FaultCode::TooManyItems,
            "input",
            "there are 2049 inputs, the limit is 2048",
        ),
        (
            json!(["a", 1]),
            FaultCode::InvalidField,
            "input[1]",
            "`input` is a list of strings, and `input[1]` is something else",
        ),
        (
            json!([1, "a"]),
            FaultCode::InvalidField,
            "input[1]",
            "`input` is a list of token ids, and `input[1]` is something else",
        ),
        (
            json!([[1], 2]),
            FaultCode::InvalidField,
            "input[1]",
            "`input` is a list of lists of token ids, and `input[1]` is something else",
        ),
        (json!([1, -1]), FaultCode::InvalidField, "input[1]", "-1 is no token id"),
        (
            json!(7),
            FaultCode::InvalidField,
            "input",
            "invalid type: integer `7`, expected a string, a list of strings, a list of token ids, or a list of \
             such lists",
        ),
        (json!([[[1]]]), FaultCode::InvalidField, "input[0][0]", "invalid type: sequence, expected u32"),
    ];
    for (input, code, field, message) in table {
        let fault = with(&input).unwrap_err();
        assert_eq!(
            (fault.code, fault.field.as_deref(), fault.message.as_str()),
            (code, Some(field), message)
        );
    }
}

#[test]
fn what_is_missing_unknown_or_wrong_is_named() {
    let table = [
        (json!({"input": "a"}), FaultCode::MissingField, "model"),
        (json!({"model": "m"}), FaultCode::MissingField, "input"),
        (json!({"model": "m", "input": "a", "colour": 1}), FaultCode::UnknownField, "colour"),
        (
            json!({"model": "m", "input": "a", "encoding_format": "hex"}),
            FaultCode::InvalidField,
            "encoding_format",
        ),
        (json!({"model": "m", "input": "a", "dimensions": 0}), FaultCode::InvalidField, "dimensions"),
        (json!({"model": "m", "input": "a", "dimensions": -3}), FaultCode::InvalidField, "dimensions"),
    ];
    for (body, code, field) in table {
        let fault = call(&body).unwrap_err();
        assert_eq!((fault.code, fault.field.as_deref()), (code, Some(field)), "{}", fault.message);
    }
    assert_eq!(read(b"{\"model\": ").unwrap_err().code, FaultCode::MalformedJson);
    assert_eq!(read(b"[]").unwrap_err().message, "the request must be a JSON object");
}

fn outcomes() -> Vec<Outcome> {
    vec![
        Ok(Output::Embedding { embedding: vec![0.5, -1.0], tokens: 5 }),
        Ok(Output::Embedding { embedding: vec![0.1, 0.0], tokens: 3 }),
    ]
}

/// As whoever writes a line of a file does it: from the body and the outcomes, and nothing else.
fn answer(body: &Value, outcomes: &[Outcome]) -> Result<String, Fault> {
    let document = result_document(outcomes, &[], &[]);
    let answer = call(body)?.reply.write(ANSWERED, read_result(&document).unwrap())?;
    Ok(String::from_utf8(answer.body).unwrap())
}

#[test]
fn an_answer_is_openais() {
    let body = json!({"model": "m", "input": ["a", "b"]});
    assert_eq!(
        answer(&body, &outcomes()).unwrap(),
        concat!(
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.0]},"#,
            r#"{"object":"embedding","index":1,"embedding":[0.1,0.0]}],"#,
            r#""model":"minilm","usage":{"prompt_tokens":8,"total_tokens":8}}"#
        )
    );
}

#[test]
fn base64_is_of_little_endian_floats() {
    let body = json!({"model": "m", "input": ["a", "b"], "encoding_format": "base64"});
    let answer: Value = serde_json::from_str(&answer(&body, &outcomes()).unwrap()).unwrap();
    // 0.5 is 3f000000, -1.0 is bf800000.
    assert_eq!(answer["data"][0]["embedding"], "AAAAPwAAgL8=");
}

#[test]
fn one_failed_input_fails_the_whole() {
    let fail = |code| -> Vec<Outcome> {
        let mut outcomes = outcomes();
        outcomes[1] = Err(Failure::permanent(code, "the text has more than 256 tokens, the model's limit"));
        outcomes
    };
    let body = json!({"model": "m", "input": ["a", "b"]});
    let fault = answer(&body, &fail(FailureCode::InputTooLong)).unwrap_err();
    assert_eq!((fault.code, fault.field.as_deref()), (FaultCode::InputFailed, Some("input")));
    assert_eq!(fault.message, "input 1: the text has more than 256 tokens, the model's limit");
    assert_eq!(answer(&body, &fail(FailureCode::InferenceFailed)).unwrap_err().code, FaultCode::JobFailed);
    let labels = Ok(Output::Labels { labels: vec![Label { label: "a".into(), score: 1.0 }] });
    assert_eq!(answer(&body, &[labels]).unwrap_err().code, FaultCode::JobFailed);
}

#[test]
fn items_are_stored_as_they_are_read() {
    let items = with(&json!([[1, 2], [3]])).unwrap().items;
    assert_eq!(ItemsAt::encode(&items), r#"[{"tokens":[1,2]},{"tokens":[3]}]"#);
}

#[test]
fn lines_of_a_file_name_the_endpoint_by_its_path() {
    for endpoint in Endpoint::ALL {
        assert_eq!(Endpoint::at(endpoint.path()), Some(endpoint));
    }
    assert_eq!(Endpoint::at("/v1/jobs"), None);
}
