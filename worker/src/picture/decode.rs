//! A picture's file becomes pixels.

use std::io::Cursor;

use forebay_shared::job::{Failure, FailureCode};
use forebay_shared::picture::{NotAPicture, Picture};
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use super::complete::ends_early;

/// Bytes that a decoder may take for each pixel: eight as decoded, and as many again for what it works with.
const PER_PIXEL: u64 = 16;
/// Bytes that it may take besides: tables, and what a compressed stream looks back on.
const BESIDES: u64 = 16 * 1024 * 1024;

/// Decodes a picture to eight-bit red, green and blue, the way up that its camera was held. Of what moves it is the first
/// frame. Transparency is dropped, not blended; of sixteen bits the upper eight are kept; CMYK becomes what Pillow makes
/// of it. What the header says is held against the limits before anything is allocated.
pub fn decode(bytes: &[u8], max_pixels: u64) -> Result<RgbImage, Failure> {
    let undecodable = |error: &dyn std::fmt::Display| {
        Failure::permanent(FailureCode::ImageUndecodable, format!("the picture cannot be decoded: {error}"))
    };
    let picture = match Picture::sniff(bytes, max_pixels) {
        Ok(picture) => picture,
        Err(NotAPicture::TooLarge { pixels, limit }) => {
            let message = format!("the picture has {pixels} pixels, the limit is {limit}");
            return Err(Failure::permanent(FailureCode::ImageTooLarge, message));
        }
        Err(error) => return Err(undecodable(&error)),
    };
    if ends_early(bytes) {
        return Err(undecodable(&"the file ends too early"));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), picture.format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(picture.width);
    limits.max_image_height = Some(picture.height);
    let pixels = u64::from(picture.width) * u64::from(picture.height);
    limits.max_alloc = Some(pixels.saturating_mul(PER_PIXEL).saturating_add(BESIDES));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| undecodable(&error))?;
    let orientation = decoder.orientation().map_err(|error| undecodable(&error))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| undecodable(&error))?;
    picture.apply_orientation(orientation);
    Ok(eight_bits(picture))
}

/// Of sixteen bits the upper eight, as Pillow has it; `image` would round.
fn eight_bits(picture: DynamicImage) -> RgbImage {
    let upper = |value: u16| (value >> 8) as u8;
    let (width, height) = (picture.width(), picture.height());
    let bytes: Option<Vec<u8>> = match &picture {
        DynamicImage::ImageLuma16(grey) => {
            Some(grey.pixels().flat_map(|pixel| [upper(pixel.0[0]); 3]).collect())
        }
        DynamicImage::ImageLumaA16(grey) => {
            Some(grey.pixels().flat_map(|pixel| [upper(pixel.0[0]); 3]).collect())
        }
        DynamicImage::ImageRgb16(colours) => Some(colours.iter().map(|value| upper(*value)).collect()),
        DynamicImage::ImageRgba16(colours) => Some(
            colours.pixels().flat_map(|pixel| [0, 1, 2].map(|channel| upper(pixel.0[channel]))).collect(),
        ),
        _ => None,
    };
    bytes.and_then(|bytes| RgbImage::from_raw(width, height, bytes)).unwrap_or_else(|| picture.into_rgb8())
}

#[cfg(test)]
mod tests;
