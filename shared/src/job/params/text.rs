//! Parameters of kinds that read text.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::{Bounded, at_least_one, top_k};
use super::{ParamError, yes};

/// Parameters of `text_embedding`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextEmbeddingParams {
    /// Cut a text that is too long (the default), or fail it.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which of the model's prompts to put before the text; see `prompts` of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How many dimensions the vector is to have, from 1 to the model's, which is the default. It is cut and brought to
    /// length one, which keeps its meaning where the model was trained for that (Matryoshka).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub dimensions: Option<u32>,
}

/// Parameters of `text_classification`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextClassificationParams {
    /// Cut a text that is too long (the default), or fail it.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// How many labels to return, best first: 1…1000, all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub top_k: Option<u32>,
}

impl Bounded for TextEmbeddingParams {
    fn check(&self) -> Result<(), ParamError> {
        at_least_one("dimensions", self.dimensions)
    }
}

impl Bounded for TextClassificationParams {
    fn check(&self) -> Result<(), ParamError> {
        top_k(self.top_k)
    }
}
