//! Real models against what Python computed, and batched runs against single ones.
//!
//! The expected values come from `models/reference/`, made with Python's onnxruntime, tokenizers and Pillow.

use std::path::Path;

use forebay_shared::job::{Kind, Object, Output, Params};
use forebay_worker::model::{ModelFiles, Provider, Runtime, scan};
use forebay_worker::pipeline::{ImageClassification, Material, Pipeline, TextClassification, TextEmbedding};
use serde::Deserialize;
use serde_json::Value;

use super::ground::{Ground, data, text};

/// The largest difference to the reference, and between a single run and a batched one.
const TOLERANCE: f32 = 1e-4;
#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: Option<String>,
    file: Option<String>,
    tokens: Option<u32>,
    embedding: Option<Vec<f32>>,
    logits: Option<Vec<f32>>,
}

fn reference() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/reference")
}

fn expected(model: &str) -> Vec<Case> {
    let file = reference().join(format!("expected/{model}.json"));
    let expected: Expected = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(expected.cases.len() >= 10);
    expected.cases
}

fn model(name: &str) -> ModelFiles {
    let models = scan(&data().join("models"), 50_000_000);
    models.into_iter().find(|model| model.card.name == name).expect("the starter model is there")
}

fn runtime() -> Runtime {
    Runtime::load(Path::new(""), &[data().join("lib")], &[Provider::Cpu], 2).unwrap()
}

#[test]
fn a_provider_that_is_missing_is_an_error_at_once() {
    let loaded = Runtime::load(Path::new(""), &[data().join("lib")], &[Provider::Cuda, Provider::Cpu], 2);
    let error = loaded.unwrap_err().to_string();
    assert!(error.contains("worker.providers is [Cuda, Cpu]"), "{error}");
}

fn material(case: &Case) -> Material {
    match (&case.text, &case.file) {
        (Some(text), _) => Material::Text(text.clone()),
        (None, Some(file)) => {
            Material::Image(std::fs::read(reference().join("images").join(file)).unwrap().into())
        }
        (None, None) => panic!("a case has a text or a file"),
    }
}

fn name(case: &Case) -> &str {
    case.text.as_deref().or(case.file.as_deref()).unwrap_or_default()
}

fn assert_close(got: &[f32], wanted: &[f32], what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    let difference = got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f32::max);
    assert!(difference <= TOLERANCE, "{what}: {difference}");
}

/// Runs every case alone and all of them together, `chunk` at a time; compares the two, and answers with the single runs.
fn single_and_batched<P>(model: &ModelFiles, cases: &[Case], kind: Kind, chunk: usize) -> Vec<(u32, Vec<f32>)>
where
    P: Pipeline<Raw = Vec<f32>>,
{
    let pipeline = P::read(model).unwrap();
    let mut engine = P::load(model, Some(&runtime())).unwrap();
    let params = Params::parse(kind, &Object::new()).unwrap();
    let prepared: Vec<_> =
        cases.iter().map(|case| pipeline.prepare(material(case), params.clone()).unwrap()).collect();
    let mut run = |items: &[&P::Prepared]| P::run(&mut engine, &pipeline.collate(items).unwrap()).unwrap();
    let single: Vec<_> = prepared.iter().map(|item| run(&[item]).remove(0)).collect();
    let together: Vec<&P::Prepared> = prepared.iter().collect();
    let batched: Vec<_> = together.chunks(chunk).flat_map(&mut run).collect();
    for ((single, batched), case) in single.iter().zip(&batched).zip(cases) {
        assert_close(batched, single, &format!("batched and single: {}", name(case)));
    }
    prepared.iter().map(P::length).zip(single).collect()
}

#[test]
fn embeddings_equal_the_reference() {
    let model = model("all-minilm-l6-v2");
    assert_eq!((model.card.kind, model.card.dimensions), (Kind::TextEmbedding, Some(384)));
    let cases = expected("all-minilm-l6-v2");
    let pipeline = TextEmbedding::read(&model).unwrap();
    let params = Params::parse(Kind::TextEmbedding, &Object::new()).unwrap();
    for (case, (tokens, raw)) in
        cases.iter().zip(single_and_batched::<TextEmbedding>(&model, &cases, Kind::TextEmbedding, 64))
    {
        assert_eq!(Some(tokens), case.tokens, "{}", name(case));
        let prepared = pipeline.prepare(material(case), params.clone()).unwrap();
        let Output::Embedding { embedding, tokens } = pipeline.finish(prepared, raw).unwrap().output else {
            panic!("an embedding was meant")
        };
        assert_close(&embedding, case.embedding.as_ref().unwrap(), name(case));
        assert_eq!(Some(tokens), case.tokens, "the answer tells how many tokens were read");
    }
}

/// The vector that `pipeline` makes of one item, and how many tokens it read.
fn vector(
    (pipeline, engine): (&TextEmbedding, &mut <TextEmbedding as Pipeline>::Engine),
    material: Material,
    params: &Value,
) -> (Vec<f32>, u32) {
    let params = Params::parse(Kind::TextEmbedding, params.as_object().unwrap()).unwrap();
    let prepared = pipeline.prepare(material, params).unwrap();
    let raw = TextEmbedding::run(engine, &pipeline.collate(&[&prepared]).unwrap()).unwrap().remove(0);
    match pipeline.finish(prepared, raw).unwrap().output {
        Output::Embedding { embedding, tokens } => (embedding, tokens),
        other => panic!("{other:?} is no embedding"),
    }
}

#[test]
fn the_tokens_of_a_text_give_the_texts_vector() {
    let model = model("all-minilm-l6-v2");
    let pipeline = TextEmbedding::read(&model).unwrap();
    let mut engine = TextEmbedding::load(&model, Some(&runtime())).unwrap();
    let mut tokenizer = tokenizers::Tokenizer::from_file(model.root.join("tokenizer.json")).unwrap();
    // A client's own tokenizer neither cuts nor pads.
    tokenizer.with_truncation(None).unwrap().with_padding(None);
    for case in &expected("all-minilm-l6-v2") {
        for with_frame in [false, true] {
            let ids = tokenizer.encode(name(case), with_frame).unwrap().get_ids().to_vec();
            let (vector, tokens) =
                vector((&pipeline, &mut engine), Material::Tokens(ids), &Value::Object(Object::new()));
            assert_close(&vector, case.embedding.as_ref().unwrap(), name(case));
            assert_eq!(Some(tokens), case.tokens, "{}", name(case));
        }
    }
}

#[test]
fn fewer_dimensions_are_the_first_ones_at_length_one() {
    let model = model("all-minilm-l6-v2");
    let pipeline = TextEmbedding::read(&model).unwrap();
    let mut engine = TextEmbedding::load(&model, Some(&runtime())).unwrap();
    let case = &expected("all-minilm-l6-v2")[0];
    let whole = case.embedding.as_ref().unwrap();
    for wanted in [1, 64, 384] {
        let params = serde_json::json!({"dimensions": wanted});
        let (vector, _) = vector((&pipeline, &mut engine), material(case), &params);
        let length = whole[..wanted].iter().map(|value| value * value).sum::<f32>().sqrt();
        let cut: Vec<f32> = whole[..wanted].iter().map(|value| value / length).collect();
        assert_close(&vector, &cut, &format!("{wanted} dimensions"));
    }
}

#[test]
fn emotion_logits_equal_the_reference() {
    let model = model("emotion");
    assert_eq!(model.card.labels, ["happy", "sad", "angry", "neutral", "excited", "anxious"]);
    let cases = expected("emotion");
    for (case, (tokens, logits)) in cases.iter().zip(single_and_batched::<TextClassification>(
        &model,
        &cases,
        Kind::TextClassification,
        64,
    )) {
        assert_eq!(Some(tokens), case.tokens, "{}", name(case));
        assert_close(&logits, case.logits.as_ref().unwrap(), name(case));
    }
}

#[test]
fn picture_logits_equal_the_reference() {
    let model = model("efficientnet-lite0");
    let cases = expected("efficientnet-lite0");
    for (case, (_, logits)) in cases.iter().zip(single_and_batched::<ImageClassification>(
        &model,
        &cases,
        Kind::ImageClassification,
        8,
    )) {
        assert_close(&logits, case.logits.as_ref().unwrap(), name(case));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_models_answer_through_the_whole_line() {
    let mut ground = Ground::with_models().await;
    let worker = ground.start().await;
    let cases = expected("all-minilm-l6-v2");
    let items: Vec<_> = cases.iter().map(|case| text(name(case))).collect();
    let jobs = [
        ground.job("all-minilm-l6-v2", &items),
        ground.job("emotion", &[text("I can't wait for the concert tonight!!"), text("今天天气不错。")]),
    ];
    let ids = ground.submit(&jobs).await;
    let ended = ground.ended(&ids).await;
    let embeddings = ground.result(&ended[0]).await;
    for (index, case) in cases.iter().enumerate() {
        let got: Vec<f32> =
            serde_json::from_value(embeddings["items"][index]["output"]["embedding"].clone()).unwrap();
        assert_close(&got, case.embedding.as_ref().unwrap(), name(case));
    }
    let emotions = ground.result(&ended[1]).await;
    let labels = emotions["items"][0]["output"]["labels"].as_array().unwrap();
    assert_eq!((labels.len(), &labels[0]["label"]), (6, &Value::from("excited")));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_model_does_not_know_fails_its_item_alone() {
    use forebay_shared::job::{Input, Item};
    let mut ground = Ground::with_models().await;
    let worker = ground.start().await;
    let tokens = |ids: &[u32]| Item { input: Input::Tokens(ids.to_vec()), params: Object::new() };
    let long = vec![7592; 1000];
    let items = [tokens(&[101, 7592, 102]), tokens(&[7592, 30_522]), tokens(&long), text("hello")];
    let mut uncut = ground.job("all-minilm-l6-v2", &[tokens(&long), text("hello")]);
    uncut.params.insert("truncate".to_owned(), false.into());
    let ids = ground.submit(&[ground.job("all-minilm-l6-v2", &items), uncut]).await;
    let jobs = ground.ended(&ids).await;
    let result = ground.result(&jobs[0]).await;
    let item = |index: usize| &result["items"][index];
    assert_eq!(item(1)["error"]["code"], "unknown_token", "{result}");
    let why = item(1)["error"]["message"].as_str().unwrap();
    assert_eq!(why, "there is no token 30522: the model's ids are below 30522");
    assert_eq!(item(0)["output"], item(3)["output"], "a word and its token are one and the same");
    assert_eq!((&item(0)["output"]["tokens"], &item(2)["output"]["tokens"]), (&3.into(), &256.into()));
    let result = ground.result(&jobs[1]).await;
    assert_eq!(result["items"][0]["error"]["code"], "input_too_long", "{result}");
    assert_eq!(result["items"][1]["status"], "succeeded");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_torn_picture_among_sixteen_fails_alone() {
    use forebay_shared::job::{ImageSource, Input, Item};
    let mut ground = Ground::with_models().await;
    let worker = ground.start().await;
    let cat = std::fs::read(reference().join("images/photo-cat.png")).unwrap();
    let picture =
        |bytes: Vec<u8>| Item { input: Input::Image(ImageSource::Inline(bytes)), params: Object::new() };
    let mut items: Vec<_> = (0..16).map(|_| picture(cat.clone())).collect();
    items[7] = picture(cat[..cat.len() / 2].to_vec());
    let ids = ground.submit(&[ground.job("efficientnet-lite0", &items)]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.succeeded, job.failed), (15, 1));
    let result = ground.result(&job).await;
    assert_eq!(result["items"][7]["error"]["code"], "image_undecodable");
    assert!(result["items"][8]["output"]["labels"][0]["label"].as_str().unwrap().contains("cat"));
    worker.stop().await;
}
