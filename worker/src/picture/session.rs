//! A session on a model that looks at pictures.

use std::path::PathBuf;

use forebay_shared::job::{Failure, FailureCode};
use ndarray::Array4;
use ort::session::Session;

use super::Pixels;
use crate::model::ModelError;

/// A session on a model that takes one picture tensor, with the layout it wants.
#[derive(Debug)]
pub struct PictureSession {
    session: Session,
    input: String,
    channels_last: bool,
}

/// One output of a run: of all items of the batch, or of one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name in the graph.
    pub name: String,
    /// Its shape; the first axis goes along the batch, if it is of a batch.
    pub shape: Vec<usize>,
    /// Its values, the last axis running fastest.
    pub values: Vec<f32>,
}

impl PictureSession {
    /// Takes a session whose first input is a picture.
    pub fn new(session: Session, file: PathBuf) -> Result<Self, ModelError> {
        let Some(input) = session.inputs().first() else {
            return Err(ModelError::Graph { file, what: "input", present: String::new() });
        };
        // [batch, height, width, 3] or [batch, 3, height, width]
        let channels_last = input.dtype().tensor_shape().is_some_and(|shape| shape.last() == Some(&3));
        let input = input.name().to_owned();
        Ok(Self { session, input, channels_last })
    }

    /// Puts pictures of one shape side by side.
    pub fn collate<'a>(
        pictures: impl ExactSizeIterator<Item = &'a Pixels> + Clone,
    ) -> Result<Array4<f32>, Failure> {
        let (width, height) =
            pictures.clone().next().map_or((0, 0), |first| (first.width as usize, first.height as usize));
        let shape = (pictures.len(), 3, height, width);
        let values = pictures.flat_map(|picture| picture.planes.iter().copied()).collect();
        // A model that neither crops nor resizes to one shape takes pictures of different shapes one by one.
        Array4::from_shape_vec(shape, values)
            .map_err(|error| Failure::permanent(FailureCode::InferenceFailed, error))
    }

    /// Runs a batch: for each item, its part of each output, in the graph's order.
    pub fn run(&mut self, pictures: &Array4<f32>) -> Result<Vec<Vec<Tensor>>, Failure> {
        let failed = |error: ort::Error| Failure::permanent(FailureCode::InferenceFailed, error);
        let last;
        let view = if self.channels_last {
            last = pictures.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
            last.view()
        } else {
            pictures.view()
        };
        let value = ort::value::TensorRef::from_array_view(view).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => value]).map_err(failed)?;
        let items = pictures.shape()[0];
        let mut parts = vec![Vec::with_capacity(outputs.len()); items];
        for (name, output) in &outputs {
            let output = output.try_extract_array::<f32>().map_err(failed)?;
            let (shape, values) = (output.shape(), output.as_slice().unwrap_or_default());
            if shape.first() != Some(&items) || values.is_empty() {
                let message = format!(
                    "the output `{name}` has the shape {shape:?}, which is not one part for each of {items} items"
                );
                return Err(Failure::permanent(FailureCode::InferenceFailed, message));
            }
            for (part, values) in parts.iter_mut().zip(values.chunks_exact(values.len() / items)) {
                let shape = shape[1..].to_vec();
                part.push(Tensor { name: name.to_owned(), shape, values: values.to_vec() });
            }
        }
        Ok(parts)
    }
}
