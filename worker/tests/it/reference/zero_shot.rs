//! Labels that the client names.

use forebay_shared::job::{Label, Output};
use forebay_worker::pipeline::{Material, Pipeline, TextSimilarity, ZeroShotClassification};
use serde_json::{Value, json};

use super::{Case, Subject, assert_close, expected, model_as};

const KIND: &str = "kind = 'zero_shot_classification'";

fn params(case: &Case) -> Value {
    json!({
        "candidate_labels": case.get("labels"),
        "hypothesis_template": case.get("template"),
        "multi_label": case.get("multi_label"),
    })
}

/// The scores in the order in which the labels were named.
fn in_order(output: Output, case: &Case) -> Vec<f32> {
    let Output::Labels { labels } = output else { panic!("labels were meant") };
    assert!(labels.is_sorted_by(|one, next| one.score >= next.score), "the best comes first");
    let score = |name: &Value| labels.iter().find(|label| label.label == name.as_str().unwrap());
    let named = case.get("labels").as_array().unwrap().iter();
    named.map(|name| score(name).map(|Label { score, .. }| *score).unwrap()).collect()
}

#[test]
fn hypotheses_are_scored_as_the_reference_does() {
    let mut toy = Subject::<ZeroShotClassification>::of(model_as("toy-nli", KIND));
    let cases = expected("toy-nli.zero-shot");
    let mut prepared = Vec::new();
    for case in &cases {
        let item = toy.prepare(case.material(), &params(case));
        let logits = toy.run(&[&item]).remove(0);
        let wanted: Vec<Vec<f32>> = serde_json::from_value(case.get("logits").clone()).unwrap();
        assert_close(&logits.concat(), &wanted.concat(), case.name());
        let answer = toy.pipeline.finish(item, logits).unwrap().output;
        assert_close(&in_order(answer, case), &case.numbers("scores"), case.name());
        prepared.push(toy.prepare(case.material(), &params(case)));
    }
    let batched = toy.run(&prepared.iter().collect::<Vec<_>>());
    for ((item, logits), case) in prepared.into_iter().zip(batched).zip(&cases) {
        let answer = toy.pipeline.finish(item, logits).unwrap().output;
        assert_close(&in_order(answer, case), &case.numbers("scores"), case.name());
    }
}

#[test]
fn vectors_stand_in_where_the_manifest_says_so() {
    let more = format!("{KIND}\n[text]\nzero_shot = 'embedding'");
    let mut zero = Subject::<ZeroShotClassification>::of(model_as("all-minilm-l6-v2", &more));
    let mut alike = Subject::<TextSimilarity>::of(model_as("all-minilm-l6-v2", "kind = 'text_similarity'"));
    let text = || Material::Text("The team wins the game.".to_owned());
    let labels = json!({"candidate_labels": ["sport", "weather"]});
    let Output::Labels { labels } = zero.answer(text(), &labels) else { panic!("labels were meant") };
    assert_eq!(labels[0].label, "sport");
    for label in labels {
        let source = json!({"source": format!("This example is {}.", label.label)});
        let Output::Score { score, .. } = alike.answer(text(), &source) else { panic!("a score was meant") };
        assert_close(&[label.score], &[score], &label.label);
    }
}

#[test]
fn a_model_that_knows_no_entailment_is_refused() {
    let model = model_as("emotion", KIND);
    let error = ZeroShotClassification::read(&model).unwrap_err().to_string();
    assert!(error.contains("no label begins with `entail`"), "{error}");
}
