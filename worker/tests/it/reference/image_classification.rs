//! Labels of pictures.

use forebay_shared::job::{Kind, Output, Params};
use forebay_worker::pipeline::{ImageClassification, Pipeline};
use serde_json::json;

use super::{Subject, assert_close, expected};

#[test]
fn picture_logits_equal_the_reference() {
    let mut efficientnet = Subject::<ImageClassification>::open("efficientnet-lite0");
    let cases = expected("efficientnet-lite0");
    for (case, (_, logits)) in cases.iter().zip(efficientnet.single_and_batched(&cases, 8)) {
        case.assert_close(&logits, &case.numbers("logits"));
    }
}

#[test]
fn a_model_of_rows_and_blue_first_equals_the_reference() {
    let mut nsfw = Subject::<ImageClassification>::open("opennsfw");
    let cases = expected("opennsfw");
    for (case, (_, logits)) in cases.iter().zip(nsfw.single_and_batched(&cases, 8)) {
        case.assert_close(&logits, &case.numbers("logits"));
        let Output::Labels { labels } = nsfw.answer(case.material(), &json!({})) else {
            panic!("labels were meant")
        };
        assert_eq!((labels.len(), labels[0].label.as_str()), (2, case.get("label").as_str().unwrap()));
    }
}

#[test]
fn a_graph_that_ends_with_softmax_gets_no_other() {
    let mut nsfw = Subject::<ImageClassification>::open("opennsfw");
    nsfw.model.manifest.image.probabilities = true;
    let pipeline = ImageClassification::read(&nsfw.model).unwrap();
    let prepared = nsfw.prepare(expected("opennsfw")[0].material(), &json!({}));
    let Output::Labels { labels } = pipeline.finish(prepared, vec![0.1, 0.9]).unwrap().output else {
        panic!("labels were meant")
    };
    assert_close(&labels.iter().map(|label| label.score).collect::<Vec<_>>(), &[0.9, 0.1], "scores");
}

#[test]
fn a_client_says_how_labels_of_pictures_are_scored() {
    let mut efficientnet = Subject::<ImageClassification>::open("efficientnet-lite0");
    let case = &expected("efficientnet-lite0")[0];
    let raw = case.numbers("logits");
    let mut best = |function: &str| {
        let params = json!({"top_k": 1, "function_to_apply": function});
        let Output::Labels { labels } = efficientnet.answer(case.material(), &params) else {
            panic!("labels were meant")
        };
        labels[0].score
    };
    let highest = raw.iter().copied().fold(f32::MIN, f32::max);
    let powers: f32 = raw.iter().map(|logit| (logit - highest).exp()).sum();
    let chance = 1.0 / (1.0 + (-highest).exp());
    assert_close(
        &[best("none"), best("sigmoid"), best("softmax")],
        &[highest, chance, 1.0 / powers],
        "scores",
    );
}

#[test]
fn shares_have_no_raw_scores_to_go_back_to() {
    let mut nsfw = Subject::<ImageClassification>::open("opennsfw");
    nsfw.model.manifest.image.probabilities = true;
    let pipeline = ImageClassification::read(&nsfw.model).unwrap();
    let params = json!({"function_to_apply": "sigmoid"});
    let params = Params::parse(Kind::ImageClassification, params.as_object().unwrap()).unwrap();
    let refused = pipeline.prepare(expected("opennsfw")[0].material(), params).unwrap_err();
    assert!(refused.message.starts_with("`function_to_apply` must be `softmax`"), "{refused:?}");
}
