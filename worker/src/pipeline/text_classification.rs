//! `text_classification`: a text gets labels.

use forebay_shared::job::{Failure, FailureCode, Params, TextClassificationParams};

use super::labels::{Scoring, best};
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::text::{TextEncoder, TextSession, TextTensors, Tokens};

/// Labels texts.
#[derive(Debug)]
pub struct TextClassification {
    encoder: TextEncoder,
    labels: Vec<String>,
    scoring: Scoring,
    prefix: Option<String>,
}

/// A tokenised text, and how many labels it is to get.
#[derive(Debug)]
pub struct LabelledText {
    tokens: Tokens,
    top: usize,
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
        let Params::TextClassification(TextClassificationParams { truncate, top_k }) = params else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the parameters are another kind's"));
        };
        let tokens = self.encoder.read_in(material, self.prefix.as_deref(), truncate)?;
        Ok(LabelledText { tokens, top: top_k.map_or(usize::MAX, |top| top as usize) })
    }

    fn length(prepared: &LabelledText) -> u32 {
        prepared.tokens.len()
    }

    fn collate(&self, batch: &[&LabelledText]) -> Result<TextTensors, Failure> {
        Ok(self.encoder.collate(batch.iter().map(|text| &text.tokens)))
    }

    fn run(engine: &mut TextSession, tensors: &TextTensors) -> Result<Vec<Vec<f32>>, Failure> {
        engine.run(tensors, |shape, values| match *shape {
            [_, labels] if labels > 0 => Ok(values.chunks_exact(labels).map(<[f32]>::to_vec).collect()),
            _ => Err(Failure::permanent(
                FailureCode::InferenceFailed,
                format!("the model's output has the shape {shape:?}, which is no list of labels per text"),
            )),
        })
    }

    fn finish(&self, prepared: LabelledText, logits: Vec<f32>) -> Result<Answer, Failure> {
        Ok(best(&logits, &self.labels, self.scoring, prepared.top).into())
    }
}
