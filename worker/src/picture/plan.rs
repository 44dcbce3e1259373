//! How a model wants its pictures, as its files say.

use forebay_shared::job::{Failure, FailureCode};
use image::RgbImage;
use serde_json::Value;

use super::preprocessor::{Preprocessor, Target, exact};
use super::resample::Filter;
use super::resize::resize;
use super::{Frame, Pixels};
use crate::model::{Letterbox, ModelError, ModelFiles, optional_json};

/// How a model wants its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct PicturePlan {
    resize: Option<(Fit, Filter)>,
    crop: Option<(u32, u32)>,
    /// The shade of grey where the picture is not.
    pad: u8,
    /// What a channel's byte is multiplied with, and what is added, by channel.
    scale: [f32; 3],
    shift: [f32; 3],
    bgr: bool,
}

/// How a picture becomes what a model looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// Resized.
    Resize(Target),
    /// Resized in its shape and laid on a canvas of this size.
    Letterbox((u32, u32), Letterbox),
}

/// What holds for a family of models where their files say nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Habits {
    /// Edge of the square that they look at.
    pub edge: u32,
    /// What a byte is multiplied with.
    pub rescale: f32,
    /// What is taken from it and what it is divided by, then.
    pub normalize: Option<([f32; 3], [f32; 3])>,
    /// How the picture keeps its shape, if it does.
    pub letterbox: Option<Letterbox>,
    /// Whether the channels are blue, green, red.
    pub bgr: bool,
}

impl Habits {
    /// Those of classifiers: 224 × 224, −1…1.
    pub const CLASSIFIER: Self = Self {
        edge: 224,
        rescale: 1.0 / 255.0,
        normalize: Some(([0.5; 3], [0.5; 3])),
        letterbox: None,
        bgr: false,
    };
}

impl PicturePlan {
    /// Reads the model's `preprocessor_config.json` and manifest; without either the model has the `habits` of its family.
    pub fn read(model: &ModelFiles, habits: &Habits) -> Result<Self, ModelError> {
        let file = model.root.join("preprocessor_config.json");
        let content = |message: String| ModelError::Content { file: file.clone(), message };
        let (mut stated, letterbox) = match optional_json(&file)? {
            Value::Null => (Preprocessor::of(habits), habits.letterbox),
            stated => (serde_json::from_value(stated).map_err(|error| content(error.to_string()))?, None),
        };
        let image = &model.manifest.image;
        if let Some(size) = &image.size {
            stated.size.clone_from(size);
        }
        let no_size = || content(format!("size is {}", stated.size));
        let resize = if stated.do_resize {
            let fit = match image.letterbox.or(letterbox) {
                Some(place) => Fit::Letterbox(exact(&stated.size).ok_or_else(no_size)?, place),
                None => Fit::Resize(Target::read(&stated.size).ok_or_else(no_size)?),
            };
            let filter = Filter::numbered(stated.resample)
                .ok_or_else(|| content(format!("resample {} is unknown", stated.resample)))?;
            Some((fit, filter))
        } else {
            None
        };
        let crop = if stated.do_center_crop {
            let size = exact(&stated.crop_size);
            Some(size.ok_or_else(|| content(format!("crop_size is {}", stated.crop_size)))?)
        } else {
            None
        };
        let rescale = if stated.do_rescale { stated.rescale_factor } else { 1.0 };
        let (mean, std) =
            if stated.do_normalize { (stated.image_mean, stated.image_std) } else { ([0.0; 3], [1.0; 3]) };
        Ok(Self {
            resize,
            crop,
            pad: if crop.is_some() { 0 } else { image.pad },
            scale: std.map(|std| rescale / std),
            shift: [0, 1, 2].map(|channel| -mean[channel] / std[channel]),
            bgr: image.bgr.unwrap_or(habits.bgr),
        })
    }

    /// The same without a change of size.
    #[must_use]
    pub fn as_it_is(self) -> Self {
        Self { resize: None, crop: None, ..self }
    }

    /// Where a picture of this width and height lies on what the model sees.
    pub fn frame(&self, picture: (u32, u32)) -> Frame {
        let frame = match self.resize {
            Some((Fit::Letterbox(canvas, place), _)) => Frame::letterbox(picture, canvas, place),
            Some((Fit::Resize(target), _)) => Frame::resized(picture, target.of(picture.0, picture.1)),
            None => Frame::whole(picture),
        };
        self.crop.map_or(frame, |size| frame.cut_to(size))
    }

    /// Makes the tensor of one picture.
    pub fn apply(&self, picture: RgbImage, max_pixels: u64) -> Result<Pixels, Failure> {
        let frame = self.frame(picture.dimensions());
        let picture = match self.resize {
            Some((_, filter)) => {
                check_resized(&frame, max_pixels)?;
                resize(&picture, frame.resized, filter)
            }
            None => picture,
        };
        let picture = if frame.canvas == frame.resized { picture } else { lay(&picture, &frame, self.pad) };
        Ok(Pixels { width: frame.canvas.0, height: frame.canvas.1, planes: self.planes(&picture), frame })
    }

    fn planes(&self, picture: &RgbImage) -> Vec<f32> {
        let area = picture.width() as usize * picture.height() as usize;
        let mut planes = vec![0.0; 3 * area];
        for (place, pixel) in picture.as_raw().chunks_exact(3).enumerate() {
            for channel in 0..3 {
                let source = if self.bgr { 2 - channel } else { channel };
                planes[channel * area + place] =
                    f32::from(pixel[source]) * self.scale[channel] + self.shift[channel];
            }
        }
        planes
    }
}

/// A picture that is a line, ten thousand times longer than wide, would be resized to more pixels than it has.
fn check_resized(frame: &Frame, max_pixels: u64) -> Result<(), Failure> {
    let ((old_width, old_height), (width, height)) = (frame.picture, frame.resized);
    let across = u64::from(width) * u64::from(old_height);
    let pixels = across.max(u64::from(width) * u64::from(height));
    if pixels <= max_pixels {
        return Ok(());
    }
    let message = format!(
        "the picture is {old_width} × {old_height}; resized for the model it would have {pixels} pixels, the limit is \
         {max_pixels}"
    );
    Err(Failure::permanent(FailureCode::ImageTooLarge, message))
}

/// Lays a resized picture on its canvas: what does not fit is cut, what is left over has the colour.
fn lay(picture: &RgbImage, frame: &Frame, colour: u8) -> RgbImage {
    let (width, height) = frame.canvas;
    let mut canvas = RgbImage::from_pixel(width, height, image::Rgb([colour; 3]));
    image::imageops::replace(&mut canvas, picture, frame.offset.0, frame.offset.1);
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PicturePlan {
        PicturePlan {
            resize: Some((Fit::Resize(Target::ShortestEdge(4, None)), Filter::Bilinear)),
            crop: Some((4, 4)),
            pad: 0,
            scale: [1.0 / 127.5; 3],
            shift: [-1.0; 3],
            bgr: false,
        }
    }

    #[test]
    fn a_line_is_refused_before_it_is_blown_up() {
        let failure = plan().apply(RgbImage::new(1, 1_000_000), 1_000_000).unwrap_err();
        assert_eq!(failure.code, FailureCode::ImageTooLarge);
        assert!(failure.message.contains("1 × 1000000"), "{failure}");
    }

    #[test]
    fn channels_stand_one_after_the_other() {
        let red = RgbImage::from_pixel(8, 4, image::Rgb([255, 0, 0]));
        let pixels = plan().apply(red.clone(), 1_000_000).unwrap();
        assert_eq!((pixels.width, pixels.height, pixels.planes.len()), (4, 4, 48));
        assert!(pixels.planes[..16].iter().all(|value| (*value - 1.0).abs() < 1e-6));
        assert!(pixels.planes[16..].iter().all(|value| (*value + 1.0).abs() < 1e-6));
        let pixels = PicturePlan { bgr: true, ..plan() }.apply(red, 1_000_000).unwrap();
        assert!(pixels.planes[32..].iter().all(|value| (*value - 1.0).abs() < 1e-6));
    }

    #[test]
    fn a_crop_larger_than_the_picture_is_black_around_it() {
        let white = RgbImage::from_pixel(2, 2, image::Rgb([255, 255, 255]));
        let cropped = lay(&white, &Frame::whole((2, 2)).cut_to((4, 4)), 0);
        assert_eq!(cropped.get_pixel(0, 0).0, [0, 0, 0]);
        assert_eq!(cropped.get_pixel(1, 1).0, [255, 255, 255]);
        assert_eq!(cropped.get_pixel(2, 2).0, [255, 255, 255]);
        assert_eq!(cropped.get_pixel(3, 3).0, [0, 0, 0]);
    }

    #[test]
    fn a_letterbox_keeps_the_shape_and_fills_the_rest() {
        let picture = RgbImage::from_pixel(8, 4, image::Rgb([255, 255, 255]));
        let plan = |place| PicturePlan {
            resize: Some((Fit::Letterbox((4, 4), place), Filter::Bilinear)),
            crop: None,
            pad: 114,
            scale: [1.0; 3],
            shift: [0.0; 3],
            bgr: false,
        };
        let white = |place| {
            let pixels = plan(place).apply(picture.clone(), 1_000_000).unwrap();
            assert!(pixels.planes.iter().all(|value| [114.0, 255.0].contains(value)));
            [0, 1, 2, 3].map(|row| pixels.planes[row * 4] > 114.0)
        };
        assert_eq!(white(Letterbox::Center), [false, true, true, false]);
        assert_eq!(white(Letterbox::TopLeft), [true, true, false, false]);
    }

    #[test]
    fn what_does_not_fit_is_cut_on_both_sides() {
        let picture = RgbImage::from_fn(6, 1, |x, _| image::Rgb([u8::try_from(x).unwrap(); 3]));
        let cropped = lay(&picture, &Frame::whole((6, 1)).cut_to((3, 1)), 0);
        assert_eq!(cropped.as_raw()[..].iter().step_by(3).copied().collect::<Vec<_>>(), [1, 2, 3]);
    }
}
