//! How a model wants its pictures, as its files say.

use forebay_shared::job::{Failure, FailureCode};
use image::RgbImage;
use serde_json::Value;

use super::preprocessor::{Preprocessor, Target, exact};
use super::resample::{self, Filter};
use super::{Frame, Pixels};
use crate::model::{Letterbox, ModelError, ModelFiles, optional_json};

/// How a model wants its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct PicturePlan {
    resize: Option<(Target, Filter)>,
    canvas: Option<Canvas>,
    /// What a channel's byte is multiplied with, and what is added, by channel.
    scale: [f32; 3],
    shift: [f32; 3],
    bgr: bool,
}

/// What a resized picture is laid on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Canvas {
    size: (u32, u32),
    /// `None` where it is the middle of the picture that is wanted.
    letterbox: Option<Letterbox>,
    /// What is seen where the picture is not.
    colour: u8,
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
        let mut stated = match optional_json(&file)? {
            Value::Null => Preprocessor::of(habits),
            stated => serde_json::from_value(stated).map_err(|error| content(error.to_string()))?,
        };
        let image = &model.manifest.image;
        if let Some(size) = &image.size {
            stated.size.clone_from(size);
        }
        let letterbox = image.letterbox.or(habits.letterbox);
        let target = Target::read(&stated.size).ok_or_else(|| content(format!("size is {}", stated.size)));
        let filter = Filter::numbered(stated.resample)
            .ok_or_else(|| content(format!("resample {} is unknown", stated.resample)));
        let (resize, canvas) = match (stated.do_resize, letterbox) {
            (true, Some(_)) => {
                let size = exact(&stated.size)
                    .ok_or_else(|| content(format!("size is {}, and a letterbox has one", stated.size)))?;
                let canvas = Canvas { size, letterbox, colour: image.pad };
                (Some((Target::Within(size.0, size.1), filter?)), Some(canvas))
            }
            (true, None) => (Some((target?, filter?)), None),
            (false, _) => (None, None),
        };
        let crop = if stated.do_center_crop {
            let size = exact(&stated.crop_size);
            let size = size.ok_or_else(|| content(format!("crop_size is {}", stated.crop_size)))?;
            Some(Canvas { size, letterbox: None, colour: 0 })
        } else {
            None
        };
        let rescale = if stated.do_rescale { stated.rescale_factor } else { 1.0 };
        let (mean, std) =
            if stated.do_normalize { (stated.image_mean, stated.image_std) } else { ([0.0; 3], [1.0; 3]) };
        Ok(Self {
            resize,
            canvas: canvas.or(crop),
            scale: std.map(|std| rescale / std),
            shift: [0, 1, 2].map(|channel| -mean[channel] / std[channel]),
            bgr: image.bgr.unwrap_or(habits.bgr),
        })
    }

    /// Where a picture of this width and height lies on what the model sees.
    pub fn frame(&self, (width, height): (u32, u32)) -> Frame {
        let resized = self.resize.map_or((width, height), |(target, _)| target.of(width, height));
        let frame = Frame::resized((width, height), resized);
        match self.canvas {
            None => frame,
            Some(Canvas { size, letterbox: None, .. }) => frame.cut_to(size),
            Some(Canvas { size, letterbox: Some(Letterbox::Center), .. }) => frame.in_the_middle_of(size),
            Some(Canvas { size, letterbox: Some(Letterbox::TopLeft), .. }) => frame.in_the_corner_of(size),
        }
    }

    /// Makes the tensor of one picture.
    pub fn apply(&self, picture: RgbImage, max_pixels: u64) -> Result<Pixels, Failure> {
        let frame = self.frame(picture.dimensions());
        let picture = match self.resize {
            Some((_, filter)) => {
                check_resized(&frame, max_pixels)?;
                resample::resize(&picture, frame.resized, filter)
            }
            None => picture,
        };
        let picture = match self.canvas {
            Some(Canvas { colour, .. }) => lay(&picture, &frame, colour),
            None => picture,
        };
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
            resize: Some((Target::ShortestEdge(4, None), Filter::Bilinear)),
            canvas: Some(Canvas { size: (4, 4), letterbox: None, colour: 0 }),
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
            resize: Some((Target::Within(4, 4), Filter::Bilinear)),
            canvas: Some(Canvas { size: (4, 4), letterbox: Some(place), colour: 114 }),
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
