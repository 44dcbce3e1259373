//! `text_embedding`: a text becomes a vector.
//!
//! A text, or the ids of its tokens, that is too long is cut at the side that is asked for, or fails as `input_too_long`. An
//! id that the model does not know fails as `unknown_token`, an unknown prompt and too many dimensions as `invalid_params`.
//! Each fails its item alone.

use forebay_shared::job::{Failure, FailureCode, Params, TextEmbeddingParams};
use serde_json::Value;

use super::pooling::{OUTPUTS, Pooling, Prompts, normalize};
use super::{Answer, Material, Pipeline, quantized};
use crate::model::{ModelError, ModelFiles, Runtime, optional_json};
use crate::text::{Cut, TextEncoder, TextSession, TextTensors, Tokens};

/// Makes vectors of texts.
#[derive(Debug)]
pub struct TextEmbedding {
    encoder: TextEncoder,
    pooling: Pooling,
    normalize: bool,
    prompts: Prompts,
}

/// A tokenised text, and what its vector is to be like.
#[derive(Debug)]
pub struct EmbeddedText {
    tokens: Tokens,
    params: TextEmbeddingParams,
}

/// A batch, and how its vectors are pooled.
#[derive(Debug)]
pub struct EmbeddingTensors {
    texts: TextTensors,
    pooling: Pooling,
}

impl Pipeline for TextEmbedding {
    type Prepared = EmbeddedText;
    type Tensors = EmbeddingTensors;
    type Engine = TextSession;
    type Raw = Vec<f32>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let modules = optional_json(&model.root.join("modules.json"))?;
        Ok(Self {
            encoder: TextEncoder::read(model)?,
            pooling: Pooling::of(model)?,
            normalize: model.manifest.text.normalize.unwrap_or_else(|| normalizes(&modules)),
            prompts: Prompts::of(model)?,
        })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        TextSession::new(model.open(runtime)?, model.onnx.clone(), &OUTPUTS)
    }

    fn prepare(&self, material: Material, params: Params) -> Result<EmbeddedText, Failure> {
        let Params::TextEmbedding(params) = params else { return Err(super::of_another_kind()) };
        if let Material::Pair(..) = material {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes one text at a time"));
        }
        let prompt = match &params.prompt {
            Some(name) => Some(self.prompts.get(name).ok_or_else(|| {
                Failure::permanent(FailureCode::InvalidParams, format!("the model has no prompt `{name}`"))
            })?),
            None => self.prompts.usual(),
        };
        let cut = Cut::new(params.truncate, params.truncation_side);
        Ok(EmbeddedText { tokens: self.encoder.read_in(material, prompt, cut)?, params })
    }

    fn length(prepared: &EmbeddedText) -> u32 {
        prepared.tokens.len()
    }

    fn collate(&self, batch: &[&EmbeddedText]) -> Result<EmbeddingTensors, Failure> {
        let texts = self.encoder.collate(batch.iter().map(|text| &text.tokens));
        Ok(EmbeddingTensors { texts, pooling: self.pooling })
    }

    fn run(engine: &mut TextSession, tensors: &EmbeddingTensors) -> Result<Vec<Vec<f32>>, Failure> {
        engine.run(&tensors.texts, |shape, values| tensors.pooling.vectors(&tensors.texts, shape, values))
    }

    fn finish(&self, prepared: EmbeddedText, mut vector: Vec<f32>) -> Result<Answer, Failure> {
        let TextEmbeddingParams { dimensions, normalize: wished, precision, .. } = prepared.params;
        if let Some(wanted) = dimensions {
            if wanted as usize > vector.len() {
                let message = format!("`dimensions` must be at most {}, not {wanted}", vector.len());
                return Err(Failure::permanent(FailureCode::InvalidParams, message));
            }
            vector.truncate(wanted as usize);
        }
        if wished.unwrap_or(self.normalize || dimensions.is_some()) {
            normalize(&mut vector);
        }
        Ok(quantized::output(vector, precision, prepared.tokens.len()).into())
    }
}

/// Whether sentence-transformers ends with a normalising module.
fn normalizes(modules: &Value) -> bool {
    let types = modules.as_array().into_iter().flatten().filter_map(|module| module.get("type"));
    types.filter_map(Value::as_str).any(|kind| kind.ends_with("Normalize"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sentence_transformers_files_say_whether_vectors_have_length_one() {
        assert!(normalizes(&json!([{"type": "sentence_transformers.models.Normalize"}])));
        assert!(!normalizes(&json!([{"type": "sentence_transformers.models.Pooling"}])));
    }
}
