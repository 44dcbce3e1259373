//! `text_embedding`: a text becomes a vector.

use std::collections::BTreeMap;

use forebay_shared::job::{Failure, FailureCode, Output, Params, TextEmbeddingParams};
use serde_json::Value;

use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime, optional_json};
use crate::text::{TextEncoder, TextSession, TextTensors, Tokens};

/// Outputs that hold vectors, the first of them already pooled.
const OUTPUTS: [&str; 2] = ["sentence_embedding", "last_hidden_state"];

/// Makes vectors of texts.
#[derive(Debug)]
pub struct TextEmbedding {
    encoder: TextEncoder,
    pooling: Pooling,
    normalize: bool,
    prompts: BTreeMap<String, String>,
    default_prompt: Option<String>,
}

/// How the vectors of tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    /// Their mean.
    Mean,
    /// The first.
    Cls,
    /// The largest value of each dimension.
    Max,
    /// The last.
    Last,
}

/// A tokenised text, and how many dimensions its vector is to have.
#[derive(Debug)]
pub struct EmbeddedText {
    tokens: Tokens,
    dimensions: Option<u32>,
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
        let stated = optional_json(&model.root.join("1_Pooling/config.json"))?;
        let text = &model.manifest.text;
        let pooling = Pooling::stated(&stated)
            .or_else(|| text.pooling.as_deref().and_then(Pooling::named))
            .unwrap_or(Pooling::Mean);
        let modules = optional_json(&model.root.join("modules.json"))?;
        let normalize = text.normalize.unwrap_or_else(|| normalizes(&modules));
        let (mut prompts, mut default_prompt) = prompts(model)?;
        if let Some(prefix) = &text.prefix {
            default_prompt = Some(prefix.clone());
        }
        prompts.extend(text.prompts.clone());
        Ok(Self { encoder: TextEncoder::read(model)?, pooling, normalize, prompts, default_prompt })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        TextSession::new(model.open(runtime)?, model.onnx.clone(), &OUTPUTS)
    }

    fn prepare(&self, material: Material, params: Params) -> Result<EmbeddedText, Failure> {
        let Params::TextEmbedding(TextEmbeddingParams { truncate, prompt, dimensions }) = params else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the parameters are another kind's"));
        };
        let prompt = match &prompt {
            Some(name) => Some(self.prompts.get(name).ok_or_else(|| {
                Failure::permanent(FailureCode::InvalidParams, format!("the model has no prompt `{name}`"))
            })?),
            None => self.default_prompt.as_ref(),
        };
        let tokens = self.encoder.read_in(material, prompt.map(String::as_str), truncate)?;
        Ok(EmbeddedText { tokens, dimensions })
    }

    fn length(prepared: &EmbeddedText) -> u32 {
        prepared.tokens.len()
    }

    fn collate(&self, batch: &[&EmbeddedText]) -> Result<EmbeddingTensors, Failure> {
        let texts = self.encoder.collate(batch.iter().map(|text| &text.tokens));
        Ok(EmbeddingTensors { texts, pooling: self.pooling })
    }

    fn run(engine: &mut TextSession, tensors: &EmbeddingTensors) -> Result<Vec<Vec<f32>>, Failure> {
        engine.run(&tensors.texts, |shape, values| match *shape {
            [_, dimensions] => Ok(values.chunks_exact(dimensions.max(1)).map(<[f32]>::to_vec).collect()),
            [_, tokens, dimensions] if tokens * dimensions > 0 => Ok(values
                .chunks_exact(tokens * dimensions)
                .zip(tensors.texts.mask.rows())
                .map(|(item, mask)| {
                    let real = mask.iter().filter(|one| **one != 0).count();
                    tensors.pooling.pool(&item[..real * dimensions], dimensions)
                })
                .collect()),
            _ => Err(Failure::permanent(
                FailureCode::InferenceFailed,
                format!("the model's output has the shape {shape:?}, which is no vector per text"),
            )),
        })
    }

    fn finish(&self, prepared: EmbeddedText, mut vector: Vec<f32>) -> Result<Answer, Failure> {
        if let Some(wanted) = prepared.dimensions {
            if wanted as usize > vector.len() {
                let message = format!("`dimensions` must be at most {}, not {wanted}", vector.len());
                return Err(Failure::permanent(FailureCode::InvalidParams, message));
            }
            vector.truncate(wanted as usize);
        }
        if self.normalize || prepared.dimensions.is_some() {
            normalize(&mut vector);
        }
        Ok(Output::Embedding { embedding: vector, tokens: prepared.tokens.len() }.into())
    }
}

/// Brings a vector to length one.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    for value in vector {
        *value /= length;
    }
}

impl Pooling {
    fn named(name: &str) -> Option<Self> {
        match name {
            "mean" => Some(Self::Mean),
            "cls" => Some(Self::Cls),
            "max" => Some(Self::Max),
            "last" => Some(Self::Last),
            _ => None,
        }
    }

    /// As sentence-transformers writes it.
    fn stated(config: &Value) -> Option<Self> {
        let says = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
        [
            ("pooling_mode_cls_token", Self::Cls),
            ("pooling_mode_max_tokens", Self::Max),
            ("pooling_mode_lasttoken", Self::Last),
            ("pooling_mode_mean_tokens", Self::Mean),
        ]
        .into_iter()
        .find(|(key, _)| says(key))
        .map(|(_, pooling)| pooling)
    }

    /// Pools the vectors of an item's real tokens; padding is on the right and already cut off.
    fn pool(self, tokens: &[f32], dimensions: usize) -> Vec<f32> {
        let count = tokens.len() / dimensions;
        match self {
            Self::Cls => tokens.get(..dimensions).unwrap_or_default().to_vec(),
            Self::Last => tokens[tokens.len().saturating_sub(dimensions)..].to_vec(),
            Self::Mean => {
                let mut sum = vec![0.0; dimensions];
                for token in tokens.chunks_exact(dimensions) {
                    sum.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
                }
                let share = 1.0 / count.max(1) as f32;
                sum.into_iter().map(|sum| sum * share).collect()
            }
            Self::Max => {
                let mut highest = vec![f32::NEG_INFINITY; dimensions];
                for token in tokens.chunks_exact(dimensions) {
                    highest.iter_mut().zip(token).for_each(|(highest, value)| *highest = highest.max(*value));
                }
                highest
            }
        }
    }
}

/// Whether sentence-transformers ends with a normalising module.
fn normalizes(modules: &Value) -> bool {
    let types = modules.as_array().into_iter().flatten().filter_map(|module| module.get("type"));
    types.filter_map(Value::as_str).any(|kind| kind.ends_with("Normalize"))
}

/// Prompts by name, and the text of the one that is used unless another is asked for.
fn prompts(model: &ModelFiles) -> Result<(BTreeMap<String, String>, Option<String>), ModelError> {
    let stated = optional_json(&model.root.join("config_sentence_transformers.json"))?;
    let prompts: BTreeMap<String, String> = stated
        .get("prompts")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, prompt)| Some((name.clone(), prompt.as_str()?.to_owned())))
        .collect();
    let default = stated.get("default_prompt_name").and_then(Value::as_str);
    let default = default.and_then(|name| prompts.get(name).cloned());
    Ok((prompts, default))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_pooling_does_what_its_name_says() {
        let tokens = [1.0, 10.0, 3.0, 20.0, 5.0, 0.0];
        assert_eq!(Pooling::Mean.pool(&tokens, 2), [3.0, 10.0]);
        assert_eq!(Pooling::Cls.pool(&tokens, 2), [1.0, 10.0]);
        assert_eq!(Pooling::Last.pool(&tokens, 2), [5.0, 0.0]);
        assert_eq!(Pooling::Max.pool(&tokens, 2), [5.0, 20.0]);
    }

    #[test]
    fn sentence_transformers_files_say_how() {
        let stated = json!({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true});
        assert_eq!(Pooling::stated(&stated), Some(Pooling::Mean));
        assert_eq!(Pooling::stated(&Value::Null), None);
        assert!(normalizes(&json!([{"type": "sentence_transformers.models.Normalize"}])));
        assert!(!normalizes(&json!([{"type": "sentence_transformers.models.Pooling"}])));
    }
}
