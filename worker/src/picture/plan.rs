//! How a model wants its pictures, as `preprocessor_config.json` says.

use forebay_shared::job::{Failure, FailureCode};
use image::RgbImage;
use serde::Deserialize;
use serde_json::Value;

use super::Pixels;
use super::resample::{self, Filter};
use crate::model::{ModelError, ModelFiles, optional_json};

/// How a model wants its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct PicturePlan {
    resize: Option<(Target, Filter)>,
    crop: Option<(u32, u32)>,
    /// What a channel's byte is multiplied with, and what is added, by channel.
    scale: [f32; 3],
    shift: [f32; 3],
    bgr: bool,
}

/// What a picture is resized to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// Its shorter edge to this, keeping its shape.
    ShortestEdge(u32),
    /// To this width and height.
    Exact(u32, u32),
}

/// The keys of `preprocessor_config.json` that are followed.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Preprocessor {
    do_resize: bool,
    size: Value,
    resample: u8,
    do_center_crop: bool,
    crop_size: Value,
    do_rescale: bool,
    rescale_factor: f32,
    do_normalize: bool,
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self {
            do_resize: true,
            size: Value::from(224),
            resample: 2,
            do_center_crop: false,
            crop_size: Value::Null,
            do_rescale: true,
            rescale_factor: 1.0 / 255.0,
            do_normalize: true,
            image_mean: [0.5; 3],
            image_std: [0.5; 3],
        }
    }
}

impl PicturePlan {
    /// Reads the model's `preprocessor_config.json`.
    pub fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let file = model.root.join("preprocessor_config.json");
        let content = |message: String| ModelError::Content { file: file.clone(), message };
        let stated = match optional_json(&file)? {
            Value::Null => Preprocessor::default(),
            stated => serde_json::from_value(stated).map_err(|error| content(error.to_string()))?,
        };
        let resize = if stated.do_resize {
            let target = target(&stated.size).ok_or_else(|| content(format!("size is {}", stated.size)))?;
            let filter = Filter::numbered(stated.resample)
                .ok_or_else(|| content(format!("resample {} is unknown", stated.resample)))?;
            Some((target, filter))
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
            scale: std.map(|std| rescale / std),
            shift: [0, 1, 2].map(|channel| -mean[channel] / std[channel]),
            bgr: model.manifest.image.bgr,
        })
    }

    /// Makes the tensor of one picture.
    pub fn apply(&self, picture: RgbImage, max_pixels: u64) -> Result<Pixels, Failure> {
        let picture = match self.resize {
            Some((target, filter)) => {
                let size = target.of(picture.width(), picture.height());
                check_resized(&picture, size, max_pixels)?;
                resample::resize(&picture, size, filter)
            }
            None => picture,
        };
        let picture = match self.crop {
            Some((width, height)) => center_crop(&picture, width, height),
            None => picture,
        };
        Ok(self.planes(&picture))
    }

    fn planes(&self, picture: &RgbImage) -> Pixels {
        let (width, height) = picture.dimensions();
        let area = width as usize * height as usize;
        let mut planes = vec![0.0; 3 * area];
        for (place, pixel) in picture.as_raw().chunks_exact(3).enumerate() {
            for channel in 0..3 {
                let source = if self.bgr { 2 - channel } else { channel };
                planes[channel * area + place] =
                    f32::from(pixel[source]) * self.scale[channel] + self.shift[channel];
            }
        }
        Pixels { width, height, planes }
    }
}

/// A picture that is a line, ten thousand times longer than wide, would be resized to more pixels than it has.
fn check_resized(picture: &RgbImage, (width, height): (u32, u32), max_pixels: u64) -> Result<(), Failure> {
    let across = u64::from(width) * u64::from(picture.height());
    let pixels = across.max(u64::from(width) * u64::from(height));
    if pixels <= max_pixels {
        return Ok(());
    }
    let message = format!(
        "the picture is {} × {}; resized for the model it would have {pixels} pixels, the limit is {max_pixels}",
        picture.width(),
        picture.height()
    );
    Err(Failure::permanent(FailureCode::ImageTooLarge, message))
}

/// The middle of the picture; where it is too small, black around it.
fn center_crop(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let (has_width, has_height) = picture.dimensions();
    let offset = |has: u32, wanted: u32| (i64::from(has) - i64::from(wanted)).div_euclid(2);
    let (left, top) = (offset(has_width, width), offset(has_height, height));
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (i64::from(x) + left, i64::from(y) + top);
        match (u32::try_from(x), u32::try_from(y)) {
            (Ok(x), Ok(y)) if x < has_width && y < has_height => *picture.get_pixel(x, y),
            _ => image::Rgb([0, 0, 0]),
        }
    })
}

impl Target {
    fn of(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::Exact(width, height) => (width, height),
            // The longer edge is cut to a whole number, as the Hugging Face processors do.
            Self::ShortestEdge(edge) if width <= height => (edge, scaled(edge, height, width).max(1)),
            Self::ShortestEdge(edge) => (scaled(edge, width, height).max(1), edge),
        }
    }
}

fn scaled(edge: u32, longer: u32, shorter: u32) -> u32 {
    u32::try_from(u64::from(edge) * u64::from(longer) / u64::from(shorter.max(1))).unwrap_or(u32::MAX)
}

/// `224`, `{"shortest_edge": 256}` or `{"height": 224, "width": 224}`
fn target(size: &Value) -> Option<Target> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    match size.get("shortest_edge") {
        Some(edge) => number(edge).map(Target::ShortestEdge),
        None => exact(size).map(|(width, height)| Target::Exact(width, height)),
    }
}

fn exact(size: &Value) -> Option<(u32, u32)> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    match number(size) {
        Some(edge) => Some((edge, edge)),
        None => Some((number(size.get("width")?)?, number(size.get("height")?)?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> PicturePlan {
        PicturePlan {
            resize: Some((Target::ShortestEdge(4), Filter::Bilinear)),
            crop: Some((4, 4)),
            scale: [1.0 / 127.5; 3],
            shift: [-1.0; 3],
            bgr: false,
        }
    }

    #[test]
    fn a_size_is_read_in_all_its_forms() {
        assert_eq!(target(&json!(224)), Some(Target::Exact(224, 224)));
        assert_eq!(target(&json!({"shortest_edge": 256})), Some(Target::ShortestEdge(256)));
        assert_eq!(target(&json!({"height": 2, "width": 3})), Some(Target::Exact(3, 2)));
        assert_eq!(target(&json!("large")), None);
    }

    #[test]
    fn the_shorter_edge_rules_and_the_longer_is_cut() {
        assert_eq!(Target::ShortestEdge(256).of(300, 451), (256, 384));
        assert_eq!(Target::ShortestEdge(256).of(451, 300), (384, 256));
        assert_eq!(Target::ShortestEdge(256).of(1, 1000), (256, 256_000));
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
        let cropped = center_crop(&white, 4, 4);
        assert_eq!(cropped.get_pixel(0, 0).0, [0, 0, 0]);
        assert_eq!(cropped.get_pixel(1, 1).0, [255, 255, 255]);
        assert_eq!(cropped.get_pixel(2, 2).0, [255, 255, 255]);
        assert_eq!(cropped.get_pixel(3, 3).0, [0, 0, 0]);
    }
}
