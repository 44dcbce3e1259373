//! A session on a model that looks at pictures.

use std::borrow::Cow;
use std::path::PathBuf;

use forebay_shared::job::{Failure, FailureCode};
use ndarray::{Array3, Array4, ArrayView4, Axis};

use super::Pixels;
use crate::model::{ModelError, Session, failed};

/// A session on a model that takes one picture tensor, with the layout it wants.
#[derive(Debug)]
pub struct PictureSession {
    session: Session,
    input: String,
    channels_last: bool,
    /// Pictures of one run, where the graph takes no other number.
    fixed: Option<usize>,
    /// The input that tells which pixels are a picture's own, and its shape where the graph has one.
    mask: Option<(String, Option<[usize; 2]>)>,
}

/// Pictures that were collated: side by side, as far as they have one shape.
#[derive(Debug, Default)]
pub struct PictureBatch {
    /// Their places in the batch, and their tensor.
    groups: Vec<(Vec<usize>, Array4<f32>)>,
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

impl PictureBatch {
    /// Puts pictures side by side, those of each shape by themselves.
    pub fn collate<'a>(pictures: impl Iterator<Item = &'a Pixels>) -> Result<Self, Failure> {
        let mut groups: Vec<([usize; 2], Vec<usize>, Vec<f32>)> = Vec::new();
        for (place, picture) in pictures.enumerate() {
            let shape = [picture.height as usize, picture.width as usize];
            let group = groups.iter().position(|(has, ..)| *has == shape).unwrap_or_else(|| {
                groups.push((shape, Vec::new(), Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(place);
            groups[group].2.extend_from_slice(&picture.planes);
        }
        let tensor = |([height, width], places, values): ([usize; 2], Vec<usize>, Vec<f32>)| {
            let tensor = Array4::from_shape_vec((places.len(), 3, height, width), values);
            Ok((places, tensor.map_err(|error| Failure::permanent(FailureCode::Internal, error))?))
        };
        Ok(Self { groups: groups.into_iter().map(tensor).collect::<Result<_, _>>()? })
    }
}

impl PictureSession {
    /// Takes a session whose first input is a picture.
    pub fn new(session: Session, file: PathBuf) -> Result<Self, ModelError> {
        let Some(input) = session.inputs().first() else {
            return Err(ModelError::Graph { file, what: "input", present: String::new() });
        };
        // [batch, height, width, 3] or [batch, 3, height, width]
        let shape: Vec<i64> = input.dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default();
        let channels_last = shape.last() == Some(&3);
        let fixed = shape.first().and_then(|items| usize::try_from(*items).ok()).filter(|items| *items > 0);
        let mask = session.inputs().iter().find(|input| input.name() == "pixel_mask").map(|mask| {
            let shape = mask.dtype().tensor_shape().and_then(|shape| match shape[..] {
                [_, height, width] => Some([usize::try_from(height).ok()?, usize::try_from(width).ok()?]),
                _ => None,
            });
            (mask.name().to_owned(), shape.filter(|shape| !shape.contains(&0)))
        });
        let input = input.name().to_owned();
        Ok(Self { session, input, channels_last, fixed, mask })
    }

    /// Runs a batch: for each item, its part of each output that holds numbers, in the graph's order.
    pub fn run(&mut self, batch: &PictureBatch) -> Result<Vec<Vec<Tensor>>, Failure> {
        let items = batch.groups.iter().map(|(places, _)| places.len()).sum();
        let mut parts = vec![Vec::new(); items];
        for (places, tensor) in &batch.groups {
            let at_once = self.fixed.unwrap_or(places.len()).max(1);
            for (places, tensor) in places.chunks(at_once).zip(tensor.axis_chunks_iter(Axis(0), at_once)) {
                for (place, part) in places.iter().zip(self.run_alike(&tensor)?) {
                    parts[*place] = part;
                }
            }
        }
        Ok(parts)
    }

    /// Runs pictures of one shape, no more than the graph takes.
    fn run_alike(&mut self, pictures: &ArrayView4<'_, f32>) -> Result<Vec<Vec<Tensor>>, Failure> {
        let (wanted, _, height, width) = pictures.dim();
        let items = self.fixed.unwrap_or(wanted);
        let mut owned;
        let mut pictures = pictures.view();
        if wanted < items {
            // The places that nobody has are dark; what comes out of them is dropped.
            owned = Array4::zeros((items, 3, height, width));
            owned.slice_axis_mut(Axis(0), (0..wanted).into()).assign(&pictures);
            pictures = owned.view();
        }
        if self.channels_last {
            owned = pictures.permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
            pictures = owned.view();
        }
        let value = ort::value::TensorRef::from_array_view(pictures).map_err(failed)?;
        let mut inputs = ort::inputs![self.input.as_str() => value];
        let mask;
        if let Some((name, shape)) = &self.mask {
            let [height, width] = shape.unwrap_or([height, width]);
            mask = Array3::<i64>::ones((items, height, width));
            let value = ort::value::TensorRef::from_array_view(&mask).map_err(failed)?;
            inputs.push((name.as_str().into(), value.into()));
        }
        let outputs = self.session.run(inputs).map_err(failed)?;
        let mut parts = vec![Vec::with_capacity(outputs.len()); wanted];
        for (name, output) in &outputs {
            let Some((shape, values)) = numbers(&output) else { continue };
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

/// An output's shape and values; classes that are counted in whole numbers become numbers as well.
#[expect(clippy::cast_precision_loss, reason = "no model has 2²⁴ classes")]
fn numbers<'a>(output: &'a ort::value::ValueRef<'_>) -> Option<(Vec<usize>, Cow<'a, [f32]>)> {
    if let Ok(array) = output.try_extract_array::<f32>() {
        return Some((array.shape().to_vec(), Cow::Borrowed(array.to_slice()?)));
    }
    let array = output.try_extract_array::<i64>().ok()?;
    Some((array.shape().to_vec(), array.iter().map(|value| *value as f32).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Frame;

    fn pixels(width: u32, value: f32) -> Pixels {
        let frame = Frame::whole((width, 1));
        Pixels { width, height: 1, planes: vec![value; 3 * width as usize], frame }
    }

    #[test]
    fn pictures_of_one_shape_stand_side_by_side() {
        let pictures = [pixels(2, 0.0), pixels(1, 1.0), pixels(2, 2.0)];
        let batch = PictureBatch::collate(pictures.iter()).unwrap();
        let shapes: Vec<_> =
            batch.groups.iter().map(|(places, tensor)| (places.clone(), tensor.dim())).collect();
        assert_eq!(shapes, [(vec![0, 2], (2, 3, 1, 2)), (vec![1], (1, 3, 1, 1))]);
        assert!((batch.groups[0].1[[1, 0, 0, 0]] - 2.0).abs() < f32::EPSILON);
    }
}
