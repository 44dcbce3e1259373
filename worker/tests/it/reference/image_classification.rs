//! Labels of pictures.

use forebay_shared::job::Output;
use forebay_worker::pipeline::{ImageClassification, Pipeline};
use serde_json::json;

use super::{Subject, assert_close, expected};

#[test]
fn picture_logits_equal_the_reference() {
    let mut efficientnet = Subject::<ImageClassification>::open("efficientnet-lite0");
    let cases = expected("efficientnet-lite0");
    for (case, (_, logits)) in cases.iter().zip(efficientnet.single_and_batched(&cases, 8)) {
        assert_close(&logits, &case.numbers("logits"), case.name());
    }
}

#[test]
fn a_model_of_rows_and_blue_first_equals_the_reference() {
    let mut nsfw = Subject::<ImageClassification>::open("opennsfw");
    let cases = expected("opennsfw");
    for (case, (_, logits)) in cases.iter().zip(nsfw.single_and_batched(&cases, 8)) {
        assert_close(&logits, &case.numbers("logits"), case.name());
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
