//! What pipelines give, typed by kind.

mod fields;
mod parts;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::params::Precision;
use super::tensor::{Tensor, TensorBody};
use fields::Fields;

pub use parts::{BoundingBox, Detected, Entity, Label, Piece, Point, Segment, TextLine};

/// A typed value from a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, try_from = "Fields")]
pub enum Output {
    /// `{"embedding": […], "tokens": …}`
    Embedding {
        /// The vector.
        embedding: Vec<f32>,
        /// Tokens that the model read: those of the text after it was cut, and those that every text gets.
        #[serde(default)]
        tokens: u32,
    },
    /// `{"objects": […]}`, the surest first.
    Objects {
        /// Things with their boxes.
        objects: Vec<Detected>,
    },
    /// `{"embedding": […], "precision": "int8", "tokens": …}`: a vector in small integers.
    Quantized {
        /// The vector; of `binary` and `ubinary`, eight dimensions to a number, the first in the highest bit.
        embedding: Vec<i16>,
        /// How it is written.
        precision: Precision,
        /// Tokens that the model read.
        #[serde(default)]
        tokens: u32,
    },
    /// `{"embeddings": […], "tokens": …}`: a vector for each token.
    TokenEmbeddings {
        /// The vectors, in the order of the tokens.
        embeddings: Vec<Vec<f32>>,
        /// Tokens that the model read.
        #[serde(default)]
        tokens: u32,
    },
    /// `{"pieces": […], "tokens": …}`: a text as the model's tokenizer cut it.
    Pieces {
        /// The tokens.
        pieces: Vec<Piece>,
        /// How many there are.
        #[serde(default)]
        tokens: u32,
    },
    /// `{"score": …, "tokens": …}`: how well two texts go together.
    Score {
        /// From a cross-encoder 0…1, or any number with `raw_scores`; from vectors their cosine, −1…1.
        score: f32,
        /// Tokens that the model read of both texts together.
        #[serde(default)]
        tokens: u32,
    },
    /// `{"entities": […], "tokens": …}`, in the order of the text.
    Entities {
        /// What was found.
        entities: Vec<Entity>,
        /// Tokens that the model read.
        #[serde(default)]
        tokens: u32,
    },
    /// `{"lines": […], "text": …}`, in reading order.
    Lines {
        /// Lines of print with their places.
        lines: Vec<TextLine>,
        /// All of them, one below the other.
        text: String,
    },
    /// `{"text": …, "tokens": …}`: what token ids say.
    Text {
        /// The words.
        text: String,
        /// How many ids there were.
        #[serde(default)]
        tokens: u32,
    },
    /// `{"labels": […]}`, best first.
    Labels {
        /// Labels with their scores.
        labels: Vec<Label>,
    },
    /// `{"width": …, "height": …, "content_type": …, "bytes": …}`: what the picture is like that stands among the job's files.
    Picture {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// Its media type.
        content_type: String,
        /// Its size.
        bytes: u64,
    },
    /// `{"segments": […], "width": …, "height": …}`, the largest first; the picture among the job's files has the number of
    /// its class as the shade of each pixel.
    Segments {
        /// The classes that are seen.
        segments: Vec<Segment>,
        /// The picture's width in pixels.
        width: u32,
        /// The picture's height in pixels.
        height: u32,
    },
    /// `{"outputs": […]}`, in the graph's order, or in that of the parameter.
    Tensors {
        /// What the model gave, by name.
        #[schema(value_type = Vec<TensorBody>)]
        outputs: Vec<Tensor>,
    },
    /// `{"model": …, "digest": …, "bytes": …, "revision": …, "stored": …}`: the model that was brought in.
    Model {
        /// What it is called.
        model: String,
        /// What it is: the SHA-256 of its files' paths and digests.
        digest: String,
        /// The size of its files.
        bytes: u64,
        /// The hub's revision that they are of.
        revision: String,
        /// Bytes that had to be stored; the others were.
        stored: u64,
    },
    /// `{"echo": …}`: the text, or where the picture was copied to.
    Echo {
        /// What came in.
        #[schema(value_type = Object)]
        echo: Value,
    },
}
