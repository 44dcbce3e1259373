//! Lines as the graphs take them: at one height, and no wider than they need.

use image::RgbImage;
use image::imageops::rotate180_in_place;

use crate::bucket;
use crate::picture::{Filter, Frame, Pixels, resize};

/// The height at which lines are read and turned, as PaddleOCR has it.
const HEIGHT: u32 = 48;
/// The width at which they are turned.
const TURNED_WIDTH: u32 = 192;
/// The least width at which they are read, as PaddleOCR has it.
const NARROWEST: u32 = 320;
/// The greatest, as PaddleX has it; a longer line is squeezed. What reading costs grows with the square of it.
const WIDEST: u32 = 3200;

/// A line at its height.
#[derive(Clone, Debug)]
pub struct Strip {
    line: RgbImage,
    /// How wide it is for the graph; the rest is empty.
    width: u32,
}

impl Strip {
    /// As the graph takes it that tells what stands on its head.
    pub fn to_turn(line: &RgbImage) -> Self {
        Self { line: high(line, TURNED_WIDTH), width: TURNED_WIDTH }
    }

    /// As the graph takes it that reads. The width depends on the line alone, so that its neighbours change nothing, and is
    /// one of few, so that lines share runs.
    pub fn to_read(line: &RgbImage) -> Self {
        let shape = f64::from(line.width()) / f64::from(line.height());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "beyond is the widest")]
        let width = ((f64::from(HEIGHT) * shape) as u32).clamp(NARROWEST, WIDEST);
        Self { line: high(line, width), width: bucket::padded(width) }
    }

    /// Turns it upside down.
    pub fn turn(&mut self) {
        rotate180_in_place(&mut self.line);
    }

    /// How wide it is for the graph.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// −1…1, blue first; 0 where the line is not.
    pub fn pixels(&self) -> Pixels {
        let (own, width) = (self.line.width() as usize, self.width as usize);
        let area = width * HEIGHT as usize;
        let mut planes = vec![0.0; 3 * area];
        for (y, row) in self.line.as_raw().chunks_exact(3 * own).enumerate() {
            for (x, colour) in row.chunks_exact(3).enumerate() {
                for (channel, byte) in colour.iter().rev().enumerate() {
                    planes[channel * area + y * width + x] = (f32::from(*byte) / 255.0 - 0.5) / 0.5;
                }
            }
        }
        Pixels { width: self.width, height: HEIGHT, planes, frame: Frame::whole((self.width, HEIGHT)) }
    }
}

/// The line at the height of all, in its shape unless it would be wider than this.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "beyond is the widest")]
fn high(line: &RgbImage, widest: u32) -> RgbImage {
    let width = (f64::from(HEIGHT) * f64::from(line.width()) / f64::from(line.height())).ceil() as u32;
    resize(line, (width.min(widest), HEIGHT), Filter::Bilinear)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn line(width: u32, height: u32) -> RgbImage {
        RgbImage::from_pixel(width, height, Rgb([255, 0, 0]))
    }

    #[test]
    fn a_lines_width_is_one_of_few() {
        let widths = |width| {
            let strip = Strip::to_read(&line(width, 24));
            (strip.line.width(), strip.width())
        };
        assert_eq!([30, 160, 161, 180].map(widths), [(60, 320), (320, 320), (322, 352), (360, 384)]);
        assert_eq!(widths(5000), (3200, 3328), "what is longer is squeezed");
        let turned = Strip::to_turn(&line(5000, 24));
        assert_eq!((turned.line.width(), turned.width()), (192, 192));
        assert_eq!(Strip::to_turn(&line(30, 24)).line.width(), 60);
    }

    #[test]
    fn blue_comes_first_and_nothing_is_zero() {
        let pixels = Strip::to_read(&line(40, 24)).pixels();
        assert_eq!((pixels.width, pixels.height, pixels.planes.len()), (320, 48, 3 * 320 * 48));
        let at = |channel: usize, x: usize| pixels.planes[channel * 320 * 48 + x];
        let got = [at(0, 0), at(2, 79), at(0, 80), at(2, 319)];
        assert!(
            got.iter().zip([-1.0, 1.0, 0.0, 0.0]).all(|(got, wanted)| (got - wanted).abs() < 1e-6),
            "{got:?}"
        );
    }

    #[test]
    fn a_line_is_turned_within_its_own_width() {
        let mut line = line(40, 48);
        line.put_pixel(0, 0, Rgb([0, 0, 255]));
        let mut strip = Strip::to_read(&line);
        strip.turn();
        assert_eq!(strip.line.get_pixel(39, 47).0, [0, 0, 255]);
        assert_eq!(strip.width(), 320);
    }
}
