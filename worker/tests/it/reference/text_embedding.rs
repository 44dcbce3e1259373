//! Vectors of texts.

use forebay_shared::job::{Kind, Output, Params};
use forebay_worker::pipeline::{Material, Pipeline as _, TextEmbedding};
use serde_json::{Value, json};

use super::{Case, Subject, assert_close, expected};

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
fn vectors_of_tokens_make_that_of_their_text_alone_and_beside_others() {
    let mut minilm = minilm();
    let cases = expected("all-minilm-l6-v2");
    let params = json!({"output": "token_embeddings"});
    let text = |case: &Case| minilm.prepare(case.material(), &json!({}));
    let tokens = |case: &Case| minilm.prepare(case.material(), &params);
    let (texts, parts): (Vec<_>, Vec<_>) = cases.iter().map(|case| (text(case), tokens(case))).unzip();
    let mixed: Vec<_> = parts.iter().zip(&texts).flat_map(|(part, text)| [part, text]).collect();
    let batched: Vec<_> = mixed.chunks(8).flat_map(|items| minilm.run(items)).collect();
    for ((case, prepared), raw) in cases.iter().zip(parts).zip(batched.chunks(2)) {
        let single = minilm.run(&[&prepared]).remove(0);
        assert_close(&raw[0], &single, &format!("batched and single: {}", case.name()));
        let Output::TokenEmbeddings { embeddings, tokens } =
            minilm.pipeline.finish(prepared, single).unwrap().output
        else {
            panic!("vectors of tokens were asked for")
        };
        assert_eq!((Some(tokens), embeddings.len()), (case.tokens(), tokens as usize), "{}", case.name());
        let mean = |place: usize| embeddings.iter().map(|one| one[place]).sum::<f32>() / tokens as f32;
        let mean: Vec<f32> = (0..384).map(mean).collect();
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
        let unit: Vec<f32> = mean.iter().map(|value| value / length).collect();
        assert_close(&unit, &case.numbers("embedding"), case.name());
    }
}

#[test]
fn a_tokenizer_says_what_its_python_twin_says() {
    for model in ["all-minilm-l6-v2", "multilingual-e5-small"] {
        let subject = Subject::<TextEmbedding>::open(model);
        let ask = |material: Material, params: Value| {
            let params = Params::parse(Kind::TextEmbedding, params.as_object().unwrap()).unwrap();
            subject.pipeline.at_hand(&material, &params).unwrap().unwrap().output
        };
        for case in expected(&format!("{model}.tokens")) {
            let Output::Pieces { pieces, .. } = ask(case.material(), json!({"output": "pieces"})) else {
                panic!("pieces were asked for")
            };
            let told: Vec<Value> = pieces
                .iter()
                .map(|one| json!([one.id, one.text, one.special, one.start, one.stop]))
                .collect();
            assert_eq!(&json!(told), case.get("pieces"), "{}", case.name());
            let ids: Vec<u32> = pieces.iter().map(|one| one.id).collect();
            for (skip, name) in [(true, "said"), (false, "whole")] {
                let params = json!({"output": "text", "skip_special_tokens": skip});
                let Output::Text { text, tokens } = ask(Material::Tokens(ids.clone()), params) else {
                    panic!("a text was asked for")
                };
                assert_eq!((json!(text), tokens as usize), (case.get(name).clone(), ids.len()));
            }
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
