//! Parameters of kinds that look at pictures.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::{Bounded, at_least_one, share, top_k};
use super::text::FunctionToApply;

/// Parameters of `image_classification`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageClassificationParams {
    /// How many labels to return, best first: 1…1000, 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub top_k: Option<u32>,
    /// How raw scores become those of labels; by default as the model's `problem_type` and its number of labels say. A
    /// model whose graph gives shares already takes `softmax` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_to_apply: Option<FunctionToApply>,
}

/// Parameters of `object_detection`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectDetectionParams {
    /// How sure the model must be: 0…1; 0.5 by default, unless the model's manifest says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub threshold: Option<f32>,
    /// The share that two boxes of one label have in common of what they cover together, beyond which they are one thing
    /// and the surer one stays: 0…1; 0.45 by default, unless the model's manifest says otherwise. A model that tells each
    /// thing once by itself has no use for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub iou_threshold: Option<f32>,
    /// How many things to return, the surest first: 1…1000, 100 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub top_k: Option<u32>,
}

/// Parameters of `image_embedding`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageEmbeddingParams {
    /// How many dimensions the vector is to have, from 1 to the model's, which is the default. What is cut is brought to
    /// length one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub dimensions: Option<u32>,
    /// Whether the vector is brought to length one; it is, unless the model's manifest says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
}

impl Bounded for ImageClassificationParams {
    fn check(&self) -> Result<(), ParamError> {
        top_k(self.top_k)
    }
}

impl Bounded for ObjectDetectionParams {
    fn check(&self) -> Result<(), ParamError> {
        share("threshold", self.threshold)?;
        share("iou_threshold", self.iou_threshold)?;
        top_k(self.top_k)
    }
}

impl Bounded for ImageEmbeddingParams {
    fn check(&self) -> Result<(), ParamError> {
        at_least_one("dimensions", self.dimensions)
    }
}
