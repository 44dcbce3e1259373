//! What kinds that read text take, and how they refuse the rest.

use forebay_shared::job::Kind;
use forebay_shared::store::Models;
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::TestApp;

/// A service that knows a model of each kind that reads text, by its kind's name.
async fn app() -> TestApp {
    let app = TestApp::start().await;
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.reads_text());
    let cards: Vec<_> = kinds.map(|kind| card(kind.as_str(), kind)).collect();
    app.store.announce(&cards).await.unwrap();
    app.restarted()
}

/// Code, field and detail of each refusal.
async fn told(bodies: &[Value]) -> Vec<String> {
    let app = app().await;
    let mut told = Vec::new();
    for body in bodies {
        let answer = app.post("/v1/jobs").json(body.clone()).await;
        assert!(answer.status.is_client_error(), "{answer}");
        let problem = answer.json();
        let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        told.push(format!("{} at {}: {}", word("code"), word("field"), word("detail")));
    }
    assert_eq!(app.store.calls("submit"), 0);
    told
}

#[tokio::test]
async fn every_kind_takes_what_it_is_for() {
    let app = app().await;
    let pair = json!({"text": "who?", "text_pair": "anna"});
    let bodies = [
        json!({"model": "text_embedding", "input": "a", "params": {
            "precision": "int8", "normalize": true, "truncation_side": "left", "dimensions": 8}}),
        json!({"model": "text_classification", "inputs": [pair, "a", {"tokens": [1]}], "params": {
            "function_to_apply": "none", "top_k": 2, "truncate": false}}),
        json!({"model": "rerank", "inputs": [pair, "a"], "params": {"query": "who?", "raw_scores": true}}),
        json!({"model": "rerank", "inputs": [pair, {"text": "a", "params": {"query": "own"}}]}),
        json!({"model": "text_similarity", "inputs": ["a", "b"], "params": {"source": "c"}}),
        json!({"model": "text_similarity", "input": pair}),
        json!({"model": "zero_shot_classification", "input": "a", "params": {
            "candidate_labels": ["x", "y"], "hypothesis_template": "About {}.", "multi_label": true}}),
        json!({"model": "zero_shot_classification", "input":
            {"text": "a", "params": {"candidate_labels": ["x"]}}}),
        json!({"model": "token_classification", "input": "a", "params": {"aggregation_strategy": "max"}}),
    ];
    for body in bodies {
        let answer = app.post("/v1/jobs").json(body.clone()).await;
        assert_eq!(answer.status, 202, "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_wrong_input_is_named_with_what_the_model_does() {
    let pair = json!({"text": "a", "text_pair": "b"});
    let tokens = json!({"tokens": [1]});
    insta::assert_snapshot!(told(&[
        json!({"model": "text_embedding", "inputs": ["a", pair]}),
        json!({"model": "zero_shot_classification", "input": pair}),
        json!({"model": "token_classification", "input": pair}),
        json!({"model": "rerank", "input": tokens, "params": {"query": "a"}}),
        json!({"model": "text_similarity", "input": tokens, "params": {"source": "a"}}),
        json!({"model": "zero_shot_classification", "input": tokens}),
        json!({"model": "token_classification", "input": tokens}),
        json!({"model": "net", "input": pair}),
        json!({"model": "text_classification", "input": {"text_pair": "b"}}),
        json!({"model": "text_classification", "input": {"tokens": [1], "text_pair": "b"}}),
    ]).await.join("\n"), @r"
    wrong_input at inputs[1]: the model `text_embedding` does text_embedding and takes no pairs of texts
    wrong_input at input: the model `zero_shot_classification` does zero_shot_classification and takes no pairs of texts
    wrong_input at input: the model `token_classification` does token_classification and takes no pairs of texts
    wrong_input at input: the model `rerank` does rerank and takes no token ids
    wrong_input at input: the model `text_similarity` does text_similarity and takes no token ids
    wrong_input at input: the model `zero_shot_classification` does zero_shot_classification and takes no token ids
    wrong_input at input: the model `token_classification` does token_classification and takes no token ids
    wrong_input at input: the model `net` does image_classification and takes no pairs of texts
    invalid_field at input.text_pair: `text_pair` is the other text of a pair: give `text` too
    invalid_field at input: an item has either `text`, `tokens`, `image` or `tensors`
    ");
}

#[tokio::test]
async fn a_wrong_parameter_is_named_with_its_limit() {
    insta::assert_snapshot!(told(&[
        json!({"model": "text_embedding", "input": "a", "params": {"precision": "int4"}}),
        json!({"model": "text_embedding", "input": "a", "params": {"truncation_side": "middle"}}),
        json!({"model": "text_classification", "input": "a", "params": {"function_to_apply": "tanh"}}),
        json!({"model": "text_classification", "input": "a", "params": {"top_k": 1001}}),
        json!({"model": "rerank", "inputs": ["a"]}),
        json!({"model": "rerank", "inputs": ["a"], "params": {"query": null}}),
        json!({"model": "rerank", "inputs": ["a"], "params": {"query": "q", "top_n": 3}}),
        json!({"model": "text_similarity", "inputs": [{"text": "a", "text_pair": "b"}, "c"]}),
        json!({"model": "zero_shot_classification", "input": "a"}),
        json!({"model": "zero_shot_classification", "input": "a", "params": {"candidate_labels": []}}),
        json!({"model": "zero_shot_classification", "input": "a", "params": {"candidate_labels": vec!["a"; 101]}}),
        json!({"model": "zero_shot_classification", "input": "a", "params": {
            "candidate_labels": ["a"], "hypothesis_template": "no place"}}),
        json!({"model": "token_classification", "input": "a", "params": {"aggregation_strategy": "median"}}),
    ]).await.join("\n"), @r"
    invalid_params at params.precision: unknown variant `int4`, expected one of `float32`, `int8`, `uint8`, `binary`, `ubinary`
    invalid_params at params.truncation_side: unknown variant `middle`, expected `right` or `left`
    invalid_params at params.function_to_apply: unknown variant `tanh`, expected one of `softmax`, `sigmoid`, `none`
    invalid_params at params.top_k: `top_k` must be at most 1000, not 1001
    invalid_params at params.query: rerank needs the parameter `query` for `inputs[0]`, unless the item is a pair of `text` and `text_pair`
    invalid_params at params.query: rerank needs the parameter `query` for `inputs[0]`, unless the item is a pair of `text` and `text_pair`
    invalid_params at params.top_n: unknown field `top_n`, expected one of `query`, `truncate`, `truncation_side`, `raw_scores`
    invalid_params at params.source: text_similarity needs the parameter `source` for `inputs[1]`, unless the item is a pair of `text` and `text_pair`
    invalid_params at params.candidate_labels: zero_shot_classification needs the parameter `candidate_labels` for `input`
    invalid_params at params.candidate_labels: `candidate_labels` must be from 1 to 100 labels, not 0
    invalid_params at params.candidate_labels: `candidate_labels` must be from 1 to 100 labels, not 101
    invalid_params at params.hypothesis_template: `hypothesis_template` must contain `{}` and have at most 200 characters
    invalid_params at params.aggregation_strategy: unknown variant `median`, expected one of `none`, `simple`, `first`, `average`, `max`
    ");
}
