use forebay_shared::job::{Failure, FailureCode};
use serde_json::json;

use super::*;
use crate::call::Reply as _;
use crate::call::samples::{answered, card, nobody, text as written};

fn vector(values: &[f32], tokens: u32) -> Output {
    Output::Embedding { embedding: values.to_vec(), tokens }
}

fn asked(body: &Value) -> Call<Reply> {
    read(body.to_string().as_bytes()).unwrap()
}

fn refused(body: &str) -> String {
    let fault = read(body.as_bytes()).unwrap_err();
    format!("{:?} at {:?}: {}", fault.code, fault.field.unwrap_or_default(), fault.message)
}

#[test]
fn a_text_and_texts_are_items_of_the_named_model() {
    let call = asked(&json!({"model": "minilm:latest", "input": "a"}));
    assert_eq!((call.model.as_str(), call.kinds), ("minilm", &[Kind::TextEmbedding][..]));
    assert_eq!(Value::Object(call.params), json!({"normalize": true}));
    let texts: Vec<Input> =
        asked(&json!({"model": "m", "input": ["a", ""]})).items.into_iter().map(|item| item.input).collect();
    assert_eq!(texts, [Input::Text("a".into()), Input::Text(String::new())]);
}

#[test]
fn what_ollama_passes_over_is_passed_over() {
    let body = json!({
        "model": "m", "input": "a", "keep_alive": "5m", "options": {"num_ctx": 4096, "colour": "red"}, "format": "",
        "tools": null, "truncate": false, "dimensions": 0, "whatever": 1
    });
    let call = asked(&body);
    assert_eq!(Value::Object(call.params), json!({"normalize": true, "truncate": false}));
    assert_eq!(call.reply.dimensions, None);
}

#[test]
fn without_a_text_there_is_nothing_to_do() {
    for body in
        [json!({"model": "m"}), json!({"model": "m", "input": ""}), json!({"model": "m", "input": []})]
    {
        let call = asked(&body);
        assert!(call.items.is_empty(), "{body}");
        let answer = call.reply.write(nobody(), Vec::new()).unwrap();
        assert_eq!(written(answer), r#"{"model":"m","embeddings":[]}"#);
    }
}

#[test]
fn other_inputs_are_refused() {
    insta::assert_snapshot!(refused(r#"{"model": "m", "input": 1}"#), @r#"InvalidField at "input": invalid input type: `input` must be a string or a list of strings"#);
    insta::assert_snapshot!(refused(r#"{"model": "m", "input": ["a", [1]]}"#), @r#"InvalidField at "input": invalid input type: `input` must be a string or a list of strings"#);
    insta::assert_snapshot!(refused(r#"{"input": "a"}"#), @r#"MissingField at "model": missing field `model`"#);
    let many = json!({"model": "m", "input": vec!["a"; MOST_INPUTS + 1]}).to_string();
    insta::assert_snapshot!(refused(&many), @r#"TooManyItems at "input": there are 2049 inputs, the limit is 2048"#);
}

#[test]
fn vectors_are_answered_with_nanoseconds() {
    let reply = asked(&json!({"model": "minilm:latest", "input": ["a", "b"]})).reply;
    let answer = answered(|answered| {
        reply.write(answered, vec![Ok(vector(&[0.6, -0.8], 5)), Ok(vector(&[1.0, 0.0], 3))]).unwrap()
    });
    assert_eq!(answer.content_type, "application/json");
    insta::assert_snapshot!(written(answer), @r#"{"model":"minilm:latest","embeddings":[[0.6,-0.8],[1.0,0.0]],"total_duration":20000000,"load_duration":3000000,"prompt_eval_count":8}"#);
}

#[test]
fn fewer_dimensions_are_cut_and_have_length_one_and_more_are_no_fault() {
    let cut = |dimensions: i64| {
        let reply = asked(&json!({"model": "m", "input": "a", "dimensions": dimensions})).reply;
        let answer = reply.write(nobody(), vec![Ok(vector(&[0.6, 0.0, 0.8], 5))]).unwrap();
        serde_json::from_slice::<Value>(&answer.body).unwrap()["embeddings"][0].clone()
    };
    assert_eq!(cut(2), json!([1.0, 0.0]));
    let whole = cut(3);
    assert_eq!((cut(4), cut(-1)), (whole.clone(), whole));
}

#[test]
fn one_text_that_fails_fails_the_call() {
    let reply = asked(&json!({"model": "m", "input": ["a", "b"]})).reply;
    let failure = Failure::permanent(FailureCode::InputTooLong, "the text has 300 tokens, the limit is 128");
    let fault = reply.write(nobody(), vec![Ok(vector(&[1.0], 3)), Err(failure)]).unwrap_err();
    assert_eq!(fault.message, "input 1: the text has 300 tokens, the limit is 128");
}

#[test]
fn other_models_do_not_support_embeddings() {
    let mut call = asked(&json!({"model": "emotion:latest", "input": "a"}));
    let fault = call.reply.meet(call.kinds, &card("emotion", Kind::TextClassification)).unwrap_err();
    assert_eq!(fault.message, r#""emotion:latest" does not support embeddings"#);
}
