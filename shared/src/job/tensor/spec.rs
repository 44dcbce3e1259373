//! What a graph takes and gives, and whether tensors are that.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Datatype, Tensor, TensorError};

/// A tensor that a graph takes or gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// What its elements are.
    pub datatype: Datatype,
    /// Its shape, −1 where any length will do; absent where the graph does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<i64>>,
}

/// Whether an item's tensors are what a graph takes.
pub fn check_inputs(tensors: &[Tensor], inputs: &[TensorSpec]) -> Result<(), TensorError> {
    for (place, tensor) in tensors.iter().enumerate() {
        let Some(input) = inputs.iter().find(|input| input.name == tensor.name) else {
            let message = format!("the model has no input `{}`; it has {}", tensor.name, listed(inputs));
            return Err(TensorError::at("name", message).of(place));
        };
        input.check(tensor).map_err(|error| error.of(place))?;
    }
    let missing = inputs.iter().find(|input| tensors.iter().all(|tensor| tensor.name != input.name));
    missing.map_or(Ok(()), |input| Err(TensorError::new(format!("the model needs the input {input} too"))))
}

impl TensorSpec {
    /// How many elements it has at least.
    pub fn least_elements(&self) -> u64 {
        let axes = self.shape.as_deref().unwrap_or_default();
        axes.iter().filter_map(|axis| u64::try_from(*axis).ok()).fold(1, u64::saturating_mul)
    }

    fn check(&self, tensor: &Tensor) -> Result<(), TensorError> {
        if tensor.datatype != self.datatype {
            let message = format!("the model's input is {self}, and {} was given", tensor.datatype);
            return Err(TensorError::at("datatype", message));
        }
        let Some(shape) = &self.shape else { return Ok(()) };
        let fits = |(wanted, given): (&i64, &u64)| {
            u64::try_from(*wanted).is_ok_and(|wanted| wanted == *given) || *wanted < 0
        };
        if shape.len() == tensor.shape.len() && shape.iter().zip(&tensor.shape).all(fits) {
            return Ok(());
        }
        let message = format!("the model's input is {self}, and {:?} was given", tensor.shape);
        Err(TensorError::at("shape", message))
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.name, self.datatype)?;
        self.shape.as_ref().map_or(Ok(()), |shape| write!(f, " {shape:?}"))
    }
}

fn listed(specs: &[TensorSpec]) -> String {
    let names: Vec<String> = specs.iter().map(|spec| format!("`{}`", spec.name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
