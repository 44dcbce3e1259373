//! How an output is read.

use serde::Deserialize;
use serde_json::Value;

use super::{Detected, Entity, Label, Output, Piece, Segment, TextLine};
use crate::job::params::Precision;
use crate::job::tensor::Tensor;

/// An output as it is read: by its fields, since a reader that tries one variant after the other would hold every number
/// of a vector several times.
#[derive(Deserialize)]
pub(super) struct Fields {
    #[serde(default)]
    embedding: Option<Vec<f32>>,
    #[serde(default)]
    precision: Option<Precision>,
    #[serde(default)]
    score: Option<f32>,
    #[serde(default)]
    entities: Option<Vec<Entity>>,
    #[serde(default)]
    tokens: u32,
    #[serde(default)]
    labels: Option<Vec<Label>>,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    segments: Option<Vec<Segment>>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    bytes: u64,
    objects: Option<Vec<Detected>>,
    #[serde(default)]
    lines: Option<Vec<TextLine>>,
    #[serde(default)]
    embeddings: Option<Vec<Vec<f32>>>,
    #[serde(default)]
    pieces: Option<Vec<Piece>>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    outputs: Option<Vec<Tensor>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    revision: String,
    #[serde(default)]
    stored: u64,
    #[serde(default)]
    echo: Option<Value>,
}

impl TryFrom<Fields> for Output {
    type Error = &'static str;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "what was written is whole, and beyond is the nearest"
    )]
    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        match fields {
            Fields { embedding: Some(numbers), precision: Some(precision), tokens, .. } => {
                // All of them are whole and below 256, so that a float holds them.
                let embedding = numbers.into_iter().map(|number| number as i16).collect();
                Ok(Self::Quantized { embedding, precision, tokens })
            }
            Fields { embedding: Some(embedding), tokens, .. } => Ok(Self::Embedding { embedding, tokens }),
            Fields { embeddings: Some(embeddings), tokens, .. } => {
                Ok(Self::TokenEmbeddings { embeddings, tokens })
            }
            Fields { pieces: Some(pieces), tokens, .. } => Ok(Self::Pieces { pieces, tokens }),
            Fields { objects: Some(objects), .. } => Ok(Self::Objects { objects }),
            Fields { score: Some(score), tokens, .. } => Ok(Self::Score { score, tokens }),
            Fields { entities: Some(entities), tokens, .. } => Ok(Self::Entities { entities, tokens }),
            Fields { lines: Some(lines), text, .. } => {
                Ok(Self::Lines { lines, text: text.unwrap_or_default() })
            }
            Fields { text: Some(text), tokens, .. } => Ok(Self::Text { text, tokens }),
            Fields { labels: Some(labels), .. } => Ok(Self::Labels { labels }),
            Fields { segments: Some(segments), width, height, .. } => {
                Ok(Self::Segments { segments, width, height })
            }
            Fields { content_type: Some(content_type), width, height, bytes, .. } => {
                Ok(Self::Picture { width, height, content_type, bytes })
            }
            Fields { outputs: Some(outputs), .. } => Ok(Self::Tensors { outputs }),
            Fields { model: Some(model), digest, bytes, revision, stored, .. } => {
                Ok(Self::Model { model, digest, bytes, revision, stored })
            }
            Fields { echo: Some(echo), .. } => Ok(Self::Echo { echo }),
            _ => Err(
                "an output has `embedding`, `embeddings`, `pieces`, `text`, `score`, `entities`, `objects`, \
                      `lines`, `labels`, `segments`, `outputs`, `content_type`, `model` or `echo`",
            ),
        }
    }
}
