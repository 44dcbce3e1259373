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
