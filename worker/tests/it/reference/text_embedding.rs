//! Vectors of texts.

use forebay_shared::job::{Kind, Output};
use forebay_worker::pipeline::{Material, TextEmbedding};
use serde_json::{Value, json};

use super::{Subject, assert_close, expected};

fn minilm() -> Subject<TextEmbedding> {
    Subject::open("all-minilm-l6-v2")
}

/// The vector that becomes of one item, and how many tokens were read.
fn vector(subject: &mut Subject<TextEmbedding>, material: Material, params: &Value) -> (Vec<f32>, u32) {
    match subject.answer(material, params) {
        Output::Embedding { embedding, tokens } => (embedding, tokens),
        other => panic!("{other:?} is no embedding"),
    }
}

#[test]
fn embeddings_equal_the_reference() {
    let mut minilm = minilm();
    assert_eq!((minilm.model.card.kind, minilm.model.card.dimensions), (Kind::TextEmbedding, Some(384)));
    let cases = expected("all-minilm-l6-v2");
    for (case, (length, _)) in cases.iter().zip(minilm.single_and_batched(&cases, 64)) {
        assert_eq!(Some(length), case.tokens(), "{}", case.name());
        let (embedding, tokens) = vector(&mut minilm, case.material(), &json!({}));
        assert_close(&embedding, &case.numbers("embedding"), case.name());
        assert_eq!(Some(tokens), case.tokens(), "the answer tells how many tokens were read");
    }
}

#[test]
fn embeddings_of_many_languages_equal_the_reference() {
    let mut e5 = Subject::<TextEmbedding>::open("multilingual-e5-small");
    for case in expected("multilingual-e5-small") {
        let (embedding, tokens) = vector(&mut e5, case.material(), &json!({}));
        assert_eq!(Some(tokens), case.tokens(), "{}", case.name());
        assert_close(&embedding, &case.numbers("embedding"), case.name());
    }
}

#[test]
fn a_vector_is_written_as_it_is_asked_for() {
    let mut minilm = minilm();
    let case = &expected("all-minilm-l6-v2")[1];
    let whole = case.numbers("embedding");
    let mut quantized = |precision: &str| match minilm
        .answer(case.material(), &json!({"precision": precision, "dimensions": 384}))
    {
        Output::Quantized { embedding, .. } => embedding,
        other => panic!("{other:?} is not in integers"),
    };
    let bits = quantized("ubinary");
    for (place, value) in whole.iter().enumerate() {
        assert_eq!(bits[place / 8] >> (7 - place % 8) & 1 == 1, *value > 0.0, "dimension {place}");
    }
    let bytes = quantized("int8");
    let restored: Vec<f32> =
        bytes.iter().map(|byte| (f32::from(*byte) + 128.0) * 2.0 / 255.0 - 1.0).collect();
    let furthest = restored.iter().zip(&whole).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f32::max);
    assert!(furthest <= 2.0 / 255.0, "{furthest}: a step is 2/255");
    let less = |numbers: &[i16]| numbers.iter().map(|number| number - 128).collect::<Vec<_>>();
    assert_eq!(quantized("binary"), less(&bits));
}

#[test]
fn a_vector_has_length_one_only_if_it_is_wanted() {
    let mut minilm = minilm();
    let case = &expected("all-minilm-l6-v2")[1];
    let (vector, _) = vector(&mut minilm, case.material(), &json!({"normalize": false}));
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() > 0.1, "{length}");
    let unit: Vec<f32> = vector.iter().map(|value| value / length).collect();
    assert_close(&unit, &case.numbers("embedding"), case.name());
}

#[test]
fn the_tokens_of_a_text_give_the_texts_vector() {
    let mut minilm = minilm();
    let mut tokenizer = tokenizers::Tokenizer::from_file(minilm.model.root.join("tokenizer.json")).unwrap();
    // A client's own tokenizer neither cuts nor pads.
    tokenizer.with_truncation(None).unwrap().with_padding(None);
    for case in &expected("all-minilm-l6-v2") {
        for with_frame in [false, true] {
            let ids = tokenizer.encode(case.name(), with_frame).unwrap().get_ids().to_vec();
            let (vector, tokens) = vector(&mut minilm, Material::Tokens(ids), &json!({}));
            assert_close(&vector, &case.numbers("embedding"), case.name());
            assert_eq!(Some(tokens), case.tokens(), "{}", case.name());
        }
    }
}

#[test]
fn fewer_dimensions_are_the_first_ones_at_length_one() {
    let mut minilm = minilm();
    let case = &expected("all-minilm-l6-v2")[0];
    let whole = case.numbers("embedding");
    for wanted in [1, 64, 384] {
        let (vector, _) = vector(&mut minilm, case.material(), &json!({"dimensions": wanted}));
        let length = whole[..wanted].iter().map(|value| value * value).sum::<f32>().sqrt();
        let cut: Vec<f32> = whole[..wanted].iter().map(|value| value / length).collect();
        assert_close(&vector, &cut, &format!("{wanted} dimensions"));
    }
}
