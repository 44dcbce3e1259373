use forebay_shared::job::{Failure, FailureCode, Input};
use serde_json::{Value, json};

use super::*;
use crate::FaultCode;
use crate::call::Reply as _;
use crate::call::samples::{answered, nobody, text};

fn behind() -> Behind {
    Behind { model: "minilm".to_owned(), most: 3 }
}

fn asked(body: &Value) -> Call<Reply> {
    read(body.to_string().as_bytes(), behind()).unwrap()
}

fn refused(body: &Value) -> (FaultCode, String) {
    let fault = read(body.to_string().as_bytes(), behind()).unwrap_err();
    (fault.code, fault.message)
}

#[test]
fn texts_and_tokens_are_inputs_of_the_configured_model() {
    let call = asked(&json!({"inputs": ["a", "b"], "whatever": 1}));
    assert_eq!((call.model.as_str(), call.named_by, call.items.len()), ("minilm", Some("tei.embed"), 2));
    assert_eq!(Value::Object(call.params), json!({"normalize": true}));
    assert_eq!(asked(&json!({"inputs": "a"})).items[0].input, Input::Text("a".into()));
    assert_eq!(asked(&json!({"inputs": [7, 8]})).items[0].input, Input::Tokens(vec![7, 8]));
    assert_eq!(asked(&json!({"inputs": [[7], [8]]})).items[1].input, Input::Tokens(vec![8]));
}

#[test]
fn what_it_asks_for_besides_are_parameters() {
    let body = json!({
        "inputs": "a", "truncate": false, "truncation_direction": "Left", "prompt_name": "query", "normalize": false,
        "dimensions": 64
    });
    let params = json!({
        "truncate": false, "truncation_side": "left", "normalize": false, "prompt": "query", "dimensions": 64
    });
    assert_eq!(Value::Object(asked(&body).params), params);
    let nothing = json!({"inputs": "a", "truncate": null, "prompt_name": null, "dimensions": null});
    assert_eq!(Value::Object(asked(&nothing).params), json!({"normalize": true}));
    let (code, message) = refused(&json!({"inputs": "a", "truncation_direction": "up"}));
    assert_eq!(code, FaultCode::InvalidField);
    assert!(message.contains("`Left`"), "{message}");
}

#[test]
fn too_much_and_nothing_are_refused() {
    let empty = (FaultCode::EmptyInput, "`inputs` must not be empty".to_owned());
    assert_eq!((refused(&json!({"inputs": []})), refused(&json!({"inputs": ""}))), (empty.clone(), empty));
    let many = "there are 4 inputs, the limit is 3".to_owned();
    assert_eq!(refused(&json!({"inputs": ["a", "b", "c", "d"]})), (FaultCode::TooManyItems, many));
    let none = Behind { model: String::new(), ..behind() };
    let fault = read(br#"{"inputs": "a"}"#, none).unwrap_err();
    assert_eq!(fault.code, FaultCode::UnknownModel);
    assert!(fault.message.contains("`tei.embed`"), "{}", fault.message);
}

#[test]
fn vectors_are_a_list_of_lists_and_headers_tell_the_times() {
    let reply = asked(&json!({"inputs": "häh"})).reply;
    let vector = || vec![Ok(Output::Embedding { embedding: vec![0.5, -1.0], tokens: 5 })];
    let answer = answered(|answered| reply.write(answered, vector()).unwrap());
    let headers: Vec<_> = answer.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    insta::assert_snapshot!(headers.join("\n"), @r"
    x-compute-characters: 3
    x-compute-tokens: 5
    x-total-time: 20
    x-compute-time: 12
    x-tokenization-time: 0
    x-queue-time: 3
    x-inference-time: 12
    ");
    assert_eq!(text(answer), "[[0.5,-1.0]]");
    let failure = Failure::permanent(FailureCode::InputTooLong, "the text has 300 tokens, the limit is 128");
    let fault = reply.write(nobody(), vec![Err(failure)]).unwrap_err();
    assert_eq!(fault.message, "input 0: the text has 300 tokens, the limit is 128");
}
