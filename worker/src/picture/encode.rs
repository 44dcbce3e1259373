//! Pixels become a picture's file.

use std::io::Cursor;

use forebay_shared::job::{Failure, FailureCode, LosslessFormat};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{GrayImage, ImageEncoder, RgbImage, RgbaImage};

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// PNG
    Png,
    /// Lossless WebP
    Webp,
    /// JPEG of this quality, 1…100
    Jpeg(u8),
}

/// Pixels of one of the forms that models make.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// Shades of grey.
    Grey(GrayImage),
    /// Colours.
    Colour(RgbImage),
    /// Colours that may be transparent.
    Transparent(RgbaImage),
}

impl From<LosslessFormat> for Encoding {
    fn from(format: LosslessFormat) -> Self {
        match format {
            LosslessFormat::Png => Self::Png,
            LosslessFormat::Webp => Self::Webp,
        }
    }
}

impl Encoding {
    /// The media type of what is written.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Jpeg(_) => "image/jpeg",
        }
    }

    /// Writes a picture.
    pub fn write(self, drawing: &Drawing) -> Result<Vec<u8>, Failure> {
        let (raw, (width, height)) = (drawing.raw(), drawing.size());
        let mut file = Cursor::new(Vec::new());
        let written = match self {
            Self::Png => PngEncoder::new(&mut file).write_image(raw, width, height, drawing.colours()),
            Self::Webp => {
                WebPEncoder::new_lossless(&mut file).write_image(raw, width, height, drawing.colours())
            }
            Self::Jpeg(quality) => JpegEncoder::new_with_quality(&mut file, quality).write_image(
                raw,
                width,
                height,
                drawing.colours(),
            ),
        };
        written.map_err(|error| {
            let message = format!("the result of {width} × {height} pixels cannot be written: {error}");
            Failure::permanent(FailureCode::InferenceFailed, message)
        })?;
        Ok(file.into_inner())
    }
}

impl Drawing {
    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Grey(picture) => picture.dimensions(),
            Self::Colour(picture) => picture.dimensions(),
            Self::Transparent(picture) => picture.dimensions(),
        }
    }

    fn raw(&self) -> &[u8] {
        match self {
            Self::Grey(picture) => picture.as_raw(),
            Self::Colour(picture) => picture.as_raw(),
            Self::Transparent(picture) => picture.as_raw(),
        }
    }

    fn colours(&self) -> image::ExtendedColorType {
        match self {
            Self::Grey(_) => image::ExtendedColorType::L8,
            Self::Colour(_) => image::ExtendedColorType::Rgb8,
            Self::Transparent(_) => image::ExtendedColorType::Rgba8,
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Luma, Rgb, Rgba};

    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
    fn shade(value: u32) -> u8 {
        value as u8
    }

    #[test]
    fn png_and_webp_keep_every_pixel() {
        let clear = RgbaImage::from_fn(5, 3, |x, y| Rgba([40 * x, 80 * y, 7, 20 * (x + y)].map(shade)));
        let grey = GrayImage::from_fn(5, 3, |x, y| Luma([shade(50 * x + y)]));
        for (encoding, format) in [(Encoding::Png, ImageFormat::Png), (Encoding::Webp, ImageFormat::WebP)] {
            assert_eq!(encoding.content_type(), format.to_mime_type());
            let file = encoding.write(&Drawing::Transparent(clear.clone())).unwrap();
            assert_eq!(image::guess_format(&file).unwrap(), format);
            assert_eq!(image::load_from_memory(&file).unwrap().into_rgba8(), clear);
            let file = encoding.write(&Drawing::Grey(grey.clone())).unwrap();
            assert_eq!(image::load_from_memory(&file).unwrap().into_luma8(), grey);
        }
    }

    #[test]
    fn a_jpeg_is_the_smaller_the_lower_its_quality() {
        let noise = RgbImage::from_fn(64, 64, |x, y| Rgb([x * y * 37, x * 91, 0].map(shade)));
        let noise = Drawing::Colour(noise);
        let sizes = [10, 50, 95].map(|quality| Encoding::Jpeg(quality).write(&noise).unwrap().len());
        assert!(sizes.is_sorted() && sizes[0] < sizes[2], "{sizes:?}");
    }
}
