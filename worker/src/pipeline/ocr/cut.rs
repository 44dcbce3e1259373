//! Lines cut out of a picture, straight and upright, as OpenCV's `warpPerspective` does with bicubic weights.

use image::RgbImage;
use image::imageops::rotate270;

use super::outline::Outline;
use super::rectangle::Point;

/// Red, green, blue.
const CHANNELS: usize = 3;
/// OpenCV's bicubic filter.
const SHARPNESS: f32 = -0.75;
/// How many times as high as wide a line is that stands on its end.
const UPRIGHT: f64 = 1.5;

/// From a place on the cut line to the place on the picture.
struct Lens {
    across: Point,
    down: Point,
    origin: Point,
    /// How the divisor grows to the right and downwards.
    depth: Point,
}

/// A line as a picture of its own; one that is much higher than wide is laid down, its upper end to the left.
pub fn cut(picture: &RgbImage, outline: &Outline) -> RgbImage {
    let [width, height] = outline.size();
    let lens = Lens::new(&outline.corners, f64::from(width), f64::from(height));
    let mut bytes = Vec::with_capacity(width as usize * height as usize * CHANNELS);
    for y in 0..height {
        for x in 0..width {
            let place = lens.place(f64::from(x), f64::from(y));
            bytes.extend(colour(picture, place));
        }
    }
    let line = RgbImage::from_raw(width, height, bytes).unwrap_or_default();
    // Against the clock: as it is read.
    if f64::from(height) / f64::from(width) >= UPRIGHT { rotate270(&line) } else { line }
}

impl Lens {
    /// From a rectangle of this width and height to these corners.
    fn new(corners: &[Point; 4], width: f64, height: f64) -> Self {
        let [c0, c1, c2, c3] = *corners;
        let minus = |one: Point, other: Point| [one[0] - other[0], one[1] - other[1]];
        let cross = |one: Point, other: Point| one[0] * other[1] - one[1] * other[0];
        let (right, left) = (minus(c1, c2), minus(c3, c2));
        // What keeps the corners from being a parallelogram.
        let skew = [c0[0] - c1[0] + c2[0] - c3[0], c0[1] - c1[1] + c2[1] - c3[1]];
        let area = cross(right, left);
        let depth =
            if area == 0.0 { [0.0, 0.0] } else { [cross(skew, left) / area, cross(right, skew) / area] };
        let edge = |from: Point, to: Point, depth: f64, length: f64| {
            [0, 1].map(|axis| (to[axis] - from[axis] + depth * to[axis]) / length)
        };
        Self {
            across: edge(c0, c1, depth[0], width),
            down: edge(c0, c3, depth[1], height),
            origin: c0,
            depth: [depth[0] / width, depth[1] / height],
        }
    }

    /// The place on the picture.
    fn place(&self, x: f64, y: f64) -> Point {
        let divisor = self.depth[0] * x + self.depth[1] * y + 1.0;
        [0, 1].map(|axis| (self.across[axis] * x + self.down[axis] * y + self.origin[axis]) / divisor)
    }
}

/// Four pixels along an edge around a place, the second of which it has just passed, and their weights.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the picture's edge")]
fn around(place: f64, length: u32) -> [(usize, f32); 4] {
    let passed = (place - place.floor()) as f32;
    let near = |x: f32| ((SHARPNESS + 2.0) * x - (SHARPNESS + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((SHARPNESS * x - 5.0 * SHARPNESS) * x + 8.0 * SHARPNESS) * x - 4.0 * SHARPNESS;
    let (before, first, second) = (far(passed + 1.0), near(passed), near(1.0 - passed));
    let weights = [before, first, second, 1.0 - before - first - second];
    let pixel = |step: usize| {
        // Beside the picture the colour of its edge goes on.
        let pixel = (place.floor() + step as f64 - 1.0).clamp(0.0, f64::from(length) - 1.0) as usize;
        (pixel, weights[step])
    };
    [0, 1, 2, 3].map(pixel)
}

/// The colour at a place.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
fn colour(picture: &RgbImage, [x, y]: Point) -> [u8; CHANNELS] {
    let columns = around(x, picture.width());
    let row_length = picture.width() as usize * CHANNELS;
    let mut sums = [0.0_f32; CHANNELS];
    for (row, down) in around(y, picture.height()) {
        let row = &picture.as_raw()[row * row_length..][..row_length];
        for (column, across) in columns {
            let colour = &row[column * CHANNELS..][..CHANNELS];
            for (sum, byte) in sums.iter_mut().zip(colour) {
                *sum += f32::from(*byte) * across * down;
            }
        }
    }
    sums.map(|sum| (sum + 0.5).clamp(0.0, 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "the picture's colours wrap around")]
    fn picture() -> RgbImage {
        RgbImage::from_fn(30, 20, |x, y| {
            image::Rgb(
                [x * x * 37 + y * 91, x * 53 + y * y * 29, x * y * 17 + x * 5].map(|value| value as u8),
            )
        })
    }

    fn line(corners: [Point; 4]) -> RgbImage {
        cut(&picture(), &Outline { corners, score: 1.0 })
    }

    #[test]
    fn lines_are_cut_out_as_opencv_cuts_them() {
        // By OpenCV 5.0.0: width, height, the sum of all bytes, and the colours of some pixels.
        let expected = [
            (
                [[3.0, 2.0], [25.0, 5.0], [24.0, 15.0], [2.0, 11.0]],
                (22, 10),
                83_297,
                [[3, 19, 117], [72, 255, 31], [83, 255, 198], [95, 115, 152]],
            ),
            (
                [[5.0, 1.0], [12.0, 1.0], [12.0, 18.0], [5.0, 18.0]],
                (17, 7),
                45_660,
                [[216, 100, 242], [115, 213, 240], [168, 198, 190], [33, 173, 145]],
            ),
            (
                [[2.0, 2.0], [28.0, 3.0], [28.0, 17.0], [0.0, 12.0]],
                (28, 14),
                148_471,
                [[74, 222, 78], [138, 232, 113], [58, 120, 59], [167, 210, 156]],
            ),
        ];
        for (corners, (width, height), sum, colours) in expected {
            let line = line(corners);
            assert_eq!(line.dimensions(), (width, height));
            let got: i64 = line.as_raw().iter().map(|byte| i64::from(*byte)).sum();
            assert!((got - sum).abs() <= sum / 10_000, "{got} is not {sum}");
            let places = [(0, 0), (width / 2, height / 2), (width - 1, height - 1), (3, 2)];
            for ((x, y), colour) in places.into_iter().zip(colours) {
                let got = line.get_pixel(x, y).0;
                assert!(
                    got.iter().zip(colour).all(|(got, wanted)| got.abs_diff(wanted) <= 1),
                    "{got:?} is not {colour:?}"
                );
            }
        }
    }

    #[test]
    fn a_line_that_stands_on_its_end_is_laid_down() {
        let line = line([[5.0, 1.0], [12.0, 1.0], [12.0, 18.0], [5.0, 18.0]]);
        assert_eq!(line.get_pixel(0, 6).0, picture().get_pixel(5, 1).0);
        assert_eq!(line.get_pixel(0, 0).0, picture().get_pixel(11, 1).0);
    }

    #[test]
    fn corners_that_lie_on_a_line_do_no_harm() {
        let flat = [[0.0, 5.0], [20.0, 5.0], [10.0, 5.0], [4.0, 5.0]];
        assert_eq!(line(flat).dimensions(), (20, 10));
        let crossed = [[0.0, 0.0], [29.0, 19.0], [29.0, 0.0], [0.0, 19.0]];
        assert_eq!(line(crossed).dimensions(), (34, 19));
    }
}
