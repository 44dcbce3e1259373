//! What each kind's outputs are told as.

use forebay_shared::job::{
    BoundingBox, Detected, Encoding, Entity, Failure, FailureCode, Label, Outcome, Output, Point, Precision,
    Segment, Tensor, TextLine,
};

use super::*;
use crate::FaultCode;
use crate::call::{Answer, Answered, Reply as _};

const ANSWERED: Answered<'static> = Answered { id: "1", model: "m", job: None };

/// What a model of this kind is answered with, in JSON.
fn answer(kind: Kind, outcomes: Vec<Outcome>) -> Answer {
    let reply =
        Reply { id: Some("7".to_owned()), kind, wanted: None, binary: false, urgency: Urgency::default() };
    reply.write(ANSWERED, outcomes).unwrap()
}

fn told(kind: Kind, outputs: Vec<Output>) -> String {
    let answer = answer(kind, outputs.into_iter().map(Ok).collect());
    assert_eq!((answer.content_type, answer.headers.len()), ("application/json", 0));
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let line = |output: &Value| {
        format!("  {} {}{}: {}\n", output["name"], output["datatype"], output["shape"], output["data"])
    };
    let lines: String = body["outputs"].as_array().unwrap().iter().map(line).collect();
    format!("{kind}\n{lines}")
}

fn label(label: &str, score: f32) -> Label {
    Label { label: label.to_owned(), score }
}

const BOX: BoundingBox = BoundingBox { xmin: 0.0, ymin: 1.0, xmax: 2.0, ymax: 3.0 };

#[test]
fn every_kind_is_tensors_with_a_place_for_each_item() {
    let found =
        |label: &str| Detected { label: label.to_owned(), score: 0.5, bounds: BOX, points: Vec::new() };
    let entity = Entity {
        entity: None,
        entity_group: Some("PER".to_owned()),
        score: 0.5,
        word: "Anna".to_owned(),
        start: 0,
        end: 4,
    };
    let line = TextLine {
        text: "words".to_owned(),
        score: 0.5,
        bounds: BOX,
        corners: [Point { x: 0.0, y: 0.0 }; 4],
        turned: false,
    };
    let segment = Segment { id: 3, label: "sky".to_owned(), pixels: 2, share: 0.25 };
    let vector = |values: &[f32]| Output::Embedding { embedding: values.to_vec(), tokens: 3 };
    let small = |embedding: Vec<i16>, precision| Output::Quantized { embedding, precision, tokens: 3 };
    let lines = [
        told(Kind::Echo, vec![Output::Echo { echo: "a".into() }]),
        told(Kind::TextEmbedding, vec![vector(&[0.5, -1.0]), vector(&[0.25, 0.0])]),
        told(Kind::TextEmbedding, vec![small(vec![-128, 127], Precision::Int8)]),
        told(Kind::TextEmbedding, vec![small(vec![255, 0], Precision::Ubinary)]),
        told(
            Kind::TextClassification,
            vec![
                Output::Labels { labels: vec![label("sad", 0.75), label("calm", 0.25)] },
                Output::Labels { labels: vec![label("calm", 1.0)] },
            ],
        ),
        told(
            Kind::Rerank,
            vec![Output::Score { score: 0.5, tokens: 3 }, Output::Score { score: 0.25, tokens: 3 }],
        ),
        told(Kind::TokenClassification, vec![Output::Entities { entities: vec![entity], tokens: 3 }]),
        told(
            Kind::ObjectDetection,
            vec![Output::Objects { objects: Vec::new() }, Output::Objects { objects: vec![found("cat")] }],
        ),
        told(Kind::ObjectDetection, vec![Output::Objects { objects: Vec::new() }]),
        told(Kind::Ocr, vec![Output::Lines { lines: vec![line], text: "words".to_owned() }]),
        told(
            Kind::ImageToImage,
            vec![Output::Picture { width: 3, height: 2, content_type: "image/png".to_owned(), bytes: 4 }],
        ),
        told(
            Kind::ImageSegmentation,
            vec![Output::Segments { segments: vec![segment], width: 3, height: 2 }],
        ),
    ];
    insta::assert_snapshot!(lines.join(""), @r#"
    echo
      "text" "BYTES"[1]: ["a"]
    text_embedding
      "embedding" "FP32"[2,2]: [0.5,-1.0,0.25,0.0]
    text_embedding
      "embedding" "INT8"[1,2]: [-128,127]
    text_embedding
      "embedding" "UINT8"[1,2]: [255,0]
    text_classification
      "label" "BYTES"[2,2]: ["sad","calm","calm",""]
      "score" "FP32"[2,2]: [0.75,0.25,1.0,0.0]
    rerank
      "score" "FP32"[2]: [0.5,0.25]
    token_classification
      "label" "BYTES"[1,1]: ["PER"]
      "score" "FP32"[1,1]: [0.5]
      "word" "BYTES"[1,1]: ["Anna"]
      "start" "UINT32"[1,1]: [0]
      "end" "UINT32"[1,1]: [4]
    object_detection
      "label" "BYTES"[2,1]: ["","cat"]
      "score" "FP32"[2,1]: [0.0,0.5]
      "box" "FP32"[2,1,4]: [0.0,0.0,0.0,0.0,0.0,1.0,2.0,3.0]
    object_detection
      "label" "BYTES"[1,0]: []
      "score" "FP32"[1,0]: []
      "box" "FP32"[1,0,4]: []
    ocr
      "text" "BYTES"[1]: ["words"]
      "line" "BYTES"[1,1]: ["words"]
      "score" "FP32"[1,1]: [0.5]
      "box" "FP32"[1,1,4]: [0.0,1.0,2.0,3.0]
    image_to_image
      "url" "BYTES"[1]: [""]
      "width" "UINT32"[1]: [3]
      "height" "UINT32"[1]: [2]
    image_segmentation
      "url" "BYTES"[1]: [""]
      "width" "UINT32"[1]: [3]
      "height" "UINT32"[1]: [2]
      "id" "UINT32"[1,1]: [3]
      "label" "BYTES"[1,1]: ["sky"]
      "share" "FP32"[1,1]: [0.25]
    "#);
}

fn tensor(name: &str, datatype: Datatype, bytes: &[u8]) -> Tensor {
    let bytes = bytes.to_vec().into();
    Tensor { name: name.to_owned(), datatype, shape: vec![1], bytes, encoding: Encoding::Base64 }
}

fn both() -> Vec<Outcome> {
    let y = tensor("y", Datatype::Fp32, &1.5_f32.to_le_bytes());
    let half = tensor("half", Datatype::Fp16, &[0, 0x3c]);
    vec![Ok(Output::Tensors { outputs: vec![y, half] })]
}

#[test]
fn wanted_outputs_come_in_their_order_as_bytes_or_in_json() {
    let request = |outputs: Value, binary: bool| {
        let body = json!({
            "id": "7",
            "inputs": [
                {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]},
                {"name": "rate", "datatype": "INT64", "shape": [], "data": [1]},
            ],
            "outputs": outputs,
            "parameters": {"binary_data_output": binary},
        });
        read(&net(), &body).unwrap().reply.write(ANSWERED, both()).unwrap()
    };
    let half_first = json!([{"name": "half", "parameters": {"binary_data": true}}, {"name": "y"}]);
    let answer = request(half_first, false);
    assert_eq!(answer.content_type, "application/octet-stream");
    let [(name, length)] = &answer.headers[..] else { panic!("one header says how much is JSON") };
    assert_eq!(*name, "inference-header-content-length");
    let (json, rest) = answer.body.split_at(length.parse().unwrap());
    insta::assert_snapshot!(std::str::from_utf8(json).unwrap(), @r#"{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"half","datatype":"FP16","shape":[1],"parameters":{"binary_data_size":2}},{"name":"y","datatype":"FP32","shape":[1],"data":[1.5]}]}"#);
    assert_eq!(rest, [0, 0x3c]);

    let all = request(Value::Null, true);
    let length: usize = all.headers[0].1.parse().unwrap();
    assert_eq!(all.body[length..], [&1.5_f32.to_le_bytes()[..], &[0, 0x3c]].concat());
    let json = request(json!([{"name": "y"}]), false);
    insta::assert_snapshot!(String::from_utf8(json.body).unwrap(), @r#"{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1.5]}]}"#);
}

#[test]
fn one_item_that_failed_fails_the_whole() {
    let reply = Reply {
        id: None,
        kind: Kind::TextEmbedding,
        wanted: None,
        binary: false,
        urgency: Urgency::default(),
    };
    let failed = Err(Failure::permanent(FailureCode::InputTooLong, "the text has 9 tokens, the limit is 8"));
    let vector = Ok(Output::Embedding { embedding: vec![1.0], tokens: 3 });
    let fault = reply.write(ANSWERED, vec![vector, failed]).unwrap_err();
    assert_eq!(fault.code, FaultCode::InputFailed);
    assert_eq!(fault.message, "input 1: the text has 9 tokens, the limit is 8");
}
