//! `text_embedding`: a text becomes a vector, or its tokens do.
//!
//! What the tokenizer alone can say, it says without the model: a text's tokens, and the text that ids stand for.
//!
//! A text, or the ids of its tokens, that is too long is cut at the side that is asked for, or fails as `input_too_long`. An
//! id that the model does not know fails as `unknown_token`, an unknown prompt and too many dimensions as `invalid_params`.
//! Each fails its item alone.

use forebay_shared::job::{EmbeddingOutput, Failure, FailureCode, Output, Params, TextEmbeddingParams};
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

/// A batch, and how the vectors of each text are pooled.
#[derive(Debug)]
pub struct EmbeddingTensors {
    texts: TextTensors,
    pooling: Vec<Pooling>,
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

    fn at_hand(&self, material: &Material, params: &Params) -> Option<Result<Answer, Failure>> {
        let Params::TextEmbedding(params) = params else { return None };
        let made = match params.output {
            EmbeddingOutput::Embedding | EmbeddingOutput::TokenEmbeddings => return None,
            EmbeddingOutput::Pieces => self.pieces(material, params),
            EmbeddingOutput::Text => self.text(material, params),
        };
        Some(made.map(Answer::from))
    }

    fn prepare(&self, material: Material, params: Params) -> Result<EmbeddedText, Failure> {
        let Params::TextEmbedding(params) = params else { return Err(super::of_another_kind()) };
        if let Material::Pair(..) = material {
            return Err(refused("the model takes one text at a time"));
        }
        let prompt = self.prompt(&params)?;
        let cut = Cut::new(params.truncate, params.truncation_side);
        Ok(EmbeddedText { tokens: self.encoder.read_in(material, prompt, cut)?, params })
    }

    fn length(prepared: &EmbeddedText) -> u32 {
        prepared.tokens.len()
    }

    fn collate(&self, batch: &[&EmbeddedText]) -> Result<EmbeddingTensors, Failure> {
        let texts = self.encoder.collate(batch.iter().map(|text| &text.tokens));
        let pooling = batch.iter().map(|text| match text.params.output {
            EmbeddingOutput::TokenEmbeddings => Pooling::None,
            _ => self.pooling,
        });
        Ok(EmbeddingTensors { texts, pooling: pooling.collect() })
    }

    fn run(engine: &mut TextSession, tensors: &EmbeddingTensors) -> Result<Vec<Vec<f32>>, Failure> {
        engine.run(&tensors.texts, |shape, values| {
            Pooling::of_each(&tensors.pooling, &tensors.texts, shape, values)
        })
    }

    fn finish(&self, prepared: EmbeddedText, mut vector: Vec<f32>) -> Result<Answer, Failure> {
        let TextEmbeddingParams { dimensions, normalize: wished, precision, output, .. } = prepared.params;
        let tokens = prepared.tokens.len();
        if output == EmbeddingOutput::TokenEmbeddings {
            return Ok(of_tokens(&vector, tokens, wished == Some(true))?.into());
        }
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
        Ok(quantized::output(vector, precision, tokens).into())
    }
}

impl TextEmbedding {
    /// What is put before a text.
    fn prompt(&self, params: &TextEmbeddingParams) -> Result<Option<&str>, Failure> {
        let Some(name) = &params.prompt else { return Ok(self.prompts.usual()) };
        let prompt = self.prompts.get(name);
        prompt.map(Some).ok_or_else(|| refused(format!("the model has no prompt `{name}`")))
    }

    fn pieces(&self, material: &Material, params: &TextEmbeddingParams) -> Result<Output, Failure> {
        let Material::Text(text) = material else {
            return Err(refused("`output` is `pieces`, which are of a text"));
        };
        let text = format!("{}{text}", self.prompt(params)?.unwrap_or_default());
        let pieces = self.encoder.pieces(&text, params.add_special_tokens.unwrap_or(true))?;
        let tokens = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
        Ok(Output::Pieces { pieces, tokens })
    }

    fn text(&self, material: &Material, params: &TextEmbeddingParams) -> Result<Output, Failure> {
        let Material::Tokens(ids) = material else {
            return Err(refused("`output` is `text`, which is of token ids"));
        };
        let text = self.encoder.decoded(ids, params.skip_special_tokens.unwrap_or(true))?;
        Ok(Output::Text { text, tokens: u32::try_from(ids.len()).unwrap_or(u32::MAX) })
    }
}

/// The vectors of a text's tokens, which stand one after the other.
fn of_tokens(values: &[f32], tokens: u32, unit: bool) -> Result<Output, Failure> {
    if values.is_empty() {
        return Err(refused("the model gives the vector of a text, and none of its tokens"));
    }
    let vectors = values.chunks_exact((values.len() / tokens.max(1) as usize).max(1));
    let mut embeddings: Vec<Vec<f32>> = vectors.map(<[f32]>::to_vec).collect();
    if unit {
        for vector in &mut embeddings {
            normalize(vector);
        }
    }
    Ok(Output::TokenEmbeddings { embeddings, tokens })
}

fn refused(message: impl std::fmt::Display) -> Failure {
    Failure::permanent(FailureCode::InvalidParams, message)
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
