//! Resizing: to the byte as Pillow does it, and large pictures within two steps of that, by vector instructions.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use super::resample::{self, Filter};

/// Pixels of a picture from which on vector instructions are worth two steps of a byte: the exact way takes 2.7 ms (bilinear) to
/// 5.5 ms (Lanczos) for each million, and it is those that keep a worker's cores from the model.
const LARGE: u64 = 1 << 20;

/// Resizes a picture.
pub(super) fn resize(picture: &RgbImage, size: (u32, u32), filter: Filter) -> RgbImage {
    quickly(picture, size, filter).unwrap_or_else(|| resample::resize(picture, size, filter))
}

/// The same by vector instructions, for a large picture and a smooth filter; a box has edges on which a pixel falls to one
/// side or the other. One edge after the other, in Pillow's order, since each turn cuts off what is darker than black.
fn quickly(picture: &RgbImage, (width, height): (u32, u32), filter: Filter) -> Option<RgbImage> {
    let (old_width, old_height) = picture.dimensions();
    let filter = match filter {
        Filter::Lanczos => FilterType::Lanczos3,
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Hamming => FilterType::Hamming,
        Filter::Box => return None,
    };
    if u64::from(old_width) * u64::from(old_height) < LARGE {
        return None;
    }
    let between = if resample::down_first((old_width, old_height), (width, height)) {
        (old_width, height)
    } else {
        (width, old_height)
    };
    turn(&turn(picture, between, filter)?, (width, height), filter)
}

/// Resizes along one edge.
fn turn(picture: &RgbImage, (width, height): (u32, u32), filter: FilterType) -> Option<RgbImage> {
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x3).ok()?;
    let mut resized = Image::new(width, height, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new().resize(&source, &mut resized, &options).ok()?;
    RgbImage::from_raw(width, height, resized.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fine stripes, flat fields and noise, all with hard edges.
    #[expect(clippy::cast_possible_truncation, reason = "the picture's colours wrap around")]
    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let noise =
                (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(2_246_822_519) >> 24;
            match (x / 97 + y / 61) % 4 {
                0 => image::Rgb([noise as u8, (noise / 2) as u8, 255 - noise as u8]),
                1 => image::Rgb([255 * (x % 2) as u8, 255 * (y % 2) as u8, 255 * ((x + y) % 3 / 2) as u8]),
                2 => image::Rgb([255, 0, 128]),
                _ => image::Rgb([(x / 5) as u8, (y / 3) as u8, (x ^ y) as u8]),
            }
        })
    }

    fn farthest(one: &RgbImage, other: &RgbImage) -> u8 {
        let pairs = one.as_raw().iter().zip(other.as_raw());
        pairs.map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(0)
    }

    #[test]
    fn a_large_picture_comes_within_two_of_pillows_bytes() {
        let picture = picture(1100, 1000);
        for (size, filter) in [
            ((224, 224), Filter::Lanczos),
            ((1200, 300), Filter::Lanczos),
            ((224, 224), Filter::Bicubic),
            ((1200, 1100), Filter::Bicubic),
            ((500, 60), Filter::Bilinear),
            ((60, 500), Filter::Hamming),
        ] {
            let quick = quickly(&picture, size, filter).expect("the picture is large");
            let exact = resample::resize(&picture, size, filter);
            assert!(farthest(&quick, &exact) <= 2, "{filter:?} to {size:?}");
        }
    }

    #[test]
    fn all_others_keep_pillows_bytes() {
        let (large, small) = (picture(1100, 1000), picture(1000, 1000));
        for (picture, filter) in [(&small, Filter::Bilinear), (&large, Filter::Box)] {
            assert_eq!(quickly(picture, (30, 20), filter), None);
            let exact = resample::resize(picture, (30, 20), filter);
            assert_eq!(resize(picture, (30, 20), filter), exact, "{filter:?}");
        }
    }
}
