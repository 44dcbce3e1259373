//! `image_to_image`: a picture becomes a picture, in a style or larger.

mod painter;
mod style;
mod tiles;

use forebay_shared::job::{Failure, FailureCode, ImageToImageParams, Params, PictureFormat};
use image::RgbImage;
use serde_json::Value;

use super::drawn::drawn;
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime, optional_json};
use crate::picture::{Drawing, Encoding, Habits, PicturePlan, decode};
use painter::Painter;
use style::Styles;
use tiles::Planes;

/// Quality of a JPEG unless the client asks for another.
const QUALITY: u8 = 90;

/// Draws a picture after a picture.
#[derive(Debug)]
pub struct ImageToImage {
    plan: PicturePlan,
    styles: Styles,
    max_pixels: u64,
}

/// A picture as the model takes it, its style, and how the answer is written.
#[derive(Clone, Debug)]
pub struct Motif {
    planes: Planes,
    style: Option<Vec<f32>>,
    encoding: Encoding,
}

impl Pipeline for ImageToImage {
    type Prepared = Motif;
    type Tensors = Vec<Motif>;
    type Engine = Painter;
    type Raw = Planes;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let plan = PicturePlan::read(model, &Habits { normalize: None, ..Habits::CLASSIFIER })?;
        let stated = optional_json(&model.root.join("preprocessor_config.json"))?;
        // Such models take a picture as it is, unless their files say otherwise.
        let resizes = stated.get("do_resize").and_then(Value::as_bool).unwrap_or_default();
        let plan = if resizes { plan } else { plan.as_it_is() };
        Ok(Self { plan, styles: Styles::read(model), max_pixels: model.max_pixels })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<Painter, ModelError> {
        Painter::new(model.open(runtime)?, model)
    }

    fn prepare(&self, material: Material, params: Params) -> Result<Motif, Failure> {
        let (Material::Image(bytes), Params::ImageToImage(params)) = (material, params) else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        let style = self.styles.chosen(&params)?;
        let pixels = self.plan.apply(decode(&bytes, self.max_pixels)?, self.max_pixels)?;
        let (width, height) = (pixels.width as usize, pixels.height as usize);
        let planes = Planes { width, height, values: pixels.planes };
        Ok(Motif { planes, style, encoding: encoding(&params) })
    }

    fn length(_: &Motif) -> u32 {
        1
    }

    fn weight(prepared: &Motif) -> usize {
        // Twice, since the model's thread takes a copy.
        2 * prepared.planes.values.len() * size_of::<f32>()
    }

    fn collate(&self, batch: &[&Motif]) -> Result<Vec<Motif>, Failure> {
        Ok(batch.iter().map(|motif| (*motif).clone()).collect())
    }

    fn run(painter: &mut Painter, motifs: &Vec<Motif>) -> Result<Vec<Planes>, Failure> {
        motifs.iter().map(|motif| painter.paint(&motif.planes, motif.style.as_deref())).collect()
    }

    fn finish(&self, prepared: Motif, painted: Planes) -> Result<Answer, Failure> {
        let Motif { encoding, .. } = prepared;
        drawn(&Drawing::Colour(picture(&painted)?), encoding)
    }
}

/// 0…1 as bytes, as models of this kind are evaluated: what lies between two shades is cut off after a half is added.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn picture(painted: &Planes) -> Result<RgbImage, Failure> {
    let area = painted.width * painted.height;
    let mut bytes = Vec::with_capacity(3 * area);
    for place in 0..area {
        bytes.extend(
            [0, 1, 2]
                .map(|channel| (painted.values[channel * area + place].clamp(0.0, 1.0) * 255.0 + 0.5) as u8),
        );
    }
    let sides = (u32::try_from(painted.width), u32::try_from(painted.height));
    let (Ok(width), Ok(height)) = sides else {
        return Err(Failure::permanent(FailureCode::ImageTooLarge, "the result is too large for a picture"));
    };
    RgbImage::from_raw(width, height, bytes)
        .ok_or_else(|| Failure::permanent(FailureCode::Internal, "the result does not cover the picture"))
}

fn encoding(params: &ImageToImageParams) -> Encoding {
    match params.format {
        PictureFormat::Png => Encoding::Png,
        PictureFormat::Webp => Encoding::Webp,
        PictureFormat::Jpeg => Encoding::Jpeg(params.quality.unwrap_or(QUALITY)),
    }
}
