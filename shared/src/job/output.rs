//! What pipelines give, typed by kind.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

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
    tokens: u32,
    #[serde(default)]
    labels: Option<Vec<Label>>,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    echo: Option<Value>,
}

impl TryFrom<Fields> for Output {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, Self::Error> {
        match fields {
            Fields { embedding: Some(embedding), tokens, .. } => Ok(Self::Embedding { embedding, tokens }),
            Fields { labels: Some(labels), .. } => Ok(Self::Labels { labels }),
            Fields { content_type: Some(content_type), width, height, bytes, .. } => {
                Ok(Self::Picture { width, height, content_type, bytes })
            }
            Fields { echo: Some(echo), .. } => Ok(Self::Echo { echo }),
            _ => Err("an output has `embedding`, `labels`, `content_type` or `echo`"),
        }
    }
}

/// A label with its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// The label's name, from the model's files.
    pub label: String,
    /// 0…1.
    pub score: f32,
}
