//! `object_detection`: the things in a picture, each with a box.

use forebay_shared::job::{BoundingBox, Detected, Failure, FailureCode, Output, Params, Point};

use super::detection::{Found, Head, Suppression};
use super::labels::name;
use super::{Answer, Material, Pipeline};
use crate::model::{DetectionSection, ModelError, ModelFiles, Runtime};
use crate::picture::{Frame, PictureBatch, PicturePlan, PictureSession, Pixels, Tensor, decode};

/// Things that a picture gets unless the client asks for more.
const TOP: u32 = 100;
/// How sure the model must be, unless the client or the manifest says so; as Hugging Face's pipeline has it.
const THRESHOLD: f32 = 0.5;
/// The overlap beyond which two boxes are one thing, unless the client or the manifest says so; as YOLOv5 has it.
const OVERLAP: f32 = 0.45;

/// Finds things in pictures.
#[derive(Debug)]
pub struct ObjectDetection {
    plan: PicturePlan,
    labels: Vec<String>,
    section: DetectionSection,
    max_pixels: u64,
}

/// A picture's tensor, and which things are wanted.
#[derive(Debug)]
pub struct SearchedPicture {
    pixels: Pixels,
    threshold: f32,
    suppression: Suppression,
    top: usize,
}

impl Pipeline for ObjectDetection {
    type Prepared = SearchedPicture;
    type Tensors = PictureBatch;
    type Engine = PictureSession;
    type Raw = Vec<Tensor>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let section = model.manifest.detection.clone();
        Ok(Self {
            plan: PicturePlan::read(model, &Head::habits(section.head))?,
            labels: model.card.labels.clone(),
            section,
            max_pixels: model.max_pixels,
        })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<PictureSession, ModelError> {
        PictureSession::new(model.open(runtime)?, model.onnx.clone())
    }

    fn prepare(&self, material: Material, params: Params) -> Result<SearchedPicture, Failure> {
        let (Material::Image(bytes), Params::ObjectDetection(params)) = (material, params) else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        let pixels = self.plan.apply(decode(&bytes, self.max_pixels)?, self.max_pixels)?;
        let suppression = Suppression {
            overlap: params.iou_threshold.or(self.section.iou_threshold).unwrap_or(OVERLAP),
            across_classes: self.section.class_agnostic,
        };
        let threshold = params.threshold.or(self.section.threshold).unwrap_or(THRESHOLD);
        Ok(SearchedPicture { pixels, threshold, suppression, top: params.top_k.unwrap_or(TOP) as usize })
    }

    fn length(_: &SearchedPicture) -> u32 {
        1
    }

    fn weight(prepared: &SearchedPicture) -> usize {
        prepared.pixels.planes.len() * size_of::<f32>()
    }

    fn collate(&self, batch: &[&SearchedPicture]) -> Result<PictureBatch, Failure> {
        PictureBatch::collate(batch.iter().map(|picture| &picture.pixels))
    }

    fn run(engine: &mut PictureSession, tensors: &PictureBatch) -> Result<Vec<Vec<Tensor>>, Failure> {
        engine.run(tensors)
    }

    fn finish(&self, prepared: SearchedPicture, outputs: Vec<Tensor>) -> Result<Answer, Failure> {
        let SearchedPicture { pixels: Pixels { frame, .. }, threshold, suppression, top } = prepared;
        let (canvas, labels) = (frame.canvas, self.labels.len());
        let head = Head::of(self.section.head, &outputs, canvas, labels)?;
        let found = head.read(&outputs, (canvas, labels), (threshold, suppression), top)?;
        let objects = found.into_iter().filter_map(|thing| self.detected(thing, &frame)).collect();
        Ok(Output::Objects { objects }.into())
    }
}

impl ObjectDetection {
    /// A thing with its box on the picture as it was sent, turned the right way up; none if it lies beside it.
    fn detected(&self, thing: Found, frame: &Frame) -> Option<Detected> {
        let [left, top, right, bottom] = thing.corners;
        let ((xmin, ymin), (xmax, ymax)) = (frame.back(left, top), frame.back(right, bottom));
        let point = |[x, y]: [f32; 2]| {
            let (x, y) = frame.back(x, y);
            Point { x, y }
        };
        (xmax > xmin && ymax > ymin).then(|| Detected {
            label: name(&self.labels, thing.class),
            score: thing.score,
            bounds: BoundingBox { xmin, ymin, xmax, ymax },
            points: thing.points.into_iter().map(point).collect(),
        })
    }
}
