use forebay_shared::job::{Failure, FailureCode};
use serde_json::{Value, json};

use super::*;
use crate::call::Reply as _;
use crate::call::samples::{card, nobody, text};

fn asked(body: &Value) -> Call<Reply> {
    read(body.to_string().as_bytes()).unwrap()
}

fn texts(body: &Value) -> Vec<Input> {
    asked(body).items.into_iter().map(|item| item.input).collect()
}

#[test]
fn the_text_is_the_prompt_or_the_input() {
    let prompt = json!({"model": "m", "prompt": "a", "options": {"seed": 1}, "keep_alive": 0});
    assert_eq!(texts(&prompt), [Input::Text("a".into())]);
    assert_eq!(texts(&json!({"model": "m", "input": "b"})), [Input::Text("b".into())]);
    assert_eq!(texts(&json!({"model": "m", "prompt": "", "input": "b"})), [Input::Text("b".into())]);
    assert_eq!(texts(&json!({"model": "m", "prompt": "a", "input": "b"})), [Input::Text("a".into())]);
    let list = read(br#"{"model": "m", "input": ["a"]}"#).unwrap_err();
    assert_eq!(list.field.as_deref(), Some("input"), "{}", list.message);
}

#[test]
fn the_answer_is_one_vector() {
    let reply = asked(&json!({"model": "m", "prompt": "a"})).reply;
    let vector = Ok(Output::Embedding { embedding: vec![0.5, -1.0], tokens: 3 });
    let answer = reply.write(nobody(), vec![vector]).unwrap();
    assert_eq!(text(answer), r#"{"embedding":[0.5,-1.0]}"#);
    assert_eq!(text(reply.write(nobody(), Vec::new()).unwrap()), r#"{"embedding":[]}"#);
    let failure = Failure::permanent(FailureCode::Internal, "it broke");
    let fault = reply.write(nobody(), vec![Err(failure)]).unwrap_err();
    assert_eq!((fault.field.as_deref(), fault.message.as_str()), (Some("prompt"), "input 0: it broke"));
}

#[test]
fn other_models_do_not_support_embeddings() {
    let mut call = asked(&json!({"model": "net", "prompt": "a"}));
    let fault = call.reply.meet(call.kinds, &card("net", Kind::ImageClassification)).unwrap_err();
    assert_eq!(fault.message, r#""net" does not support embeddings"#);
    assert!(call.reply.meet(call.kinds, &card("m", Kind::TextEmbedding)).is_ok());
}
