//! `background_removal`: what stands in front in a picture is cut out, at the picture's own size.

use forebay_shared::job::{BackgroundRemovalParams, Failure, FailureCode, Params, Removed};
use image::{GrayImage, RgbImage, RgbaImage};

use super::drawn::drawn;
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::picture::{Drawing, Field, Habits, PictureBatch, PicturePlan, PictureSession, Pixels, decode};

/// Bytes that a pixel of the original needs until its answer is stored: three as it came, one of the mask, four of the
/// cut-out, and as many again twice while that is written to a file.
const PER_PIXEL: usize = 16;

/// Cuts out what stands in front.
#[derive(Debug)]
pub struct BackgroundRemoval {
    plan: PicturePlan,
    max_pixels: u64,
}

/// A picture's tensor, the picture itself, and what is wanted of it.
#[derive(Debug)]
pub struct WholePicture {
    pixels: Pixels,
    picture: RgbImage,
    params: BackgroundRemovalParams,
}

impl Pipeline for BackgroundRemoval {
    type Prepared = WholePicture;
    type Tensors = PictureBatch;
    type Engine = PictureSession;
    type Raw = Field;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        Ok(Self { plan: PicturePlan::read(model, &Habits::CLASSIFIER)?, max_pixels: model.max_pixels })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<PictureSession, ModelError> {
        PictureSession::new(model.open(runtime)?, model.onnx.clone())
    }

    fn prepare(&self, material: Material, params: Params) -> Result<WholePicture, Failure> {
        let (Material::Image(bytes), Params::BackgroundRemoval(params)) = (material, params) else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        let picture = decode(&bytes, self.max_pixels)?;
        let pixels = self.plan.apply(picture.clone(), self.max_pixels)?;
        Ok(WholePicture { pixels, picture, params })
    }

    fn length(_: &WholePicture) -> u32 {
        1
    }

    fn weight(prepared: &WholePicture) -> usize {
        prepared.pixels.planes.len() * size_of::<f32>() + prepared.picture.as_raw().len() / 3 * PER_PIXEL
    }

    fn collate(&self, batch: &[&WholePicture]) -> Result<PictureBatch, Failure> {
        PictureBatch::collate(batch.iter().map(|picture| &picture.pixels))
    }

    fn run(engine: &mut PictureSession, tensors: &PictureBatch) -> Result<Vec<Field>, Failure> {
        engine.run(tensors)?.into_iter().map(Field::of).collect()
    }

    fn finish(&self, prepared: WholePicture, mask: Field) -> Result<Answer, Failure> {
        answer(prepared.picture, &mask, &prepared.params)
    }
}

fn answer(picture: RgbImage, mask: &Field, params: &BackgroundRemovalParams) -> Result<Answer, Failure> {
    let (width, height) = picture.dimensions();
    let alpha = mask.bytes(width, height);
    let drawing = match (params.output, params.colour()) {
        (Removed::Mask, _) => GrayImage::from_raw(width, height, alpha).map(Drawing::Grey),
        (Removed::Cutout, None) => {
            RgbaImage::from_raw(width, height, cut_out(&picture, &alpha)).map(Drawing::Transparent)
        }
        (Removed::Cutout, Some(colour)) => Some(Drawing::Colour(painted(picture, &alpha, colour))),
    };
    let drawing = drawing.ok_or_else(|| {
        Failure::permanent(FailureCode::InferenceFailed, "the mask does not cover the picture")
    })?;
    drawn(&drawing, params.format.into())
}

fn cut_out(picture: &RgbImage, alpha: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(alpha.len() * 4);
    for (pixel, alpha) in picture.as_raw().chunks_exact(3).zip(alpha) {
        pixels.extend([pixel[0], pixel[1], pixel[2], *alpha]);
    }
    pixels
}

/// What is in front, on this colour.
fn painted(mut picture: RgbImage, alpha: &[u8], colour: [u8; 3]) -> RgbImage {
    for (pixel, alpha) in picture.chunks_exact_mut(3).zip(alpha) {
        for (value, behind) in pixel.iter_mut().zip(colour) {
            *value = blended(*value, behind, *alpha);
        }
    }
    picture
}

/// As Pillow's `paste` with a mask blends bytes, to the last bit.
#[expect(clippy::cast_possible_truncation, reason = "between two bytes")]
fn blended(front: u8, behind: u8, alpha: u8) -> u8 {
    let sum = u32::from(front) * u32::from(alpha) + u32::from(behind) * (255 - u32::from(alpha)) + 128;
    (((sum >> 8) + sum) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// A picture with its left half in front.
    fn finished(params: &BackgroundRemovalParams) -> (Answer, image::DynamicImage) {
        let picture = RgbImage::from_fn(4, 2, |x, _| Rgb([10 * u8::try_from(x).unwrap(), 100, 200]));
        let mask = Field { width: 4, height: 1, values: vec![1.0, 1.5, 0.0, -0.5] };
        let answer = answer(picture, &mask, params).unwrap();
        let read = image::load_from_memory(&answer.media[0].bytes).unwrap();
        (answer, read)
    }

    #[test]
    fn a_cut_out_has_the_pictures_colours_and_the_mask_as_its_alpha() {
        let (answer, read) = finished(&BackgroundRemovalParams::default());
        let bytes = answer.media[0].bytes.len() as u64;
        let said = forebay_shared::job::Output::Picture {
            width: 4,
            height: 2,
            content_type: "image/png".into(),
            bytes,
        };
        assert_eq!(answer.output, said);
        let row = [[0, 100, 200, 255], [10, 100, 200, 255], [20, 100, 200, 0], [30, 100, 200, 0]].concat();
        assert_eq!(read.into_rgba8().into_raw(), [row.clone(), row].concat());
    }

    #[test]
    fn a_mask_is_grey_and_a_background_gets_its_colour() {
        let (_, read) = finished(&BackgroundRemovalParams { output: Removed::Mask, ..Default::default() });
        assert_eq!(read.into_luma8().into_raw(), [[255, 255, 0, 0]; 2].concat());
        let on_red = BackgroundRemovalParams { background: Some("#ff0000".into()), ..Default::default() };
        let (_, read) = finished(&on_red);
        let row = [[0, 100, 200], [10, 100, 200], [255, 0, 0], [255, 0, 0]].concat();
        assert_eq!(read.into_rgb8().into_raw(), [row.clone(), row].concat());
    }
}
