//! A session on a text encoder.

use std::path::PathBuf;

use forebay_shared::job::{Failure, FailureCode};
use ndarray::Array2;

use crate::model::{ModelError, Session, failed};

/// A batch of texts as a model takes them.
#[derive(Debug)]
pub struct TextTensors {
    /// `input_ids`
    pub ids: Array2<i64>,
    /// `attention_mask`
    pub mask: Array2<i64>,
    /// `token_type_ids`
    pub types: Array2<i64>,
}

/// A session on a text encoder, with the inputs it has.
#[derive(Debug)]
pub struct TextSession {
    session: Session,
    has_types: bool,
    output: String,
}

impl TextSession {
    /// Takes a session whose graph has `input_ids` and `attention_mask` and one of `outputs`, the first that there is.
    pub fn new(session: Session, file: PathBuf, outputs: &[&str]) -> Result<Self, ModelError> {
        let inputs: Vec<&str> = session.inputs().iter().map(ort::value::Outlet::name).collect();
        for what in ["input_ids", "attention_mask"] {
            if !inputs.contains(&what) {
                return Err(ModelError::Graph { file, what, present: inputs.join(", ") });
            }
        }
        let has_types = inputs.contains(&"token_type_ids");
        let present: Vec<&str> = session.outputs().iter().map(ort::value::Outlet::name).collect();
        let output = outputs.iter().find(|name| present.contains(name)).or(present.first()).copied();
        let Some(output) = output.map(str::to_owned) else {
            return Err(ModelError::Graph { file, what: "output", present: String::new() });
        };
        Ok(Self { session, has_types, output })
    }

    /// Runs a batch and hands the output's shape and values to `read`.
    pub fn run<T>(
        &mut self,
        tensors: &TextTensors,
        read: impl FnOnce(&[usize], &[f32]) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut inputs = ort::inputs![
            "input_ids" => ort::value::TensorRef::from_array_view(&tensors.ids).map_err(failed)?,
            "attention_mask" => ort::value::TensorRef::from_array_view(&tensors.mask).map_err(failed)?,
        ];
        if self.has_types {
            let value = ort::value::TensorRef::from_array_view(&tensors.types).map_err(failed)?;
            inputs.push(("token_type_ids".into(), value.into()));
        }
        let outputs = self.session.run(inputs).map_err(failed)?;
        let output = outputs[self.output.as_str()].try_extract_array::<f32>().map_err(failed)?;
        let shape = output.shape().to_vec();
        let values = output.as_slice().ok_or_else(|| {
            Failure::permanent(FailureCode::InferenceFailed, "the model's output is not contiguous")
        })?;
        read(&shape, values)
    }
}
