//! Real models against what Python computed, and batched runs against single ones.
//!
//! The expected values come from `models/reference/`, made with Python's onnxruntime, tokenizers and Pillow. Each family of
//! kinds has a file; here is what they share.

mod background_removal;
mod digest;
mod formats;
mod image_classification;
mod image_embedding;
mod image_segmentation;
mod image_to_image;
mod line;
mod object_detection;
mod ocr;
mod pairs;
mod tensor;
mod text_classification;
mod text_embedding;
mod token_classification;
mod zero_shot;

use std::path::{Path, PathBuf};

use forebay_shared::job::{Output, Params};
use forebay_worker::model::{ModelFiles, Provider, Runtime, scan};
use forebay_worker::pipeline::{Material, Pipeline};
use serde::Deserialize;
use serde_json::Value;

use super::ground::data;

/// The largest difference to the reference, and between a single run and a batched one.
const TOLERANCE: f32 = 1e-4;
/// The same where a picture of more than a megapixel was resized, which comes within two steps of Pillow's bytes.
const LARGE_TOLERANCE: f32 = 1e-3;

/// An input, and what Python made of it.
struct Case(Value);

/// The cases of a model; there are at least ten.
fn expected(model: &str) -> Vec<Case> {
    let file = reference().join(format!("expected/{model}.json"));
    let expected: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cases: Vec<Case> = expected["cases"].as_array().unwrap().iter().cloned().map(Case).collect();
    assert!(cases.len() >= 10);
    cases
}

impl Case {
    /// What the reference says under this name; null if it says nothing.
    fn get(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// The text, or the picture's file.
    fn name(&self) -> &str {
        self.get("text").as_str().or(self.get("file").as_str()).unwrap_or_default()
    }

    /// Compares what came of the picture.
    fn assert_close(&self, got: &[f32], wanted: &[f32]) {
        let allowed = if self.name() == "large-flat.png" { LARGE_TOLERANCE } else { TOLERANCE };
        assert_within(got, wanted, allowed, self.name());
    }

    /// How many tokens the text has after it was cut.
    fn tokens(&self) -> Option<u32> {
        self.get("tokens").as_u64().and_then(|tokens| tokens.try_into().ok())
    }

    /// The numbers under this name.
    fn numbers(&self, name: &str) -> Vec<f32> {
        Vec::deserialize(self.get(name)).unwrap()
    }

    fn material(&self) -> Material {
        match (self.get("text"), self.get("file")) {
            (Value::String(text), _) => match self.get("pair").as_str() {
                Some(pair) => Material::Pair(text.clone(), pair.to_owned()),
                None => Material::Text(text.clone()),
            },
            (_, Value::String(file)) => Material::Image(picture(file).into()),
            _ => panic!("a case has a text or a file"),
        }
    }
}

/// A model that is open, as a lane has it.
struct Subject<P: Pipeline> {
    model: ModelFiles,
    pipeline: P,
    engine: P::Engine,
}

impl<P: Pipeline> Subject<P> {
    fn open(name: &str) -> Self {
        Self::of(model(name))
    }

    fn of(model: ModelFiles) -> Self {
        let (pipeline, engine) = (P::read(&model).unwrap(), P::load(&model, Some(&runtime())).unwrap());
        Self { model, pipeline, engine }
    }

    fn prepare(&self, material: Material, params: &Value) -> P::Prepared {
        let params = Params::parse(self.model.card.kind, params.as_object().unwrap()).unwrap();
        self.pipeline.prepare(material, params).unwrap()
    }

    fn run(&mut self, items: &[&P::Prepared]) -> Vec<P::Raw> {
        P::run(&mut self.engine, &self.pipeline.collate(items).unwrap()).unwrap()
    }

    /// What becomes of one item.
    fn answer(&mut self, material: Material, params: &Value) -> Output {
        let prepared = self.prepare(material, params);
        let raw = self.run(&[&prepared]).remove(0);
        self.pipeline.finish(prepared, raw).unwrap().output
    }
}

impl<P: Pipeline<Raw = Vec<f32>>> Subject<P> {
    /// Runs every case alone and all of them together, `chunk` at a time; compares the two, and answers with the lengths
    /// and the single runs.
    fn single_and_batched(&mut self, cases: &[Case], chunk: usize) -> Vec<(u32, Vec<f32>)> {
        let prepared: Vec<_> =
            cases.iter().map(|case| self.prepare(case.material(), &serde_json::json!({}))).collect();
        let single: Vec<_> = prepared.iter().map(|item| self.run(&[item]).remove(0)).collect();
        let together: Vec<&P::Prepared> = prepared.iter().collect();
        let batched: Vec<_> = together.chunks(chunk).flat_map(|items| self.run(items)).collect();
        for ((single, batched), case) in single.iter().zip(&batched).zip(cases) {
            assert_close(batched, single, &format!("batched and single: {}", case.name()));
        }
        prepared.iter().map(P::length).zip(single).collect()
    }
}

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/reference")
}

/// A picture of the reference's.
fn picture(file: &str) -> Vec<u8> {
    std::fs::read(reference().join("images").join(file)).unwrap()
}

/// A starter model, or a toy that is in the tree.
fn model(name: &str) -> ModelFiles {
    model_as(name, "")
}

/// The same with more in its manifest. Only this one is read: each takes a while for its digest.
fn model_as(name: &str, more: &str) -> ModelFiles {
    let starter = data().join("models").join(name);
    let toy = reference().join("../toys").join(name);
    let base = if starter.is_dir() { starter } else { toy };
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join(name).join("forebay.toml");
    std::fs::create_dir_all(manifest.parent().unwrap()).unwrap();
    std::fs::write(manifest, format!("base = '{}'\n{more}", base.display())).unwrap();
    scan(folder.path(), &[], 50_000_000).pop().expect("the model is there")
}

fn runtime() -> Runtime {
    Runtime::load(Path::new(""), &[data().join("lib")], &[Provider::Cpu], 2).unwrap()
}

fn assert_close(got: &[f32], wanted: &[f32], what: &str) {
    assert_within(got, wanted, TOLERANCE, what);
}

fn assert_within(got: &[f32], wanted: &[f32], allowed: f32, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    let difference = got.iter().zip(wanted).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f32::max);
    assert!(difference <= allowed, "{what}: {difference}");
}

#[test]
fn a_provider_that_is_missing_is_an_error_at_once() {
    let loaded = Runtime::load(Path::new(""), &[data().join("lib")], &[Provider::Cuda, Provider::Cpu], 2);
    let error = loaded.unwrap_err().to_string();
    assert!(error.contains("worker.providers is [Cuda, Cpu]"), "{error}");
}
