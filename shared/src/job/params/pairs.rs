//! Parameters of kinds that compare texts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::Bounded;
use super::{ParamError, Side, yes};

/// Parameters of `rerank`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerankParams {
    /// What is asked: each item is a text that may answer it. Required, unless an item is a pair of `text`, which asks, and
    /// `text_pair`, which may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Cut what is too long (the default), or fail it. A cross-encoder reads both texts within its limit, and the longer is
    /// cut first.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which end of a text that is too long is cut off.
    #[serde(default)]
    pub truncation_side: Side,
    /// A cross-encoder's score as the model gives it, not as a chance of 0…1. Cosines are what they are.
    #[serde(default)]
    pub raw_scores: bool,
}

/// Parameters of `text_similarity`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSimilarityParams {
    /// The text that each item is compared with. Required, unless an item is a pair of `text` and `text_pair`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Cut what is too long (the default), or fail it.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which end of a text that is too long is cut off.
    #[serde(default)]
    pub truncation_side: Side,
    /// A cross-encoder's score as the model gives it, not as a chance of 0…1. Cosines are what they are.
    #[serde(default)]
    pub raw_scores: bool,
}

impl Bounded for RerankParams {
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

impl Bounded for TextSimilarityParams {
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}
