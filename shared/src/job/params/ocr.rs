//! Parameters of the kind that reads print.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::{Bounded, at_least_one, at_most, share};

/// Lines of a picture that are read at most; as many as PaddleOCR looks at.
const MAX_LINES: u32 = 1000;

/// Parameters of `ocr`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OcrParams {
    /// How sure the model must be of what a line says, or the line is left out: 0…1, 0.5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub min_score: Option<f32>,
    /// How sure the model must be that there is a line, or it is not read: 0…1, 0.6 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub threshold: Option<f32>,
    /// Whether lines that stand on their head are turned before they are read; they are, if the model can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orient: Option<bool>,
    /// How many lines are read at most, those that are surely lines first: 1…1000, which is the default. They are told in
    /// reading order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_lines: Option<u32>,
}

impl Bounded for OcrParams {
    fn check(&self) -> Result<(), ParamError> {
        share("min_score", self.min_score)?;
        share("threshold", self.threshold)?;
        at_least_one("max_lines", self.max_lines)?;
        at_most("max_lines", self.max_lines.unwrap_or(1), MAX_LINES)
    }
}
