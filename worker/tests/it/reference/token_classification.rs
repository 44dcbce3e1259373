//! Names in texts.

use forebay_shared::job::{Entity, Kind, Output};
use forebay_worker::pipeline::{Pipeline, TokenClassification};
use serde_json::{Value, json};

use super::{Case, Subject, assert_close, expected};

fn toy() -> Subject<TokenClassification> {
    Subject::open("toy-ner")
}

fn assert_found(found: &[Entity], wanted: &Value, what: &str) {
    let told: Vec<_> = found
        .iter()
        .map(|entity| {
            let label = entity.entity.as_ref().or(entity.entity_group.as_ref());
            (label.map(String::as_str), Some(entity.word.as_str()), entity.start, entity.end)
        })
        .collect();
    let wanted = wanted.as_array().unwrap();
    let place = |entity: &Value, name: &str| u32::try_from(entity[name].as_u64().unwrap()).unwrap();
    let expected: Vec<_> = wanted
        .iter()
        .map(|entity| {
            (entity["label"].as_str(), entity["text"].as_str(), place(entity, "start"), place(entity, "end"))
        })
        .collect();
    assert_eq!(told, expected, "{what}");
    let scores: Vec<f32> = found.iter().map(|entity| entity.score).collect();
    let wanted: Vec<f32> =
        wanted.iter().map(|entity| serde_json::from_value(entity["score"].clone()).unwrap()).collect();
    assert_close(&scores, &wanted, what);
}

#[test]
fn names_are_joined_as_the_reference_joins_them() {
    let mut toy = toy();
    assert_eq!(toy.model.card.kind, Kind::TokenClassification);
    for case in expected("toy-ner") {
        for strategy in ["none", "simple", "first", "average", "max"] {
            let answer = toy.answer(case.material(), &json!({"aggregation_strategy": strategy}));
            let Output::Entities { entities, tokens } = answer else { panic!("names were meant") };
            assert_eq!(Some(tokens), case.tokens(), "{}", case.name());
            assert_found(&entities, case.get(strategy), &format!("{strategy}: {}", case.name()));
        }
    }
}

#[test]
fn scores_of_tokens_equal_the_reference_alone_and_together() {
    let mut toy = toy();
    let cases = expected("toy-ner");
    let prepared: Vec<_> = cases.iter().map(|case| toy.prepare(case.material(), &json!({}))).collect();
    let batched = toy.run(&prepared.iter().collect::<Vec<_>>());
    for ((item, (together, _)), case) in prepared.iter().zip(batched).zip(&cases) {
        let (alone, _) = toy.run(&[item]).remove(0);
        assert_eq!(Some(TokenClassification::length(item)), case.tokens());
        assert_close(&together, &alone, case.name());
        if let Some(wanted) = logits(case) {
            assert_close(&alone, &wanted, case.name());
        }
    }
}

/// Those of the longest text are not written down.
fn logits(case: &Case) -> Option<Vec<f32>> {
    let rows: Vec<Vec<f32>> = serde_json::from_value(case.get("logits").clone()).ok()?;
    Some(rows.concat())
}
