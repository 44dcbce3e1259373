use serde_json::{Value, json};

use super::*;
use crate::FaultCode;
use crate::call::Reply as _;
use crate::call::samples::{nobody, text};

fn asked(body: &Value) -> Result<Call<Reply>, Fault> {
    read(body.to_string().as_bytes(), Behind { model: "ranker".to_owned(), most: 3 })
}

fn scores(scores: [f32; 3]) -> Vec<Outcome> {
    scores.map(|score| Ok(Output::Score { score, tokens: 9 })).to_vec()
}

#[test]
fn texts_are_items_and_the_query_a_parameter() {
    let call =
        asked(&json!({"query": "what?", "texts": ["a", "b"], "truncate": true, "raw_scores": true})).unwrap();
    assert_eq!((call.model.as_str(), call.kinds), ("ranker", &[Kind::Rerank][..]));
    assert_eq!(call.items[1].input, Input::Text("b".into()));
    assert_eq!(Value::Object(call.params), json!({"truncate": true, "query": "what?", "raw_scores": true}));
    assert_eq!(call.reply.characters, 12);
}

#[test]
fn the_best_comes_first_and_equals_keep_their_order() {
    let body = json!({"query": "what?", "texts": ["a", "b", "c"]});
    let answer = asked(&body).unwrap().reply.write(nobody(), scores([0.25, 0.5, 0.25])).unwrap();
    assert_eq!(
        text(answer),
        r#"[{"index":1,"score":0.5},{"index":0,"score":0.25},{"index":2,"score":0.25}]"#
    );
    let mut body = body;
    body["return_text"] = json!(true);
    let answer = asked(&body).unwrap().reply.write(nobody(), scores([0.0, 0.5, 0.25])).unwrap();
    insta::assert_snapshot!(text(answer), @r#"[{"index":1,"text":"b","score":0.5},{"index":2,"text":"c","score":0.25},{"index":0,"text":"a","score":0.0}]"#);
}

#[test]
fn no_texts_and_too_many_are_refused() {
    let refused = |body: Value| asked(&body).map(|call| call.items).unwrap_err();
    let empty = refused(json!({"query": "what?", "texts": []}));
    assert_eq!((empty.code, empty.message.as_str()), (FaultCode::EmptyInput, "`texts` must not be empty"));
    let many = refused(json!({"query": "what?", "texts": ["a", "b", "c", "d"]}));
    assert_eq!((many.code, many.limit), (FaultCode::TooManyItems, Some(3)));
    assert_eq!(refused(json!({"texts": ["a"]})).field.as_deref(), Some("query"));
}
