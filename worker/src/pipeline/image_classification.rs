//! `image_classification`: a picture gets labels.

use std::path::PathBuf;

use forebay_shared::job::{Failure, FailureCode, ImageClassificationParams, Params};
use ndarray::Array4;
use ort::session::Session;

use super::labels::{Scoring, best};
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::picture::{PicturePlan, Pixels, decode};

/// Labels that a picture gets unless the client asks for more.
const TOP: u32 = 5;

/// Labels pictures.
#[derive(Debug)]
pub struct ImageClassification {
    plan: PicturePlan,
    labels: Vec<String>,
    scoring: Scoring,
    max_pixels: u64,
}

/// A picture's tensor, and how many labels it is to get.
#[derive(Debug)]
pub struct LabelledPicture {
    pixels: Pixels,
    top: usize,
}

/// A session on a picture classifier, with the layout it wants.
#[derive(Debug)]
pub struct PictureSession {
    session: Session,
    input: String,
    channels_last: bool,
}

impl Pipeline for ImageClassification {
    type Prepared = LabelledPicture;
    type Tensors = Array4<f32>;
    type Engine = PictureSession;
    type Raw = Vec<f32>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        Ok(Self {
            plan: PicturePlan::read(model)?,
            labels: model.card.labels.clone(),
            scoring: Scoring::of(&model.config, model.card.labels.len()),
            max_pixels: model.max_pixels,
        })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<PictureSession, ModelError> {
        PictureSession::new(model.open(runtime)?, model.onnx.clone())
    }

    fn prepare(&self, material: Material, params: Params) -> Result<LabelledPicture, Failure> {
        let (Material::Image(bytes), Params::ImageClassification(ImageClassificationParams { top_k })) =
            (material, params)
        else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        let pixels = self.plan.apply(decode(&bytes, self.max_pixels)?, self.max_pixels)?;
        Ok(LabelledPicture { pixels, top: top_k.unwrap_or(TOP) as usize })
    }

    fn length(_: &LabelledPicture) -> u32 {
        1
    }

    fn weight(prepared: &LabelledPicture) -> usize {
        prepared.pixels.planes.len() * size_of::<f32>()
    }

    fn collate(&self, batch: &[&LabelledPicture]) -> Result<Array4<f32>, Failure> {
        let (width, height) = batch.first().map_or((0, 0), |first| (first.pixels.width, first.pixels.height));
        let shape = (batch.len(), 3, height as usize, width as usize);
        let values = batch.iter().flat_map(|picture| picture.pixels.planes.iter().copied()).collect();
        // A model that neither crops nor resizes to one shape takes pictures of different shapes one by one.
        Array4::from_shape_vec(shape, values)
            .map_err(|error| Failure::permanent(FailureCode::InferenceFailed, error))
    }

    fn run(engine: &mut PictureSession, tensors: &Array4<f32>) -> Result<Vec<Vec<f32>>, Failure> {
        engine.run(tensors)
    }

    fn finish(&self, prepared: LabelledPicture, logits: Vec<f32>) -> Result<Answer, Failure> {
        Ok(best(&logits, &self.labels, self.scoring, prepared.top).into())
    }
}

impl PictureSession {
    fn new(session: Session, file: PathBuf) -> Result<Self, ModelError> {
        let Some(input) = session.inputs().first() else {
            return Err(ModelError::Graph { file, what: "input", present: String::new() });
        };
        // [batch, height, width, 3] or [batch, 3, height, width]
        let channels_last = input.dtype().tensor_shape().is_some_and(|shape| shape.last() == Some(&3));
        let input = input.name().to_owned();
        Ok(Self { session, input, channels_last })
    }

    fn run(&mut self, tensors: &Array4<f32>) -> Result<Vec<Vec<f32>>, Failure> {
        let failed = |error: ort::Error| Failure::permanent(FailureCode::InferenceFailed, error);
        let last;
        let view = if self.channels_last {
            last = tensors.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
            last.view()
        } else {
            tensors.view()
        };
        let value = ort::value::TensorRef::from_array_view(view).map_err(failed)?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => value]).map_err(failed)?;
        let logits = outputs[0].try_extract_array::<f32>().map_err(failed)?;
        let (shape, values) = (logits.shape().to_vec(), logits.as_slice().unwrap_or_default());
        match *shape {
            [_, labels] if labels > 0 => Ok(values.chunks_exact(labels).map(<[f32]>::to_vec).collect()),
            _ => Err(Failure::permanent(
                FailureCode::InferenceFailed,
                format!("the model's output has the shape {shape:?}, which is no list of labels per picture"),
            )),
        }
    }
}
