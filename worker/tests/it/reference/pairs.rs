//! Texts compared with each other.

use forebay_shared::job::{Kind, Output};
use forebay_worker::pipeline::{Material, Pipeline, Rerank, TextEmbedding, TextSimilarity};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Case, Subject, assert_close, expected, model_as};

/// The score of one item.
fn score<P: Pipeline>(subject: &mut Subject<P>, material: Material, params: &Value) -> f32 {
    match subject.answer(material, params) {
        Output::Score { score, .. } => score,
        other => panic!("{other:?} is no score"),
    }
}

fn texts(case: &Case) -> Vec<String> {
    Vec::deserialize(case.get("texts")).unwrap()
}

fn pair(one: &str, other: &str) -> Material {
    Material::Pair(one.to_owned(), other.to_owned())
}

#[test]
fn a_cross_encoder_scores_as_the_reference_does() {
    let mut toy = Subject::<Rerank>::open("toy-cross-encoder");
    assert_eq!(toy.model.card.kind, Kind::Rerank);
    for case in expected("toy-cross-encoder") {
        let query = case.get("query").as_str().unwrap();
        let score = |toy: &mut Subject<Rerank>, raw: bool| -> Vec<f32> {
            let params = json!({"query": query, "raw_scores": raw});
            texts(&case).into_iter().map(|text| score(toy, Material::Text(text), &params)).collect()
        };
        assert_close(&score(&mut toy, true), &case.numbers("logits"), query);
        assert_close(&score(&mut toy, false), &case.numbers("scores"), query);
    }
}

#[test]
fn a_batch_of_queries_and_texts_scores_as_each_alone() {
    let mut toy = Subject::<Rerank>::open("toy-cross-encoder");
    let cases = expected("toy-cross-encoder");
    let params = json!({"raw_scores": true});
    let (mut items, mut wanted) = (Vec::new(), Vec::new());
    for case in &cases {
        let query = case.get("query").as_str().unwrap();
        items.extend(texts(case).iter().map(|text| toy.prepare(pair(query, text), &params)));
        wanted.extend(case.numbers("logits"));
    }
    let batched = toy.run(&items.iter().collect::<Vec<_>>());
    let scores: Vec<f32> = batched.into_iter().map(|rows| rows.concat()[0]).collect();
    assert_close(&scores, &wanted, "all pairs in one batch");
}

#[test]
fn vectors_are_compared_by_their_cosine() {
    let mut alike = Subject::<TextSimilarity>::of(model_as("all-minilm-l6-v2", "kind = 'text_similarity'"));
    let cases = expected("all-minilm-l6-v2");
    let cosine = |one: &Case, other: &Case| -> f32 {
        one.numbers("embedding").iter().zip(other.numbers("embedding")).map(|(a, b)| a * b).sum()
    };
    let (first, rest) = cases.split_first().unwrap();
    let params = json!({"source": first.name()});
    let items: Vec<_> = rest.iter().map(|case| alike.prepare(case.material(), &params)).collect();
    let wanted: Vec<f32> = rest.iter().map(|case| cosine(first, case)).collect();
    let batched = alike.run(&items.iter().collect::<Vec<_>>());
    for (((item, rows), wanted), case) in items.into_iter().zip(batched).zip(wanted).zip(rest) {
        let Output::Score { score, tokens } = alike.pipeline.finish(item, rows).unwrap().output else {
            panic!("a score was meant")
        };
        assert_close(&[score], &[wanted], case.name());
        assert_eq!(Some(tokens), first.tokens().zip(case.tokens()).map(|(one, other)| one + other));
    }
    let alone = score(&mut alike, pair(rest[0].name(), first.name()), &json!({}));
    assert_close(&[alone], &[cosine(&rest[0], first)], "a pair");
}

#[test]
fn a_query_and_its_documents_get_the_prompts_that_are_theirs() {
    let more = "[text]\nprompts = {query = 'query: ', passage = 'passage: '}";
    let mut ranker = Subject::<Rerank>::of(model_as("all-minilm-l6-v2", &format!("kind = 'rerank'\n{more}")));
    let mut minilm = Subject::<TextEmbedding>::of(model_as("all-minilm-l6-v2", more));
    let mut vector = |text: &str, prompt: &str| {
        let answer = minilm.answer(Material::Text(text.to_owned()), &json!({"prompt": prompt}));
        let Output::Embedding { embedding, .. } = answer else { panic!("a vector was meant") };
        embedding
    };
    let (query, document) =
        (vector("Who sits outside?", "query"), vector("The cat sits outside.", "passage"));
    let cosine: f32 = query.iter().zip(&document).map(|(a, b)| a * b).sum();
    let text = Material::Text("The cat sits outside.".to_owned());
    let score = score(&mut ranker, text, &json!({"query": "Who sits outside?"}));
    assert_close(&[score], &[cosine], "query and passage");
}
