//! Parameters of `tensor`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::Bounded;
use crate::job::tensor::{Encoding, MOST_TENSORS};

/// Parameters of `tensor`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorParams {
    /// Which of the model's outputs are wanted, in this order, by their names: at most 64; all of them by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 64)]
    pub outputs: Option<Vec<String>>,
    /// How they are written: `json` by default.
    #[serde(default)]
    pub encoding: Encoding,
}

impl Bounded for TensorParams {
    fn check(&self) -> Result<(), ParamError> {
        let Some(outputs) = &self.outputs else { return Ok(()) };
        if !(1..=MOST_TENSORS).contains(&outputs.len()) {
            let message = format!("`outputs` must be from 1 to {MOST_TENSORS} names, not {}", outputs.len());
            return Err(ParamError::at("outputs", message));
        }
        let twice = outputs.iter().enumerate().find(|(place, name)| outputs[..*place].contains(name));
        twice.map_or(Ok(()), |(_, name)| {
            Err(ParamError::at("outputs", format!("`outputs` has `{name}` twice")))
        })
    }
}
