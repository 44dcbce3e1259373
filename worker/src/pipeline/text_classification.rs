//! `text_classification`: a text, or two that are read together, gets labels.
//!
//! What is too long is cut, of a pair the longer text first, or fails as `input_too_long`; an id that the model does not know
//! fails as `unknown_token`. Each fails its item alone.

use forebay_shared::job::{Failure, FailureCode, Params};

use super::labels::{Scoring, best};
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::text::{Cut, TextEncoder, TextSession, TextTensors, Tokens};

/// Labels texts.
#[derive(Debug)]
pub struct TextClassification {
    encoder: TextEncoder,
    labels: Vec<String>,
    scoring: Scoring,
    prefix: Option<String>,
}

/// A tokenised text, how many labels it is to get, and how they are scored.
#[derive(Debug)]
pub struct LabelledText {
    tokens: Tokens,
    top: usize,
    scoring: Scoring,
}

impl Pipeline for TextClassification {
    type Prepared = LabelledText;
    type Tensors = TextTensors;
    type Engine = TextSession;
    type Raw = Vec<f32>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        Ok(Self {
            encoder: TextEncoder::read(model)?,
            labels: model.card.labels.clone(),
            scoring: Scoring::of(&model.config, model.card.labels.len()),
            prefix: model.manifest.text.prefix.clone(),
        })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        TextSession::new(model.open(runtime)?, model.onnx.clone(), &["logits"])
    }

    fn prepare(&self, material: Material, params: Params) -> Result<LabelledText, Failure> {
        let Params::TextClassification(params) = params else { return Err(super::of_another_kind()) };
        let cut = Cut::new(params.truncate, params.truncation_side);
        let tokens = self.encoder.read_in(material, self.prefix.as_deref(), cut)?;
        let scoring = params.function_to_apply.map_or(self.scoring, Scoring::asked);
        Ok(LabelledText { tokens, top: params.top_k.map_or(usize::MAX, |top| top as usize), scoring })
    }

    fn length(prepared: &LabelledText) -> u32 {
        prepared.tokens.len()
    }

    fn collate(&self, batch: &[&LabelledText]) -> Result<TextTensors, Failure> {
        Ok(self.encoder.collate(batch.iter().map(|text| &text.tokens)))
    }

    fn run(engine: &mut TextSession, tensors: &TextTensors) -> Result<Vec<Vec<f32>>, Failure> {
        engine.run(tensors, logits)
    }

    fn finish(&self, prepared: LabelledText, logits: Vec<f32>) -> Result<Answer, Failure> {
        Ok(best(&logits, &self.labels, prepared.scoring, prepared.top).into())
    }
}

/// The raw scores of each text.
pub(super) fn logits(shape: &[usize], values: &[f32]) -> Result<Vec<Vec<f32>>, Failure> {
    match *shape {
        [_, labels] if labels > 0 => Ok(values.chunks_exact(labels).map(<[f32]>::to_vec).collect()),
        _ => Err(Failure::permanent(
            FailureCode::InferenceFailed,
            format!("the model's output has the shape {shape:?}, which is no list of labels per text"),
        )),
    }
}
