use super::*;
use crate::call::samples::{NOON, card};
use forebay_shared::residency::Loaded;

fn model(name: &str, kind: Kind, workers: u32) -> Model {
    Model { card: card(name, kind), created_at: NOON, workers, draining: false, loaded: None, rate: 0.0 }
}

#[test]
fn every_announced_model_is_listed_under_a_name_with_a_tag() {
    let mut unsized_model = model("acme/words:v1.5", Kind::TextClassification, 0);
    unsized_model.card.bytes = None;
    let listed = tags(&[model("minilm", Kind::TextEmbedding, 1), unsized_model]);
    insta::assert_snapshot!(format!("{listed:#}"), @r#"
    {
      "models": [
        {
          "name": "minilm:latest",
          "model": "minilm:latest",
          "size": 1000,
          "digest": "0000000000000000000000000000000000000000000000000000000000000000",
          "details": {
            "parent_model": "",
            "format": "onnx",
            "family": "text_embedding",
            "families": [
              "text_embedding"
            ],
            "parameter_size": "",
            "quantization_level": "",
            "context_length": 128,
            "embedding_length": 384
          },
          "capabilities": [
            "embedding"
          ],
          "modified_at": "2026-06-01T12:00:00.000000Z"
        },
        {
          "name": "acme/words:v1.5",
          "model": "acme/words:v1.5",
          "size": 0,
          "digest": "0000000000000000000000000000000000000000000000000000000000000000",
          "details": {
            "parent_model": "",
            "format": "onnx",
            "family": "text_classification",
            "families": [
              "text_classification"
            ],
            "parameter_size": "",
            "quantization_level": "",
            "context_length": 128
          },
          "capabilities": [],
          "modified_at": "2026-06-01T12:00:00.000000Z"
        }
      ]
    }
    "#);
}

#[test]
fn those_in_memory_are_running() {
    let loaded =
        |model: Model, expires_at| Model { loaded: Some(Loaded { since: NOON, expires_at }), ..model };
    let net = loaded(model("net", Kind::ImageClassification, 2), None);
    let running = ps(&[net, model("idle", Kind::Ocr, 1)], NOON);
    insta::assert_snapshot!(format!("{running:#}"), @r#"
    {
      "models": [
        {
          "name": "net:latest",
          "model": "net:latest",
          "size": 1000,
          "digest": "0000000000000000000000000000000000000000000000000000000000000000",
          "details": {
            "parent_model": "",
            "format": "onnx",
            "family": "image_classification",
            "families": [
              "image_classification"
            ],
            "parameter_size": "",
            "quantization_level": ""
          },
          "capabilities": [
            "vision"
          ],
          "expires_at": "2126-05-08T12:00:00.000000Z"
        }
      ]
    }
    "#);
    let soon = NOON.plus(Duration::from_mins(5));
    let reads = ps(&[loaded(model("minilm", Kind::TextEmbedding, 1), Some(soon))], NOON);
    assert_eq!(reads["models"][0]["context_length"], 128);
    assert_eq!(reads["models"][0]["expires_at"], json!(soon));
}

#[test]
fn a_model_is_shown_and_its_file_only_to_who_wants_all() {
    let mut emotion = model("emotion", Kind::TextClassification, 1);
    emotion.card.labels = vec!["happy".to_owned(), "sad".to_owned()];
    insta::assert_snapshot!(format!("{:#}", show(&emotion, false)), @r#"
    {
      "license": "Apache-2.0",
      "details": {
        "parent_model": "",
        "format": "onnx",
        "family": "text_classification",
        "families": [
          "text_classification"
        ],
        "parameter_size": "",
        "quantization_level": "",
        "context_length": 128
      },
      "model_info": {
        "general.architecture": "text_classification",
        "general.basename": "emotion",
        "general.license": "Apache-2.0",
        "general.organization": "forebay",
        "forebay.digest": "0000000000000000000000000000000000000000000000000000000000000000",
        "text_classification.context_length": 128,
        "forebay.labels": [
          "happy",
          "sad"
        ]
      },
      "capabilities": [],
      "modified_at": "2026-06-01T12:00:00.000000Z"
    }
    "#);
    let verbose = show(&emotion, true);
    assert_eq!(verbose["modelfile"], "FROM emotion:latest\nLICENSE \"\"\"Apache-2.0\"\"\"\n");
    let embedder = show(&model("minilm", Kind::TextEmbedding, 1), false);
    assert_eq!(embedder["model_info"]["text_embedding.embedding_length"], 384);
    assert_eq!(embedder["capabilities"], json!(["embedding"]));
}

#[test]
fn a_model_is_asked_for_by_either_name() {
    let read = |body: &str| asked(body.as_bytes()).map_err(|fault| fault.message);
    let emotion = |verbose| Ok(Asked { model: "emotion".to_owned(), verbose });
    assert_eq!(read(r#"{"model": "emotion:latest"}"#), emotion(false));
    assert_eq!(read(r#"{"name": "emotion", "verbose": true, "system": "a"}"#), emotion(true));
    assert_eq!(read(r#"{"model": "", "name": "emotion"}"#), emotion(false));
    assert_eq!(read("{}"), Err("model is required".to_owned()));
}
