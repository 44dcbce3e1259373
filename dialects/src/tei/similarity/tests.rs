use serde_json::{Value, json};

use super::*;
use crate::call::Reply as _;
use crate::call::samples::{nobody, text};

fn asked(body: &Value) -> Result<Call<Reply>, Fault> {
    read(body.to_string().as_bytes(), Behind { model: "twin".to_owned(), most: 3 })
}

#[test]
fn sentences_are_compared_with_the_source() {
    let inputs = json!({"source_sentence": "a", "sentences": ["b", "c"]});
    let parameters = json!({"truncate": false, "truncation_direction": "Left", "prompt_name": null});
    let call = asked(&json!({"inputs": inputs, "parameters": parameters})).unwrap();
    assert_eq!((call.named_by, call.items.len()), (Some("tei.similarity"), 2));
    assert_eq!(
        Value::Object(call.params),
        json!({"truncate": false, "truncation_side": "left", "source": "a"})
    );
    let scores = [0.5, -0.25].map(|score| Ok(Output::Score { score, tokens: 9 })).to_vec();
    assert_eq!(text(call.reply.write(nobody(), scores).unwrap()), "[0.5,-0.25]");
}

#[test]
fn what_is_missing_or_not_done_is_refused_by_its_path() {
    let refused = |body: Value| {
        let fault = asked(&body).map(|call| call.items).unwrap_err();
        (fault.code, fault.field.unwrap_or_default())
    };
    let inputs = json!({"source_sentence": "a", "sentences": ["b"]});
    assert_eq!(
        refused(json!({"inputs": inputs, "parameters": {"prompt_name": "query"}})),
        (FaultCode::NotSupported, "parameters.prompt_name".to_owned())
    );
    assert_eq!(
        refused(json!({"inputs": {"source_sentence": "a", "sentences": []}})),
        (FaultCode::EmptyInput, "inputs.sentences".to_owned())
    );
    assert_eq!(
        refused(json!({"inputs": {"sentences": ["b"]}})),
        (FaultCode::MissingField, "inputs.source_sentence".to_owned())
    );
}
