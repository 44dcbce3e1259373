//! Parameters of kinds that look at pictures.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::{Bounded, top_k};

/// Parameters of `image_classification`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageClassificationParams {
    /// How many labels to return, best first: 1…1000, 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub top_k: Option<u32>,
}

impl Bounded for ImageClassificationParams {
    fn check(&self) -> Result<(), ParamError> {
        top_k(self.top_k)
    }
}
