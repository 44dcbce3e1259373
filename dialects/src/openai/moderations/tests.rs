//! Bodies that are read, bodies that are refused, and judgements.

use forebay_shared::config::ModerationConfig;
use forebay_shared::job::{Input, Label, Output};
use serde_json::{Value, json};

use super::read;
use crate::call::{Answered, Reply};
use crate::openai::Call;
use crate::{Fault, FaultCode};

fn config() -> ModerationConfig {
    let categories = [("angry", "harassment"), ("furious", "harassment"), ("sad", "gloom")];
    let categories = categories.map(|(label, category)| (label.to_owned(), category.to_owned()));
    ModerationConfig { model: "emotion".into(), threshold: 0.5, categories: categories.into() }
}

fn call(body: &Value) -> Result<Call, Fault> {
    read(body.to_string().as_bytes(), &config())
}

fn texts(input: &Value) -> Vec<Input> {
    call(&json!({"input": input})).unwrap().items.into_iter().map(|item| item.input).collect()
}

#[test]
fn an_input_is_a_text_texts_or_the_parts_of_one() {
    let text = |text: &str| Input::Text(text.to_owned());
    assert_eq!(texts(&json!("a")), [text("a")]);
    assert_eq!(texts(&json!(["a", "b"])), [text("a"), text("b")]);
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    assert_eq!(texts(&parts), [text("a\nb")]);
}

#[test]
fn openais_own_names_mean_the_configured_model() {
    for model in ["omni-moderation-latest", "text-moderation-007", "emotion"] {
        let call = call(&json!({"input": "a", "model": model})).unwrap();
        assert_eq!(call.model, "emotion");
    }
}

#[test]
fn refusals_name_the_field() {
    let picture = json!([{"type": "image_url", "image_url": {"url": "http://example.org/a.png"}}]);
    let table = [
        (json!({"input": ""}), FaultCode::EmptyInput, "input"),
        (json!({"input": []}), FaultCode::EmptyInput, "input"),
        (json!({"input": ["a", ""]}), FaultCode::EmptyInput, "input"),
        (json!({"input": vec!["a"; 2049]}), FaultCode::TooManyItems, "input"),
        (json!({"input": 7}), FaultCode::InvalidField, "input"),
        (json!({"input": picture}), FaultCode::NotSupported, "input[0].type"),
        (json!({"input": [{"type": "text"}]}), FaultCode::MissingField, "input[0].text"),
        (json!({}), FaultCode::MissingField, "input"),
        (json!({"input": "a", "colour": 1}), FaultCode::UnknownField, "colour"),
        (json!({"input": "a", "model": "minilm"}), FaultCode::UnknownModel, "model"),
    ];
    for (body, code, field) in table {
        let fault = call(&body).unwrap_err();
        assert_eq!((fault.code, fault.field.as_deref()), (code, Some(field)), "{}", fault.message);
    }
}

#[test]
fn without_a_model_the_refusal_says_which_key_to_set() {
    let unset = ModerationConfig { model: String::new(), ..config() };
    let fault = read(br#"{"input": "a"}"#, &unset).unwrap_err();
    assert_eq!(fault.code, FaultCode::UnknownModel);
    assert!(fault.message.contains("`moderation.model`"), "{}", fault.message);
}

fn judged(config: &ModerationConfig, scores: &[(&str, f32)]) -> Value {
    let labels = scores.iter().map(|(label, score)| Label { label: (*label).to_owned(), score: *score });
    let output = Output::Labels { labels: labels.collect() };
    let call = read(br#"{"input": "a"}"#, config).unwrap();
    let answered = Answered { id: "1", model: "emotion", job: None };
    let answer = call.reply.write(answered, vec![Ok(output)]).unwrap();
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn labels_count_towards_their_categories() {
    let answer = judged(&config(), &[("happy", 0.9), ("angry", 0.25), ("furious", 0.75), ("sad", 0.125)]);
    assert_eq!((&answer["id"], &answer["model"]), (&json!("modr-1"), &json!("emotion")));
    let result = &answer["results"][0];
    assert_eq!(result["flagged"], true);
    let told = |name: &str| {
        let of = |field: &str| result[field][name].clone();
        (of("categories"), of("category_scores"), of("category_applied_input_types"))
    };
    assert_eq!(told("harassment"), (json!(true), json!(0.75), json!(["text"])), "the highest of its labels");
    assert_eq!(told("gloom"), (json!(false), json!(0.125), json!(["text"])));
    assert_eq!(told("violence"), (json!(false), json!(0.0), json!([])), "nothing here knows of it");
    assert_eq!(result["categories"].as_object().unwrap().len(), 14);
    assert!(result["categories"].get("happy").is_none(), "a label that counts towards nothing");
}

#[test]
fn without_a_mapping_every_label_is_a_category() {
    let config = ModerationConfig { categories: std::collections::BTreeMap::new(), ..config() };
    let result = judged(&config, &[("hate", 0.5), ("rude", 0.25)])["results"][0].clone();
    assert_eq!((&result["categories"]["hate"], &result["flagged"]), (&json!(true), &json!(true)));
    assert_eq!(result["category_scores"]["rude"], 0.25);
}
