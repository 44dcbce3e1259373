//! `image_classification`: a picture gets labels.

use forebay_shared::job::{Failure, FailureCode, ImageClassificationParams, Params};

use super::labels::{Scoring, best};
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::picture::{Habits, PictureBatch, PicturePlan, PictureSession, Pixels, Tensor, decode};

/// Labels that a picture gets unless the client asks for more.
const TOP: u32 = 5;

/// Labels pictures.
#[derive(Debug)]
pub struct ImageClassification {
    plan: PicturePlan,
    labels: Vec<String>,
    scoring: Scoring,
    /// Whether the graph's numbers are scores already.
    probabilities: bool,
    max_pixels: u64,
}

/// A picture's tensor, and which labels it is to get.
#[derive(Debug)]
pub struct LabelledPicture {
    pixels: Pixels,
    /// How the client wants them scored, if it says so.
    scoring: Option<Scoring>,
    top: usize,
}

impl Pipeline for ImageClassification {
    type Prepared = LabelledPicture;
    type Tensors = PictureBatch;
    type Engine = PictureSession;
    type Raw = Vec<f32>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        Ok(Self {
            plan: PicturePlan::read(model, &Habits::CLASSIFIER)?,
            labels: model.card.labels.clone(),
            scoring: Scoring::of(&model.config, model.card.labels.len()),
            probabilities: model.manifest.image.probabilities,
            max_pixels: model.max_pixels,
        })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<PictureSession, ModelError> {
        PictureSession::new(model.open(runtime)?, model.onnx.clone())
    }

    fn prepare(&self, material: Material, params: Params) -> Result<LabelledPicture, Failure> {
        let (Material::Image(bytes), Params::ImageClassification(asked)) = (material, params) else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        let pixels = self.plan.apply(decode(&bytes, self.max_pixels)?, self.max_pixels)?;
        let ImageClassificationParams { top_k, function_to_apply } = asked;
        let scoring = function_to_apply.map(Scoring::asked);
        if self.probabilities && scoring.is_some_and(|scoring| scoring != Scoring::Softmax) {
            let message = "`function_to_apply` must be `softmax`: the model's graph gives shares, its raw scores are unknown";
            return Err(Failure::permanent(FailureCode::InvalidParams, message));
        }
        Ok(LabelledPicture { pixels, scoring, top: top_k.unwrap_or(TOP) as usize })
    }

    fn length(_: &LabelledPicture) -> u32 {
        1
    }

    fn weight(prepared: &LabelledPicture) -> usize {
        prepared.pixels.planes.len() * size_of::<f32>()
    }

    fn collate(&self, batch: &[&LabelledPicture]) -> Result<PictureBatch, Failure> {
        PictureBatch::collate(batch.iter().map(|picture| &picture.pixels))
    }

    fn run(engine: &mut PictureSession, tensors: &PictureBatch) -> Result<Vec<Vec<f32>>, Failure> {
        engine.run(tensors)?.into_iter().map(logits).collect()
    }

    fn finish(&self, prepared: LabelledPicture, mut logits: Vec<f32>) -> Result<Answer, Failure> {
        if self.probabilities {
            // The logarithms of shares are raw scores of which softmax makes those shares again.
            for share in &mut logits {
                *share = share.max(f32::MIN_POSITIVE).ln();
            }
            return Ok(best(&logits, &self.labels, Scoring::Softmax, prepared.top).into());
        }
        let scoring = prepared.scoring.unwrap_or(self.scoring);
        Ok(best(&logits, &self.labels, scoring, prepared.top).into())
    }
}

/// A classifier's first output: a number for each label.
fn logits(outputs: Vec<Tensor>) -> Result<Vec<f32>, Failure> {
    match outputs.into_iter().next() {
        Some(Tensor { shape, values, .. }) if shape.len() == 1 => Ok(values),
        other => Err(Failure::permanent(
            FailureCode::InferenceFailed,
            format!(
                "the model's output has the shape {:?}, which is no list of labels per picture",
                other.map(|tensor| tensor.shape)
            ),
        )),
    }
}
