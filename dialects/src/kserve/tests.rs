//! Requests that are read, requests that are refused, and answers.

mod answers;
mod refusals;

use std::time::Duration;

use bytes::Bytes;
use forebay_shared::job::{Datatype, ImageSource, Input, Kind, TensorSpec};
use forebay_shared::model::ModelCard;
use serde_json::{Value, json};

use super::{ModelMetadata, Reply, Request};
use crate::Fault;
use crate::call::{Call, Urgency};

/// A model of this kind.
fn card(kind: Kind) -> ModelCard {
    let card = json!({
        "name": "m", "digest": "d", "kind": kind, "owned_by": "tests", "batch_cost": 64, "dimensions": 3,
    });
    serde_json::from_value(card).unwrap()
}

/// A model that takes `x` and `rate`, and gives `y` and `half`.
fn net() -> ModelCard {
    let spec = |name: &str, datatype, shape: &[i64]| TensorSpec {
        name: name.to_owned(),
        datatype,
        shape: Some(shape.to_vec()),
    };
    ModelCard {
        inputs: vec![spec("x", Datatype::Fp32, &[-1, 2]), spec("rate", Datatype::Int64, &[])],
        outputs: vec![spec("y", Datatype::Fp32, &[-1]), spec("half", Datatype::Fp16, &[-1])],
        ..card(Kind::Tensor)
    }
}

/// Reads a body that is JSON alone.
fn read(card: &ModelCard, body: &Value) -> Result<Call<Reply>, Fault> {
    Request { card, body: &body.to_string().into(), json: None, most: 4 }.read()
}

/// Reads a body with bytes behind its JSON.
fn read_with(card: &ModelCard, body: &Value, bytes: &[u8]) -> Result<Call<Reply>, Fault> {
    let mut whole = body.to_string().into_bytes();
    let json = Some(whole.len());
    whole.extend_from_slice(bytes);
    Request { card, body: &Bytes::from(whole), json, most: 4 }.read()
}

fn inputs(call: Call<Reply>) -> Vec<Input> {
    call.items.into_iter().map(|item| item.input).collect()
}

fn texts(shape: &Value, data: &Value) -> Value {
    json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": shape, "data": data}]})
}

/// Texts or files with their lengths before them.
fn strings(strings: &[&[u8]]) -> Vec<u8> {
    let with_length =
        |string: &&[u8]| [&u32::try_from(string.len()).unwrap().to_le_bytes(), *string].concat();
    strings.iter().flat_map(with_length).collect()
}

#[test]
fn each_text_is_an_item_however_it_is_written() {
    let card = card(Kind::TextEmbedding);
    let two = [Input::Text("a".to_owned()), Input::Text("你好".to_owned())];
    assert_eq!(inputs(read(&card, &texts(&json!([2]), &json!(["a", "你好"]))).unwrap()), two);
    assert_eq!(inputs(read(&card, &texts(&json!([2, 1]), &json!([["a"], ["你好"]]))).unwrap()), two);
    let bytes = strings(&[b"a", "你好".as_bytes()]);
    let body = json!({"inputs": [{
        "name": "text", "datatype": "BYTES", "shape": [2, 1], "parameters": {"binary_data_size": bytes.len()},
    }]});
    assert_eq!(inputs(read_with(&card, &body, &bytes).unwrap()), two);
}

#[test]
fn two_texts_are_a_pair_where_the_model_reads_pairs() {
    let input =
        |name: &str, data: Value| json!({"name": name, "datatype": "BYTES", "shape": [1], "data": data});
    let body = json!({"inputs": [input("text_pair", json!(["b"])), input("text", json!(["a"]))]});
    let pair = Input::Pair { text: "a".to_owned(), text_pair: "b".to_owned() };
    for kind in [Kind::Rerank, Kind::TextSimilarity, Kind::TextClassification] {
        assert_eq!(inputs(read(&card(kind), &body).unwrap()), std::slice::from_ref(&pair), "{kind}");
    }
    let fault = read(&card(Kind::TextEmbedding), &body).unwrap_err();
    assert_eq!(fault.message, "the model `m` has no input `text_pair`; it has `text`");
}

#[test]
fn a_picture_is_its_file() {
    let card = card(Kind::ImageClassification);
    let files = [Input::Image(ImageSource::Inline(vec![0, 255])), Input::Image(ImageSource::Inline(vec![7]))];
    let bytes = strings(&[&[0, 255], &[7]]);
    let body = json!({"inputs": [{
        "name": "image", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": bytes.len()},
    }]});
    assert_eq!(inputs(read_with(&card, &body, &bytes).unwrap()), files);
    let body =
        json!({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2], "data": ["AP8=", "Bw=="]}]});
    assert_eq!(inputs(read(&card, &body).unwrap()), files);
}

#[test]
fn tensors_are_one_item_as_they_are() {
    let x = |rest: Value| {
        let mut x = json!({"name": "x", "datatype": "FP32", "shape": [2, 2]});
        x.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        x
    };
    let rate = json!({"name": "rate", "datatype": "INT64", "shape": [], "data": [16000]});
    let flat = json!({"inputs": [x(json!({"data": [1, 2, 3, 4]})), rate.clone()]});
    let nested = json!({"inputs": [x(json!({"data": [[1, 2], [3, 4]]})), rate.clone()]});
    let behind = json!({"inputs": [x(json!({"parameters": {"binary_data_size": 16}})), rate]});
    let bytes: Vec<u8> = [1.0_f32, 2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let flat = inputs(
        read(&net(), &json!({"inputs": flat["inputs"], "parameters": {"binary_data_output": true}})).unwrap(),
    );
    assert_eq!(flat.len(), 1);
    let binary = |body: &Value| json!({"inputs": body["inputs"], "parameters": {"binary_data_output": true}});
    assert_eq!(inputs(read(&net(), &binary(&nested)).unwrap()), flat);
    assert_eq!(inputs(read_with(&net(), &binary(&behind), &bytes).unwrap()), flat);
}

#[test]
fn outputs_that_are_not_wanted_are_not_told_by_the_worker() {
    let body = json!({
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]},
            {"name": "rate", "datatype": "INT64", "shape": [], "data": [1]},
        ],
        "outputs": [{"name": "y"}],
    });
    let call = read(&net(), &body).unwrap();
    assert_eq!(Value::Object(call.params), json!({"outputs": ["y"], "encoding": "base64"}));
}

/// How soon a request with these parameters is done, and the parameters that are the model's.
fn ordered(parameters: Value) -> (Urgency, Value) {
    let mut body = texts(&json!([1]), &json!(["a"]));
    body["parameters"] = parameters;
    let call = read(&card(Kind::TextEmbedding), &body).unwrap();
    (call.reply.urgency, Value::Object(call.params))
}

#[test]
fn one_is_the_highest_priority_and_timeouts_are_microseconds() {
    let priority = |priority: u64| ordered(json!({ "priority": priority })).0.priority;
    assert_eq!([0, 1, 2, 10, 11, 12, 21, 22, u64::MAX].map(priority), [0, 10, 9, 1, 0, -1, -10, -10, -10]);
    let wait = |timeout: u64| ordered(json!({ "timeout": timeout })).0.start_within;
    assert_eq!((wait(0), wait(1_500_000)), (None, Some(Duration::from_millis(1500))));
    assert_eq!(wait(u64::MAX), Some(Duration::from_hours(30 * 24)));
}

#[test]
fn other_parameters_are_the_models() {
    let (urgency, params) = ordered(json!({"dimensions": 64, "binary_data_output": false, "priority": 0}));
    assert_eq!((urgency, params), (Urgency::default(), json!({"dimensions": 64})));
}

#[test]
fn every_kind_tells_what_it_takes_and_gives() {
    let short = |specs: &Value| {
        let one = |spec: &Value| {
            let word = |name: &str| spec[name].as_str().unwrap().to_owned();
            format!("{} {}{}", word("name"), word("datatype"), spec["shape"])
        };
        specs.as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let line = |kind: Kind| {
        let card = if kind == Kind::Tensor { net() } else { card(kind) };
        let told = serde_json::to_value(ModelMetadata::from(&card)).unwrap();
        format!("{kind}: {} -> {}", short(&told["inputs"]), short(&told["outputs"]))
    };
    insta::assert_snapshot!(Kind::ALL.map(line).join("\n"), @r"
    echo: text BYTES[-1] -> text BYTES[-1]
    text_embedding: text BYTES[-1] -> embedding FP32[-1,3]
    text_classification: text BYTES[-1] -> label BYTES[-1,-1], score FP32[-1,-1]
    image_classification: image BYTES[-1] -> label BYTES[-1,-1], score FP32[-1,-1]
    background_removal: image BYTES[-1] -> url BYTES[-1], width UINT32[-1], height UINT32[-1]
    object_detection: image BYTES[-1] -> label BYTES[-1,-1], score FP32[-1,-1], box FP32[-1,-1,4]
    image_embedding: image BYTES[-1] -> embedding FP32[-1,3]
    image_to_image: image BYTES[-1] -> url BYTES[-1], width UINT32[-1], height UINT32[-1]
    image_segmentation: image BYTES[-1] -> url BYTES[-1], width UINT32[-1], height UINT32[-1], id UINT32[-1,-1], label BYTES[-1,-1], share FP32[-1,-1]
    rerank: text BYTES[-1], text_pair BYTES[-1] -> score FP32[-1]
    text_similarity: text BYTES[-1], text_pair BYTES[-1] -> score FP32[-1]
    zero_shot_classification: text BYTES[-1] -> label BYTES[-1,-1], score FP32[-1,-1]
    token_classification: text BYTES[-1] -> label BYTES[-1,-1], score FP32[-1,-1], word BYTES[-1,-1], start UINT32[-1,-1], end UINT32[-1,-1]
    ocr: image BYTES[-1] -> text BYTES[-1], line BYTES[-1,-1], score FP32[-1,-1], box FP32[-1,-1,4]
    tensor: x FP32[-1,2], rate INT64[] -> y FP32[-1], half FP16[-1]
    ");
}
