//! Vectors of pictures.

use forebay_shared::job::{Kind, Output};
use forebay_worker::pipeline::{ImageEmbedding, Pipeline};
use serde_json::json;

use super::{Subject, assert_close, expected};

#[test]
fn vectors_of_pictures_equal_the_reference() {
    let mut clip = Subject::<ImageEmbedding>::open("toy-clip");
    assert_eq!((clip.model.card.kind, clip.model.card.dimensions), (Kind::ImageEmbedding, Some(16)));
    let cases = expected("toy-clip");
    let prepare = |clip: &Subject<ImageEmbedding>, params| -> Vec<_> {
        cases.iter().map(|case| clip.prepare(case.material(), &params)).collect()
    };
    let prepared = prepare(&clip, json!({}));
    let batched = clip.run(&prepared.iter().collect::<Vec<_>>());
    for ((case, prepared), batched) in cases.iter().zip(prepared).zip(batched) {
        let single = clip.run(&[&prepared]).remove(0);
        assert_close(&single[0].values, &case.numbers("raw"), case.name());
        assert_close(&batched[0].values, &single[0].values, &format!("batched: {}", case.name()));
        let Output::Embedding { embedding, .. } = clip.pipeline.finish(prepared, single).unwrap().output
        else {
            panic!("a vector was meant")
        };
        assert_close(&embedding, &case.numbers("embedding"), case.name());
        let Output::Embedding { embedding, .. } = clip.answer(case.material(), &json!({"normalize": false}))
        else {
            panic!("a vector was meant")
        };
        assert_close(&embedding, &case.numbers("raw"), case.name());
    }
}

#[test]
fn fewer_dimensions_of_a_picture_are_the_first_ones_at_length_one() {
    let mut clip = Subject::<ImageEmbedding>::open("toy-clip");
    let case = &expected("toy-clip")[0];
    let whole = case.numbers("embedding");
    let Output::Embedding { embedding, .. } = clip.answer(case.material(), &json!({"dimensions": 4})) else {
        panic!("a vector was meant")
    };
    let length = whole[..4].iter().map(|value| value * value).sum::<f32>().sqrt();
    let cut: Vec<f32> = whole[..4].iter().map(|value| value / length).collect();
    assert_close(&embedding, &cut, case.name());
}
