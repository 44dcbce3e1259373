use serde_json::json;

use super::*;
use crate::call::Reply as _;
use crate::call::samples::{nobody, text};

fn behind() -> Behind {
    Behind { model: "emotion".to_owned(), most: 3 }
}

fn asked(body: &Value) -> Call<Reply> {
    read(body.to_string().as_bytes(), behind()).unwrap()
}

fn inputs(inputs: &Value) -> Vec<Input> {
    asked(&json!({"inputs": inputs})).items.into_iter().map(|item| item.input).collect()
}

fn pair() -> Input {
    Input::Pair { text: "a".into(), text_pair: "b".into() }
}

#[test]
fn a_text_a_pair_and_lists_of_them_are_inputs() {
    let text = || Input::Text("a".into());
    assert_eq!(inputs(&json!("a")), [text()]);
    assert_eq!(inputs(&json!(["a"])), [text()]);
    assert_eq!(inputs(&json!(["a", "b"])), [pair()]);
    assert_eq!(inputs(&json!([["a"], ["a", "b"]])), [text(), pair()]);
}

#[test]
fn raw_scores_have_no_function() {
    let params = |body| Value::Object(asked(&body).params);
    let raw = json!({"inputs": "a", "raw_scores": true, "truncation_direction": "right"});
    assert_eq!(params(raw), json!({"truncation_side": "right", "function_to_apply": "none"}));
    assert_eq!(params(json!({"inputs": "a", "raw_scores": false})), json!({}));
}

#[test]
fn other_inputs_are_refused_by_their_place() {
    let refused = |inputs: Value| {
        let body = json!({"inputs": inputs}).to_string();
        let fault = read(body.as_bytes(), behind()).unwrap_err();
        (fault.code, fault.field.unwrap_or_default())
    };
    let invalid = |field: &str| (FaultCode::InvalidField, field.to_owned());
    assert_eq!(refused(json!(7)), invalid("inputs"));
    assert_eq!(refused(json!(["a", "b", "c"])), invalid("inputs"));
    assert_eq!(refused(json!([["a"], "b"])), invalid("inputs[1]"));
    assert_eq!(refused(json!([["a"], []])), invalid("inputs[1]"));
    assert_eq!(refused(json!([])), (FaultCode::EmptyInput, "inputs".to_owned()));
    assert_eq!(refused(json!([["a"], ["a"], ["a"], ["a"]])), (FaultCode::TooManyItems, "inputs".to_owned()));
}

#[test]
fn one_input_has_a_list_and_several_have_lists() {
    let labels = || vec![Label { label: "sad".to_owned(), score: 0.75 }];
    let outcome = || Ok(Output::Labels { labels: labels() });
    let written = |inputs: Value, outcomes| {
        text(asked(&json!({"inputs": inputs})).reply.write(nobody(), outcomes).unwrap())
    };
    assert_eq!(written(json!("a"), vec![outcome()]), r#"[{"label":"sad","score":0.75}]"#);
    assert_eq!(written(json!([["a"]]), vec![outcome()]), r#"[[{"label":"sad","score":0.75}]]"#);
    let both = written(json!([["a"], ["b"]]), vec![outcome(), outcome()]);
    assert_eq!(both, r#"[[{"label":"sad","score":0.75}],[{"label":"sad","score":0.75}]]"#);
}
