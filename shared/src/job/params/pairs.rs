//! Parameters of kinds that compare texts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::{self, Bounded};
use super::{ParamError, Side, yes};

/// Parameters of `rerank`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerankParams {
    /// What is asked: each item is a text that may answer it. Required, unless an item is a pair of `text`, which asks, and
    /// `text_pair`, which may answer. At most 32,768 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32_768)]
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
    /// The text that each item is compared with. Required, unless an item is a pair of `text` and `text_pair`. At most
    /// 32,768 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 32_768)]
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
        bounds::text("query", self.query.as_deref())
    }
}

impl Bounded for TextSimilarityParams {
    fn check(&self) -> Result<(), ParamError> {
        bounds::text("source", self.source.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::job::{Kind, Params};

    #[test]
    fn what_every_item_is_compared_with_is_bounded() {
        for (kind, field) in [(Kind::Rerank, "query"), (Kind::TextSimilarity, "source")] {
            let parse = |characters: usize| {
                let params = json!({field: "文".repeat(characters)});
                Params::parse(kind, params.as_object().unwrap())
            };
            assert!(parse(32_768).is_ok());
            let error = parse(32_769).unwrap_err();
            let message = format!("`{field}` must have at most 32768 characters, not 32769");
            assert_eq!((error.field.as_deref(), error.message), (Some(field), message));
        }
    }
}
