//! Labels of texts.

use forebay_shared::job::{Kind, Output};
use forebay_worker::pipeline::TextClassification;
use serde_json::{Value, json};

use super::{Case, Subject, assert_close, expected};

/// The scores of all labels in the model's order.
fn scores(subject: &mut Subject<TextClassification>, case: &Case, params: &Value) -> Vec<f32> {
    let Output::Labels { labels } = subject.answer(case.material(), params) else {
        panic!("labels were meant")
    };
    assert!(labels.is_sorted_by(|one, next| one.score >= next.score), "the best comes first");
    let names = subject.model.card.labels.iter();
    let score = |name: &String| labels.iter().find(|label| label.label == *name).map(|label| label.score);
    names.map(|name| score(name).unwrap()).collect()
}

#[test]
fn emotion_logits_equal_the_reference() {
    let mut emotion = Subject::<TextClassification>::open("emotion");
    assert_eq!(emotion.model.card.labels, ["happy", "sad", "angry", "neutral", "excited", "anxious"]);
    let cases = expected("emotion");
    for (case, (length, logits)) in cases.iter().zip(emotion.single_and_batched(&cases, 64)) {
        assert_eq!(Some(length), case.tokens(), "{}", case.name());
        assert_close(&logits, &case.numbers("logits"), case.name());
    }
}

#[test]
fn several_labels_may_be_right_where_the_model_says_so() {
    let mut toy = Subject::<TextClassification>::open("toy-multilabel");
    let cases = expected("toy-multilabel");
    for (case, (length, logits)) in cases.iter().zip(toy.single_and_batched(&cases, 64)) {
        assert_eq!(Some(length), case.tokens(), "{}", case.name());
        assert_close(&logits, &case.numbers("logits"), case.name());
        assert_close(&scores(&mut toy, case, &json!({})), &case.numbers("scores"), case.name());
        let raw = scores(&mut toy, case, &json!({"function_to_apply": "none"}));
        assert_close(&raw, &case.numbers("logits"), case.name());
        let shares = scores(&mut toy, case, &json!({"function_to_apply": "softmax"}));
        assert_close(&[shares.iter().sum()], &[1.0], case.name());
    }
}

#[test]
fn pairs_are_read_as_the_reference_reads_them() {
    let mut toy = Subject::<TextClassification>::open("toy-nli");
    assert_eq!(toy.model.card.kind, Kind::TextClassification);
    let cases = expected("toy-nli");
    for (case, (length, logits)) in cases.iter().zip(toy.single_and_batched(&cases, 5)) {
        assert_eq!(Some(length), case.tokens(), "{}", case.name());
        assert_close(&logits, &case.numbers("logits"), case.name());
        assert_close(&scores(&mut toy, case, &json!({})), &case.numbers("scores"), case.name());
    }
}
