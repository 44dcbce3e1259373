//! `image_segmentation`: every pixel of a picture gets a class.

use forebay_shared::job::{Failure, FailureCode, Output, Params, Segment};
use image::GrayImage;

use super::drawn::medium;
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::picture::{
    Drawing, Encoding, Habits, PictureBatch, PicturePlan, PictureSession, Pixels, Tensor, argmax, decode,
};

/// Bytes that a pixel of the original needs until its answer is stored: its class, and the file that this is written to.
const PER_PIXEL: usize = 3;

/// Tells what every place of a picture shows.
#[derive(Debug)]
pub struct ImageSegmentation {
    plan: PicturePlan,
    labels: Vec<String>,
    max_pixels: u64,
}

/// A picture's tensor; its frame knows the picture's size.
#[derive(Debug)]
pub struct SegmentedPicture {
    pixels: Pixels,
}

impl Pipeline for ImageSegmentation {
    type Prepared = SegmentedPicture;
    type Tensors = PictureBatch;
    type Engine = PictureSession;
    type Raw = Tensor;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let plan = PicturePlan::read(model, &Habits::CLASSIFIER)?;
        Ok(Self { plan, labels: model.card.labels.clone(), max_pixels: model.max_pixels })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<PictureSession, ModelError> {
        PictureSession::new(model.open(runtime)?, model.onnx.clone())
    }

    fn prepare(&self, material: Material, params: Params) -> Result<SegmentedPicture, Failure> {
        let (Material::Image(bytes), Params::ImageSegmentation(_)) = (material, params) else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        let pixels = self.plan.apply(decode(&bytes, self.max_pixels)?, self.max_pixels)?;
        Ok(SegmentedPicture { pixels })
    }

    fn length(_: &SegmentedPicture) -> u32 {
        1
    }

    fn weight(prepared: &SegmentedPicture) -> usize {
        let (width, height) = prepared.pixels.frame.picture;
        prepared.pixels.planes.len() * size_of::<f32>() + width as usize * height as usize * PER_PIXEL
    }

    fn collate(&self, batch: &[&SegmentedPicture]) -> Result<PictureBatch, Failure> {
        PictureBatch::collate(batch.iter().map(|picture| &picture.pixels))
    }

    fn run(engine: &mut PictureSession, tensors: &PictureBatch) -> Result<Vec<Tensor>, Failure> {
        engine.run(tensors)?.into_iter().map(logits).collect()
    }

    fn finish(&self, prepared: SegmentedPicture, logits: Tensor) -> Result<Answer, Failure> {
        let (width, height) = prepared.pixels.frame.picture;
        drop(prepared);
        answer(&logits, (width, height), &self.labels)
    }
}

fn answer(logits: &Tensor, (width, height): (u32, u32), labels: &[String]) -> Result<Answer, Failure> {
    let classes = argmax(&logits.shape, &logits.values, (width, height));
    let mut counts = vec![0_u64; logits.shape[0]];
    for class in &classes {
        counts[usize::from(*class)] += 1;
    }
    let segments = segments(&counts, labels);
    let picture = GrayImage::from_raw(width, height, classes)
        .ok_or_else(|| Failure::permanent(FailureCode::Internal, "the classes do not cover the picture"))?;
    let media = vec![medium(&Drawing::Grey(picture), Encoding::Png)?];
    Ok(Answer { output: Output::Segments { segments, width, height }, media })
}

/// The first output: for each class a number at each place.
fn logits(outputs: Vec<Tensor>) -> Result<Tensor, Failure> {
    match outputs.into_iter().next() {
        // A class is a shade of grey in the answer's picture.
        Some(tensor) if tensor.shape.len() == 3 && (1..=256).contains(&tensor.shape[0]) => Ok(tensor),
        other => Err(Failure::permanent(
            FailureCode::InferenceFailed,
            format!(
                "the model's output has the shape {:?}, which is no map of up to 256 classes",
                other.map(|tensor| tensor.shape)
            ),
        )),
    }
}

/// The classes that are seen, the largest first.
fn segments(counts: &[u64], labels: &[String]) -> Vec<Segment> {
    let all: u64 = counts.iter().sum();
    let mut segments: Vec<_> = counts
        .iter()
        .zip(0_u32..)
        .filter(|(pixels, _)| **pixels > 0)
        .map(|(pixels, id)| Segment {
            id,
            label: labels.get(id as usize).cloned().unwrap_or_else(|| format!("LABEL_{id}")),
            pixels: *pixels,
            share: *pixels as f64 / all as f64,
        })
        .collect();
    segments.sort_by_key(|segment| (std::cmp::Reverse(segment.pixels), segment.id));
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_gets_its_class_and_the_largest_comes_first() {
        // Two classes at two places: the left one is of the second, and three quarters of the way it still is.
        let values = vec![0.0, 0.0, 3.0, -1.0];
        let logits = Tensor { name: "logits".into(), shape: vec![2, 1, 2], values };
        let answer = answer(&logits, (8, 2), &["ground".to_owned()]).unwrap();
        let segment = |id, label: &str, pixels, share| Segment { id, label: label.into(), pixels, share };
        let segments = vec![segment(1, "LABEL_1", 10, 0.625), segment(0, "ground", 6, 0.375)];
        assert_eq!(answer.output, Output::Segments { segments, width: 8, height: 2 });
        let map = image::load_from_memory(&answer.media[0].bytes).unwrap().into_luma8();
        assert_eq!(map.into_raw(), [[1, 1, 1, 1, 1, 0, 0, 0]; 2].concat());
    }

    #[test]
    fn an_output_that_is_no_map_is_named() {
        let tensor = Tensor { name: "logits".into(), shape: vec![2], values: vec![0.0; 2] };
        assert!(logits(vec![tensor]).unwrap_err().message.contains("[2]"));
    }
}
