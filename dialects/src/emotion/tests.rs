//! Bodies that are read, bodies that are refused, and answers to the letter.

use forebay_shared::clock::Timestamp;
use forebay_shared::job::{Input, Kind, Label, Outcome, Output};
use forebay_shared::model::{Model, ModelCard};
use forebay_shared::residency::Loaded;
use serde_json::{Value, json};

use super::{HealthResponse, Ids, ModelDetail, ModelInfo, batch, find, listed, message, predict, refused};
use crate::call::{Answered, Call, Reply};
use crate::{Fault, FaultCode};

fn ids() -> Ids {
    [("A001", "emotion"), ("A002", "mood"), ("A003", "nobody"), ("A004", "minilm")]
        .map(|(id, model)| (id.to_owned(), model.to_owned()))
        .into()
}

fn card(name: &str, kind: Kind) -> ModelCard {
    let card = json!({
        "name": name, "digest": "00", "kind": kind, "owned_by": "forebay", "batch_cost": 64,
        "file": format!("{name}/onnx/model.onnx"), "bytes": 154_821_234
    });
    serde_json::from_value(card).unwrap()
}

fn emotion() -> ModelCard {
    let mut card = card("emotion", Kind::TextClassification);
    card.labels = ["happy", "sad", "angry", "neutral", "excited", "anxious"].map(str::to_owned).into();
    card
}

fn read(path: &str, body: &Value) -> Result<(String, Vec<Input>), Fault> {
    fn told<R>(call: Call<R>) -> (String, Vec<Input>) {
        assert!(call.params.is_empty() && call.kinds == [Kind::TextClassification]);
        (call.model, call.items.into_iter().map(|item| item.input).collect())
    }
    let body = body.to_string();
    match path {
        "/predict" => predict(body.as_bytes(), &ids()).map(told),
        _ => batch(body.as_bytes(), &ids()).map(told),
    }
}

#[test]
fn the_documents_bodies_become_calls() {
    let text = |text: &str| Input::Text(text.to_owned());
    let one = read("/predict", &json!({"model_id": "A001", "input_data": "I am so happy today!"}));
    assert_eq!(one.unwrap(), ("emotion".to_owned(), vec![text("I am so happy today!")]));
    let inputs = ["I am happy!", "This makes me sad."];
    let two = read("/predict/batch", &json!({"model_id": "A002", "inputs": inputs})).unwrap();
    assert_eq!(two, ("mood".to_owned(), inputs.map(text).to_vec()));
    let other =
        read("/predict", &json!({"model_id": "A999", "input_data": "a", "user": "somebody"})).unwrap();
    assert_eq!(other.0, "A999", "perhaps an alias; and what the document does not name is left alone");
}

#[test]
fn limits_are_counted_in_characters() {
    let longest = "好".repeat(1000);
    assert!(read("/predict", &json!({"model_id": "A001", "input_data": longest})).is_ok());
    assert!(read("/predict/batch", &json!({"model_id": "A001", "inputs": vec![longest; 100]})).is_ok());
}

#[test]
fn refusals_name_the_field_and_the_limit() {
    let long = "好".repeat(1001);
    let table = [
        ("/predict", json!({"model_id": "A001", "input_data": ""}), FaultCode::EmptyInput),
        ("/predict", json!({"model_id": "A001", "input_data": long}), FaultCode::InvalidField),
        ("/predict", json!({"model_id": "A001", "input_data": 7}), FaultCode::InvalidField),
        ("/predict", json!({"model_id": "A001"}), FaultCode::MissingField),
        ("/predict", json!({"input_data": "a"}), FaultCode::MissingField),
        ("/predict", json!({"model_id": "INVALID", "input_data": "a"}), FaultCode::InvalidField),
        ("/predict", json!(["A001", "a"]), FaultCode::InvalidField),
        ("/predict/batch", json!({"model_id": "A001", "inputs": []}), FaultCode::EmptyInput),
        ("/predict/batch", json!({"model_id": "A001", "inputs": ["a", ""]}), FaultCode::EmptyInput),
        ("/predict/batch", json!({"model_id": "A001", "inputs": vec!["a"; 101]}), FaultCode::TooManyItems),
        ("/predict/batch", json!({"model_id": "A001", "inputs": ["a", "b", long]}), FaultCode::InvalidField),
        ("/predict/batch", json!({"model_id": "A001", "inputs": "a"}), FaultCode::InvalidField),
        ("/predict/batch", json!({"model_id": "A001", "inputs": ["a", 7]}), FaultCode::InvalidField),
    ];
    let at = Timestamp::from_micros(1_780_315_200_000_000);
    let mut told = String::new();
    for (path, body, code) in table {
        let fault = read(path, &body).unwrap_err();
        assert_eq!(fault.code, code, "{}", fault.message);
        let (status, body) = super::error(&fault.refusal(at));
        assert_eq!(status, 400);
        told = format!("{told}{}\n", body["detail"].as_str().unwrap());
    }
    insta::assert_snapshot!(told, @r#"
    `input_data` must have from 1 to 1000 characters
    `input_data` has 1001 characters, the limit is 1000
    `input_data`: invalid type: integer `7`, expected a string
    missing field `input_data`
    missing field `model_id`
    `model_id` must be an A and three digits, such as A001
    the request must be a JSON object
    `inputs` must have from 1 to 100 texts
    `inputs[1]` must have from 1 to 1000 characters
    `inputs` has 101 texts, the limit is 100
    `inputs[2]` has 1001 characters, the limit is 1000
    `inputs`: invalid type: string "a", expected a sequence
    `inputs[1]`: invalid type: integer `7`, expected a string
    "#);
}

#[expect(clippy::unnecessary_wraps, reason = "an output and a failure are given alike, as outcomes")]
fn outcome(scores: &[(&str, f32)]) -> Outcome {
    let labels = scores.iter().map(|(label, score)| Label { label: (*label).to_owned(), score: *score });
    Ok(Output::Labels { labels: labels.collect() })
}

/// What a call is answered whose job had these outcomes.
fn answer<R: Reply>(mut call: Call<R>, outcomes: Vec<Outcome>) -> Result<String, Fault> {
    call.reply.meet(call.kinds, &emotion())?;
    let answered = Answered { id: "1", model: "emotion", job: None };
    Ok(String::from_utf8(call.reply.write(answered, outcomes)?.body).unwrap())
}

fn one() -> Call<impl Reply> {
    predict(br#"{"model_id": "A001", "input_data": "a"}"#, &ids()).unwrap()
}

fn two() -> Call<impl Reply> {
    batch(br#"{"model_id": "A001", "inputs": ["a", "b"]}"#, &ids()).unwrap()
}

#[test]
fn confidence_is_a_number_for_one_text_and_a_string_for_many() {
    let (happy, sad) = (outcome(&[("sad", 0.04), ("happy", 0.96)]), outcome(&[("sad", 0.7), ("happy", 0.3)]));
    insta::assert_snapshot!(answer(one(), vec![happy.clone()]).unwrap(), @r#"{"model_id":"A001","emotion":"happy","confidence":0.96,"timestamp":null,"metadata":{"model_version":0,"model_size_mb":154.82}}"#);
    insta::assert_snapshot!(answer(two(), vec![happy, sad]).unwrap(), @r#"{"model_id":"A001","predictions":[{"input":"a","emotion":"happy","confidence":"0.960"},{"input":"b","emotion":"sad","confidence":"0.700"}]}"#);
}

#[test]
fn a_message_is_answered_under_its_own_word() {
    let said = |body: &str| {
        let call = message(body.as_bytes(), &ids())?;
        answer(call, vec![outcome(&[("anxious", 0.5)])])
    };
    insta::assert_snapshot!(said(r#"{"id": 7, "model_id": "A001", "input_data": "a"}"#).unwrap(), @r#"{"id":7,"job":null,"model_id":"A001","emotion":"anxious","confidence":0.5,"timestamp":null,"metadata":{"model_version":0,"model_size_mb":154.82}}"#);
    let without = said(r#"{"model_id": "A001", "input_data": "a"}"#).unwrap();
    assert!(!without.contains(r#""id""#), "{without}");
    let at = Timestamp::from_micros(1_780_315_200_000_000);
    let told = |body: &str| refused(body.as_bytes(), &said(body).unwrap_err().refusal(at)).to_string();
    insta::assert_snapshot!(told(r#"{"id": "x", "model_id": "A001", "input_data": ""}"#), @r#"{"error":"empty_input","detail":"`input_data` must have from 1 to 1000 characters","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400,"id":"x"}"#);
    for body in ["{", r#"{"id": ["x"], "model_id": "A001", "input_data": "a"}"#] {
        assert!(!told(body).contains(r#""id":"#), "{}", told(body));
    }
}

#[test]
fn confidence_stays_within_its_bounds() {
    let answer = answer(one(), vec![outcome(&[("happy", 1.000_001)])]).unwrap();
    assert!(answer.contains(r#""confidence":1.0,"#), "{answer}");
}

#[test]
fn one_failed_text_fails_the_whole() {
    let failure = forebay_shared::job::Failure::permanent(
        forebay_shared::job::FailureCode::InputTooLong,
        "the text has 600 tokens, the limit is 512",
    );
    let fault = answer(two(), vec![outcome(&[("happy", 1.0)]), Err(failure)]).unwrap_err();
    assert_eq!((fault.code, fault.field.as_deref()), (FaultCode::InputFailed, Some("inputs")));
    assert_eq!(fault.message, "input 1: the text has 600 tokens, the limit is 512");
}

#[test]
fn a_model_with_other_labels_is_refused_before_it_works() {
    let mut other = emotion();
    other.labels.push("bored".to_owned());
    let fault = one().reply.meet(&[Kind::TextClassification], &other).unwrap_err();
    assert_eq!((fault.code, fault.field.as_deref()), (FaultCode::NotSupported, Some("model_id")));
    assert!(fault.message.contains("`bored`"), "{}", fault.message);
    // A card need not name its labels.
    let fault = answer(one(), vec![outcome(&[("bored", 1.0)])]).unwrap_err();
    assert_eq!(fault.code, FaultCode::JobFailed);
    assert!(fault.message.contains("`bored`"), "{}", fault.message);
}

fn model(card: ModelCard) -> Model {
    let created_at = Timestamp::parse("2025-06-01T00:00:01Z").unwrap();
    Model { card, created_at, workers: 1, draining: false, loaded: None, rate: 0.0 }
}

#[test]
fn the_models_are_those_that_find_emotions() {
    let mut alias = emotion();
    (alias.name, alias.aliases) = ("mine".to_owned(), vec!["A201".to_owned(), "mine-too".to_owned()]);
    let mut bored = emotion();
    (bored.name, bored.labels) = ("mood".to_owned(), vec!["bored".to_owned()]);
    let models = [emotion(), alias, card("minilm", Kind::TextEmbedding), bored].map(model);
    let listed: Vec<_> =
        listed(&models, &ids()).into_iter().map(|(id, model)| (id, model.card.name.as_str())).collect();
    assert_eq!(listed, [("A001".to_owned(), "emotion"), ("A201".to_owned(), "mine")]);
    for id in ["A002", "A003", "A004", "A999", "emotion", "mine-too", ""] {
        assert!(find(&models, &ids(), id).is_none(), "{id}");
    }
}

#[test]
fn a_model_reads_as_the_document_says() {
    let mut busy = model(emotion());
    busy.loaded = Some(Loaded { since: busy.created_at, expires_at: None });
    insta::assert_snapshot!(text(&ModelInfo::new("A001", &busy)), @r#"{"model_id":"A001","filename":"model.onnx","size_mb":154.82,"version":0,"timestamp":"20250601000001"}"#);
    insta::assert_snapshot!(text(&ModelDetail::new("A001", &busy)), @r#"{"model_id":"A001","filename":"model.onnx","size_mb":154.82,"version":0,"timestamp":"20250601000001","file_path":"emotion/onnx/model.onnx","last_loaded":"2025-06-01T00:00:01.000000Z","is_loaded":true}"#);
    let at = Timestamp::parse("2026-01-31T10:29:09.870785Z").unwrap();
    insta::assert_snapshot!(text(&HealthResponse::at(at)), @r#"{"status":"healthy","service":"m2lorder-api","timestamp":"2026-01-31T10:29:09.870785Z","task":"emotion-recognition"}"#);
}

fn text(answer: &impl serde::Serialize) -> String {
    serde_json::to_string(answer).unwrap()
}
