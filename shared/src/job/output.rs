//! What pipelines give, typed by kind.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::params::Precision;
use super::tensor::{Tensor, TensorBody};

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

/// An output as it is read: by its fields, since a reader that tries one variant after the other would hold every number
/// of a vector several times.
#[derive(Deserialize)]
struct Fields {
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

/// A token, as a model's tokenizer cut it. Places are counted in characters (Unicode code points) of the text with its prompt
/// before it; a token that is of no text has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Piece {
    /// Its number in the model's vocabulary.
    pub id: u32,
    /// The characters themselves; of one that is of no text its name.
    pub text: String,
    /// Whether it is of no text, but the model's own.
    pub special: bool,
    /// Where it begins.
    pub start: Option<u32>,
    /// Where it ends: the place behind its last character.
    pub stop: Option<u32>,
}

/// A label with its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// The label's name, from the model's files.
    pub label: String,
    /// 0…1, unless raw scores were asked for.
    pub score: f32,
}

/// A thing in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Detected {
    /// What it is, from the model's files.
    pub label: String,
    /// 0…1.
    pub score: f32,
    /// Where it is.
    #[serde(rename = "box")]
    pub bounds: BoundingBox,
    /// Points of it, where the model tells any: of a face the eyes, the nose and the corners of the mouth, from left to right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

/// A box in pixels of the picture, the right way up, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoundingBox {
    /// Its left edge.
    pub xmin: f32,
    /// Its upper edge.
    pub ymin: f32,
    /// Its right edge.
    pub xmax: f32,
    /// Its lower edge.
    pub ymax: f32,
}

/// A place on a picture, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// A line of print in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextLine {
    /// What it says.
    pub text: String,
    /// How sure the model is of that, 0…1.
    pub score: f32,
    /// Where it is: the least upright box around its corners.
    #[serde(rename = "box")]
    pub bounds: BoundingBox,
    /// Its corners, clockwise from the upper left one, as the picture lies.
    #[schema(min_items = 4, max_items = 4)]
    pub corners: [Point; 4],
    /// Whether it stands on its head.
    pub turned: bool,
}

/// What of a picture is of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// The class's number, which is also its shade in the picture.
    pub id: u32,
    /// The class's name, from the model's files.
    pub label: String,
    /// How many pixels it has.
    pub pixels: u64,
    /// Which share of the picture that is, 0…1.
    pub share: f64,
}

/// A part of a text that got a label. Places are counted in characters (Unicode code points) of the text as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entity {
    /// The label of a token, as the model has it; with `aggregation_strategy` `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The label without its `B-` or `I-`; with every other strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_group: Option<String>,
    /// 0…1.
    pub score: f32,
    /// The characters themselves.
    pub word: String,
    /// Where it begins.
    pub start: u32,
    /// Where it ends: the place behind its last character.
    pub end: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Datatype, Encoding};

    #[test]
    fn every_output_reads_back_as_it_was_written() {
        let entity = Entity {
            entity: None,
            entity_group: Some("PER".to_owned()),
            score: 0.5,
            word: "Anna".to_owned(),
            start: 0,
            end: 4,
        };
        let line = TextLine {
            text: "two words".to_owned(),
            score: 0.5,
            bounds: BoundingBox { xmin: 0.0, ymin: 1.0, xmax: 8.0, ymax: 3.0 },
            corners: [(0.0, 1.0), (8.0, 1.0), (8.0, 3.0), (0.0, 3.0)].map(|(x, y)| Point { x, y }),
            turned: true,
        };
        let tensor = |encoding| Tensor {
            name: "y".to_owned(),
            datatype: Datatype::Fp32,
            shape: vec![1, 1],
            bytes: 0.1_f32.to_le_bytes().to_vec().into(),
            encoding,
        };
        let outputs = [
            Output::Embedding { embedding: vec![0.5, -1.0], tokens: 5 },
            Output::Quantized { embedding: vec![-128, 127], precision: Precision::Int8, tokens: 5 },
            Output::Quantized { embedding: vec![255, 0], precision: Precision::Ubinary, tokens: 5 },
            Output::TokenEmbeddings { embeddings: vec![vec![0.5], vec![-1.0]], tokens: 2 },
            Output::Pieces {
                pieces: vec![Piece {
                    id: 7,
                    text: "a".into(),
                    special: false,
                    start: Some(0),
                    stop: Some(1),
                }],
                tokens: 1,
            },
            Output::Text { text: String::new(), tokens: 2 },
            Output::Score { score: -0.25, tokens: 9 },
            Output::Entities { entities: vec![entity], tokens: 4 },
            Output::Labels { labels: Vec::new() },
            Output::Lines { lines: vec![line], text: "two words".to_owned() },
            Output::Lines { lines: Vec::new(), text: String::new() },
            Output::Model {
                model: "org/name".to_owned(),
                digest: "00".repeat(32),
                bytes: 7,
                revision: "main".to_owned(),
                stored: 5,
            },
            Output::Tensors { outputs: vec![tensor(Encoding::Json), tensor(Encoding::Base64)] },
        ];
        for output in outputs {
            let written = serde_json::to_string(&output).unwrap();
            assert_eq!(serde_json::from_str::<Output>(&written).unwrap(), output, "{written}");
        }
    }
}
