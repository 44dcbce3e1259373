//! `image_embedding`: a picture becomes a vector.

use forebay_shared::job::{Failure, FailureCode, Output, Params};

use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::picture::{Habits, PictureBatch, PicturePlan, PictureSession, Pixels, Tensor, decode};

/// Outputs that hold a picture's vector, the best first; after them comes `last_hidden_state`.
const POOLED: [&str; 2] = ["image_embeds", "pooler_output"];
/// The vectors of a picture's patches.
const PATCHES: &str = "last_hidden_state";

/// Makes vectors of pictures.
#[derive(Debug)]
pub struct ImageEmbedding {
    plan: PicturePlan,
    pooling: Pooling,
    normalize: bool,
    max_pixels: u64,
}

/// How the vectors of patches become one, where the graph has not done that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    /// The first, which stands for the whole.
    Cls,
    /// Their mean.
    Mean,
}

/// A picture's tensor, and how many dimensions its vector is to have.
#[derive(Debug)]
pub struct EmbeddedPicture {
    pixels: Pixels,
    dimensions: Option<u32>,
    normalize: bool,
}

impl Pipeline for ImageEmbedding {
    type Prepared = EmbeddedPicture;
    type Tensors = PictureBatch;
    type Engine = PictureSession;
    type Raw = Vec<Tensor>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let image = &model.manifest.image;
        let pooling = match image.pooling.as_deref() {
            None | Some("cls") => Pooling::Cls,
            Some("mean") => Pooling::Mean,
            Some(other) => {
                let message = format!("image.pooling is `{other}`, which is neither `cls` nor `mean`");
                return Err(ModelError::Content { file: model.root.join("forebay.toml"), message });
            }
        };
        Ok(Self {
            plan: PicturePlan::read(model, &Habits::CLASSIFIER)?,
            pooling,
            normalize: image.normalize,
            max_pixels: model.max_pixels,
        })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<PictureSession, ModelError> {
        PictureSession::new(model.open(runtime)?, model.onnx.clone())
    }

    fn prepare(&self, material: Material, params: Params) -> Result<EmbeddedPicture, Failure> {
        let (Material::Image(bytes), Params::ImageEmbedding(params)) = (material, params) else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        let pixels = self.plan.apply(decode(&bytes, self.max_pixels)?, self.max_pixels)?;
        // What is cut has another length, so that of a part is made one again unless the client says otherwise.
        let normalize = params.normalize.unwrap_or(self.normalize || params.dimensions.is_some());
        Ok(EmbeddedPicture { pixels, dimensions: params.dimensions, normalize })
    }

    fn length(_: &EmbeddedPicture) -> u32 {
        1
    }

    fn weight(prepared: &EmbeddedPicture) -> usize {
        prepared.pixels.planes.len() * size_of::<f32>()
    }

    fn collate(&self, batch: &[&EmbeddedPicture]) -> Result<PictureBatch, Failure> {
        PictureBatch::collate(batch.iter().map(|picture| &picture.pixels))
    }

    fn run(engine: &mut PictureSession, tensors: &PictureBatch) -> Result<Vec<Vec<Tensor>>, Failure> {
        engine.run(tensors)
    }

    fn finish(&self, prepared: EmbeddedPicture, outputs: Vec<Tensor>) -> Result<Answer, Failure> {
        let mut embedding = vector(outputs, self.pooling)?;
        if let Some(wanted) = prepared.dimensions {
            let has = embedding.len();
            if wanted as usize > has {
                let message = format!("`dimensions` is {wanted}, and the model's vectors have {has}");
                return Err(Failure::permanent(FailureCode::InvalidParams, message));
            }
            embedding.truncate(wanted as usize);
        }
        if prepared.normalize {
            let length =
                embedding.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            for value in &mut embedding {
                *value /= length;
            }
        }
        Ok(Output::Embedding { embedding, tokens: 0 }.into())
    }
}

/// The vector that the graph has made, or the one that its patches make together. A graph with one output of one axis needs
/// no name for it.
fn vector(mut outputs: Vec<Tensor>, pooling: Pooling) -> Result<Vec<f32>, Failure> {
    let named = |name: &str| outputs.iter().position(|output| output.name == name && output.shape.len() == 1);
    let lone = || (outputs.len() == 1 && outputs[0].shape.len() == 1).then_some(0);
    if let Some(place) = POOLED.into_iter().find_map(named).or_else(lone) {
        return Ok(outputs.swap_remove(place).values);
    }
    let patches = outputs.iter().find(|output| output.name == PATCHES && output.shape.len() == 2);
    match patches {
        Some(Tensor { shape, values, .. }) if shape[0] > 0 && shape[1] > 0 => {
            Ok(pooled(values, shape[1], pooling))
        }
        _ => {
            let shapes: Vec<String> =
                outputs.iter().map(|output| format!("{} {:?}", output.name, output.shape)).collect();
            let message = format!("none of the outputs {} holds a picture's vector", shapes.join(", "));
            Err(Failure::permanent(FailureCode::InferenceFailed, message))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture has far fewer than 2²⁴ patches")]
fn pooled(values: &[f32], dimensions: usize, pooling: Pooling) -> Vec<f32> {
    match pooling {
        Pooling::Cls => values[..dimensions].to_vec(),
        Pooling::Mean => {
            let patches = (values.len() / dimensions) as f32;
            let mut sums = vec![0.0; dimensions];
            for patch in values.chunks_exact(dimensions) {
                for (sum, value) in sums.iter_mut().zip(patch) {
                    *sum += value;
                }
            }
            sums.into_iter().map(|sum| sum / patches).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
        Tensor { name: name.to_owned(), shape: shape.to_vec(), values: values.to_vec() }
    }

    #[test]
    fn the_graphs_own_vector_stands_over_what_its_patches_make() {
        let patches = || output("last_hidden_state", &[2, 2], &[1.0, 2.0, 3.0, 6.0]);
        let pooler = || output("pooler_output", &[2], &[7.0, 8.0]);
        let embeds = output("image_embeds", &[3], &[0.0, 1.0, 0.0]);
        assert_eq!(vector(vec![patches(), pooler(), embeds], Pooling::Cls).unwrap(), [0.0, 1.0, 0.0]);
        assert_eq!(vector(vec![patches(), pooler()], Pooling::Cls).unwrap(), [7.0, 8.0]);
        assert_eq!(vector(vec![patches()], Pooling::Cls).unwrap(), [1.0, 2.0]);
        assert_eq!(vector(vec![patches()], Pooling::Mean).unwrap(), [2.0, 4.0]);
    }

    #[test]
    fn a_lone_list_needs_no_name() {
        assert_eq!(vector(vec![output("features", &[2], &[3.0, 4.0])], Pooling::Cls).unwrap(), [3.0, 4.0]);
        let failure = vector(vec![output("map", &[2, 2, 2], &[0.0; 8])], Pooling::Cls).unwrap_err();
        assert_eq!(failure.message, "none of the outputs map [2, 2, 2] holds a picture's vector");
    }
}
