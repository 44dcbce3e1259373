//! Parameters of kinds that read text.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::{Bounded, at_least_one, top_k};
use super::{ParamError, yes};

/// Which end of a text that is too long is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Its end: what comes first is read.
    #[default]
    Right,
    /// Its beginning: what comes last is read.
    Left,
}

/// How the numbers of a vector are written, as sentence-transformers' `quantize_embeddings` makes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As they are.
    #[default]
    Float32,
    /// −1…1 in 255 steps from −128; what is outside is −128 or 127. So the vector should have length one.
    Int8,
    /// The same from 0.
    Uint8,
    /// A bit for each dimension, whether it is above zero, eight to a number, less 128.
    Binary,
    /// The same, 0…255.
    Ubinary,
}

/// How raw scores become those of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FunctionToApply {
    /// One label is right: the scores add up to one.
    Softmax,
    /// Each label is right or wrong by itself.
    Sigmoid,
    /// Raw scores, as the model gives them.
    None,
}

/// What `text_embedding` gives of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingOutput {
    /// The vector of a text: `embedding`.
    #[default]
    Embedding,
    /// The vector of each of its tokens, those around the text included, as the model gives them: `embeddings`.
    TokenEmbeddings,
    /// What the model's tokenizer makes of a text, its prompt before it, without the model: `pieces`. Nothing is cut.
    Pieces,
    /// What token ids say, without the model: `text`.
    Text,
}

/// Parameters of `text_embedding`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextEmbeddingParams {
    /// Cut a text that is too long (the default), or fail it.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which end of a text that is too long is cut off.
    #[serde(default)]
    pub truncation_side: Side,
    /// Which of the model's prompts to put before the text; see `prompts` of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How many dimensions the vector is to have, from 1 to the model's, which is the default. It is cut and brought to
    /// length one, which keeps its meaning where the model was trained for that (Matryoshka).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub dimensions: Option<u32>,
    /// Whether the vector is brought to length one; by default if the model's files say so or `dimensions` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// How its numbers are written.
    #[serde(default)]
    pub precision: Precision,
    /// What is given: the text's vector, unless another is asked for. `dimensions` and `precision` are of that alone.
    #[serde(default)]
    pub output: EmbeddingOutput,
    /// Whether the tokens that the model needs around a text are among its `pieces`; they are by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_special_tokens: Option<bool>,
    /// Whether `text` leaves out what such tokens say; it does by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_special_tokens: Option<bool>,
}

/// Parameters of `text_classification`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextClassificationParams {
    /// Cut a text that is too long (the default), or fail it. Of a pair, the longer text is cut first.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which end of a text that is too long is cut off.
    #[serde(default)]
    pub truncation_side: Side,
    /// How many labels to return, best first: 1…1000, all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub top_k: Option<u32>,
    /// How raw scores become those of labels; by default as the model's `problem_type` and its number of labels say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_to_apply: Option<FunctionToApply>,
}

impl Bounded for TextEmbeddingParams {
    fn check(&self) -> Result<(), ParamError> {
        use EmbeddingOutput::{Embedding, Pieces, Text};
        at_least_one("dimensions", self.dimensions)?;
        let given = [
            ("dimensions", self.dimensions.is_some(), Embedding, "embedding"),
            ("precision", self.precision != Precision::Float32, Embedding, "embedding"),
            ("add_special_tokens", self.add_special_tokens.is_some(), Pieces, "pieces"),
            ("skip_special_tokens", self.skip_special_tokens.is_some(), Text, "text"),
        ];
        match given.into_iter().find(|(_, is_given, of, _)| *is_given && self.output != *of) {
            Some((name, _, _, of)) => {
                Err(ParamError::at(name, format!("`{name}` goes with the `output` `{of}` only")))
            }
            None => Ok(()),
        }
    }
}

impl Bounded for TextClassificationParams {
    fn check(&self) -> Result<(), ParamError> {
        top_k(self.top_k)
    }
}
