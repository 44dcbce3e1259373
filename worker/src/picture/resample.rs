//! Resizing to the very bytes that Pillow makes.
//!
//! Pillow resizes across and then down, or the other way round, with weights in fixed point, and rounds to bytes after each. Models are trained and
//! evaluated on such pictures. A resampler that keeps other digits moves a pixel by one now and then, and a logit by
//! more than a reference allows; so the arithmetic here is the same to the last bit.

use image::RgbImage;

/// Red, green, blue.
const CHANNELS: usize = 3;
/// Binary digits behind the point of a weight: 32, less 8 for the byte and 2 for what weights may add up to.
const DIGITS: u32 = 22;

/// A filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Of three lobes.
    Lanczos,
    /// Along straight lines.
    Bilinear,
    /// Along curves.
    Bicubic,
    /// The mean.
    Box,
    /// As sharp as bilinear, and smoother.
    Hamming,
}

impl Filter {
    /// By Pillow's number, which `preprocessor_config.json` uses.
    pub(super) fn numbered(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Lanczos),
            2 => Some(Self::Bilinear),
            3 => Some(Self::Bicubic),
            4 => Some(Self::Box),
            5 => Some(Self::Hamming),
            _ => None,
        }
    }

    /// How far it reaches to either side, in pixels of the smaller picture.
    fn support(self) -> f64 {
        match self {
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let distance = x.abs();
        match self {
            Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - distance).max(0.0),
            Self::Hamming if distance >= 1.0 => 0.0,
            Self::Hamming => sinc(distance) * (0.54 + 0.46 * (std::f64::consts::PI * distance).cos()),
            Self::Bicubic if distance < 1.0 => (1.5 * distance - 2.5) * distance * distance + 1.0,
            Self::Bicubic if distance < 2.0 => (((distance - 5.0) * distance + 8.0) * distance - 4.0) * -0.5,
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Bicubic | Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

/// Which pixels make one new pixel, and with which weights.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// Resizes a picture.
pub fn resize(picture: &RgbImage, (width, height): (u32, u32), filter: Filter) -> RgbImage {
    let (old_width, old_height) = picture.dimensions();
    let across = |bytes: &[u8]| across(bytes, old_width as usize, &windows(old_width, width, filter));
    let down = |bytes: &[u8], width: u32| {
        down(bytes, width as usize * CHANNELS, &windows(old_height, height, filter))
    };
    let bytes = picture.as_raw();
    let resized = match (width == old_width, height == old_height) {
        (true, true) => bytes.clone(),
        (false, true) => across(bytes),
        (true, false) => down(bytes, width),
        (false, false) if down_first(picture.dimensions(), (width, height)) => {
            across(&down(bytes, old_width))
        }
        (false, false) => down(&across(bytes), width),
    };
    RgbImage::from_raw(width, height, resized).unwrap_or_else(|| RgbImage::new(width, height))
}

/// Whether the rows are made fewer before they are made shorter: since version 13 Pillow does so where much more is taken
/// from the height. Each turn rounds to bytes, so their order shows.
pub(super) fn down_first((old_width, old_height): (u32, u32), (width, height): (u32, u32)) -> bool {
    let less = |old: u32, new: u32| i64::from(old) - i64::from(new);
    old_height > height && less(old_height, height) > 2 * less(old_width, width)
}

/// The window of each new pixel along one edge.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the bounds lie within the picture, and a weight within 32 bits"
)]
fn windows(old: u32, new: u32, filter: Filter) -> Vec<Window> {
    let scale = f64::from(old) / f64::from(new);
    let spread = scale.max(1.0);
    let support = filter.support() * spread;
    let window = |place: u32| {
        let center = (f64::from(place) + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as u32;
        let end = ((center + support + 0.5) as u32).min(old);
        let weights: Vec<f64> = (0..end - first)
            .map(|step| filter.weight((f64::from(step) + f64::from(first) - center + 0.5) * (1.0 / spread)))
            .collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: &f64| {
            let scaled = if sum == 0.0 { *weight } else { weight / sum } * f64::from(1 << DIGITS);
            if scaled < 0.0 { (scaled - 0.5) as i32 } else { (scaled + 0.5) as i32 }
        };
        Window { first: first as usize, weights: weights.iter().map(fixed).collect() }
    };
    (0..new).map(window).collect()
}

fn across(bytes: &[u8], width: usize, windows: &[Window]) -> Vec<u8> {
    let mut resized = Vec::with_capacity(bytes.len() / width * windows.len());
    for row in bytes.chunks_exact(width * CHANNELS) {
        for window in windows {
            let mut sums = [1 << (DIGITS - 1); CHANNELS];
            let pixels = row[window.first * CHANNELS..].chunks_exact(CHANNELS);
            for (pixel, weight) in pixels.zip(&window.weights) {
                for (sum, byte) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*byte) * weight;
                }
            }
            resized.extend(sums.map(byte));
        }
    }
    resized
}

fn down(bytes: &[u8], row: usize, windows: &[Window]) -> Vec<u8> {
    let mut resized = Vec::with_capacity(row * windows.len());
    let mut sums = vec![0_i32; row];
    for window in windows {
        sums.fill(1 << (DIGITS - 1));
        for (line, weight) in bytes[window.first * row..].chunks_exact(row).zip(&window.weights) {
            for (sum, byte) in sums.iter_mut().zip(line) {
                *sum += i32::from(*byte) * weight;
            }
        }
        resized.extend(sums.iter().map(|sum| byte(*sum)));
    }
    resized
}

#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
fn byte(sum: i32) -> u8 {
    (sum >> DIGITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One number of all bytes.
    fn digest(bytes: &[u8]) -> u32 {
        bytes.iter().fold(0, |digest: u32, byte| digest.wrapping_mul(31).wrapping_add(u32::from(*byte)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the picture's colours wrap around")]
    fn picture(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            image::Rgb(
                [x * x * 37 + y * 91, x * 53 + y * y * 29, x * y * 17 + x * 5].map(|value| value as u8),
            )
        })
    }

    #[test]
    fn every_filter_makes_the_bytes_that_pillow_makes() {
        let picture = picture(11, 7);
        // By Pillow 13.0.0, smaller and larger.
        let expected = [
            (Filter::Lanczos, 3_084_988_096, 3_482_474_698),
            (Filter::Bilinear, 249_598_808, 3_547_340_930),
            (Filter::Bicubic, 3_696_294_219, 2_578_203_799),
            (Filter::Box, 4_043_219_275, 2_403_730_464),
            (Filter::Hamming, 3_494_905_834, 3_948_561_202),
        ];
        for (filter, smaller, larger) in expected {
            let resized = [(4, 3), (13, 9)].map(|size| digest(resize(&picture, size, filter).as_raw()));
            assert_eq!(resized, [smaller, larger], "{filter:?}");
        }
    }

    #[test]
    fn much_is_taken_from_the_height_before_the_width() {
        let picture = picture(5, 23);
        // By Pillow 13.0.0, narrower and wider; it turned the order round in that version.
        let expected = [
            (Filter::Lanczos, 1_028_875_546, 1_039_127_071),
            (Filter::Bilinear, 1_555_428_486, 4_119_327_619),
            (Filter::Bicubic, 3_985_592_916, 3_512_924_605),
            (Filter::Box, 2_699_050_887, 2_246_123_670),
            (Filter::Hamming, 48_575_352, 436_417_132),
        ];
        for (filter, narrower, wider) in expected {
            let resized = [(3, 7), (9, 11)].map(|size| digest(resize(&picture, size, filter).as_raw()));
            assert_eq!(resized, [narrower, wider], "{filter:?}");
        }
    }
}
