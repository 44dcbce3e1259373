//! `ocr`: the lines of print in a picture, found, turned the right way up, read, and put into order.

mod alphabet;
mod cut;
mod outline;
mod reader;
mod rectangle;
mod regions;
mod strip;

use std::sync::Arc;

use forebay_shared::job::{BoundingBox, Failure, FailureCode, Output, Params, Point, TextLine};
use image::RgbImage;

use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::picture::{Filter, Frame, PictureBatch, Pixels, decode, resize};
use alphabet::Alphabet;
use reader::{Page, Pages, Reader};
pub use reader::{Said, SaidLine};

/// The longer side at which lines are looked for, at most, as PaddleOCR has it.
const LONGEST: u32 = 960;
/// What both sides are a multiple of.
const STEP: u32 = 32;
/// What is taken from a colour and what it is divided by, blue first, as PaddleOCR has it.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// How sure the model must be that there is a line, and of what it reads, unless the client says so; as PaddleOCR has it.
const THRESHOLD: f32 = 0.6;
const SCORE: f32 = 0.5;
/// Lines that are read at most, unless the client wants fewer; as PaddleOCR has it.
const LINES: u32 = 1000;
/// Bytes that a pixel of the original needs until it is read: three as it came, and twice as many, twice, for a line that is
/// as large as all lines together may be while it is laid down.
const PER_PIXEL: usize = 15;

/// Reads print.
#[derive(Debug)]
pub struct Ocr {
    alphabet: Alphabet,
    /// Whether the model has a graph that tells what stands on its head.
    orients: bool,
    max_pixels: u64,
}

/// A picture with its tensor, and what is wanted of it.
#[derive(Debug)]
pub struct Sheet {
    pixels: Pixels,
    page: Page,
    min_score: f32,
}

impl Pipeline for Ocr {
    type Prepared = Sheet;
    type Tensors = Pages;
    type Engine = Reader;
    type Raw = Said;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let parts = model.manifest.ocr.parts(&model.root);
        Ok(Self {
            alphabet: Alphabet::read(&parts.alphabet)?,
            orients: parts.orient.is_some(),
            max_pixels: model.max_pixels,
        })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<Reader, ModelError> {
        Reader::load(model, runtime)
    }

    fn prepare(&self, material: Material, params: Params) -> Result<Sheet, Failure> {
        let (Material::Image(bytes), Params::Ocr(params)) = (material, params) else {
            return Err(Failure::permanent(FailureCode::InvalidParams, "the model takes pictures only"));
        };
        if params.orient == Some(true) && !self.orients {
            let message = "`orient` cannot be true: the model does not tell what stands on its head";
            return Err(Failure::permanent(FailureCode::InvalidParams, message));
        }
        let picture = decode(&bytes, self.max_pixels)?;
        let page = Page {
            picture: Arc::new(picture),
            threshold: params.threshold.unwrap_or(THRESHOLD),
            orient: params.orient.unwrap_or(self.orients),
            most: params.max_lines.unwrap_or(LINES) as usize,
        };
        Ok(Sheet { pixels: looked_at(&page.picture), page, min_score: params.min_score.unwrap_or(SCORE) })
    }

    fn length(_: &Sheet) -> u32 {
        1
    }

    fn weight(prepared: &Sheet) -> usize {
        prepared.pixels.planes.len() * size_of::<f32>() + prepared.page.picture.as_raw().len() / 3 * PER_PIXEL
    }

    fn collate(&self, batch: &[&Sheet]) -> Result<Pages, Failure> {
        Ok(Pages {
            batch: PictureBatch::collate(batch.iter().map(|sheet| &sheet.pixels))?,
            pages: batch.iter().map(|sheet| sheet.page.clone()).collect(),
        })
    }

    fn run(reader: &mut Reader, pages: &Pages) -> Result<Vec<Said>, Failure> {
        reader.read(pages)
    }

    fn finish(&self, sheet: Sheet, said: Said) -> Result<Answer, Failure> {
        let mut lines = Vec::with_capacity(said.lines.len());
        for line in said.lines {
            let (text, score) = self.alphabet.text(&line.steps)?;
            if score >= sheet.min_score && !text.is_empty() {
                lines.push(told(&line, text, score));
            }
        }
        let words: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
        Ok(Output::Lines { text: words.join("\n"), lines }.into())
    }
}

/// The picture as the graph takes it that finds lines.
fn looked_at(picture: &RgbImage) -> Pixels {
    let (width, height) = size(picture.dimensions());
    let resized = resize(picture, (width, height), Filter::Bilinear);
    let area = width as usize * height as usize;
    let mut planes = vec![0.0; 3 * area];
    for (place, colour) in resized.as_raw().chunks_exact(3).enumerate() {
        for (channel, byte) in colour.iter().rev().enumerate() {
            planes[channel * area + place] = (f32::from(*byte) / 255.0 - MEAN[channel]) / DEVIATION[channel];
        }
    }
    Pixels { width, height, planes, frame: Frame::resized(picture.dimensions(), (width, height)) }
}

/// The size at which lines are looked for: no larger than the picture but for whole steps.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no longer than the longest side"
)]
fn size((width, height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(LONGEST) / f64::from(width.max(height))).min(1.0);
    let side = |side: u32| {
        let steps = (f64::from(side) * scale).floor() / f64::from(STEP);
        (steps.round_ties_even() as u32 * STEP).max(STEP)
    };
    (side(width), side(height))
}

#[expect(clippy::cast_possible_truncation, reason = "a picture's edge is far below 2²⁴ pixels")]
fn told(line: &SaidLine, text: String, score: f32) -> TextLine {
    let corners = line.outline.corners.map(|[x, y]| Point { x: x as f32, y: y as f32 });
    let least = |of: fn(&Point) -> f32| corners.iter().map(of).fold(f32::INFINITY, f32::min);
    let most = |of: fn(&Point) -> f32| corners.iter().map(of).fold(f32::NEG_INFINITY, f32::max);
    let bounds = BoundingBox {
        xmin: least(|point| point.x),
        ymin: least(|point| point.y),
        xmax: most(|point| point.x),
        ymax: most(|point| point.y),
    };
    TextLine { text, score, bounds, corners, turned: line.turned }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use forebay_shared::job::OcrParams;

    use super::*;

    #[test]
    fn lines_are_looked_for_in_whole_steps() {
        assert_eq!(size((352, 120)), (352, 128));
        assert_eq!(size((1920, 1080)), (960, 544));
        assert_eq!(size((1, 50_000_000)), (32, 960));
        assert_eq!(size((80, 16)), (64, 32), "halves go to the even step");
    }

    #[test]
    fn a_model_that_cannot_tell_refuses_to_turn_lines() {
        let alphabet = Alphabet::of("a");
        let ocr = Ocr { alphabet, orients: false, max_pixels: 100 };
        let params = Params::Ocr(OcrParams { orient: Some(true), ..Default::default() });
        let failure = ocr.prepare(Material::Image(Bytes::new()), params).unwrap_err();
        assert_eq!(failure.code, FailureCode::InvalidParams);
        assert!(failure.message.contains("`orient` cannot be true"), "{failure}");
    }

    #[test]
    fn blue_is_seen_first() {
        let blue = RgbImage::from_pixel(32, 32, image::Rgb([0, 0, 255]));
        let pixels = looked_at(&blue);
        let got = [pixels.planes[0], pixels.planes[2 * 32 * 32]];
        assert!((got[0] - (1.0 - 0.485) / 0.229).abs() < 1e-6 && (got[1] + 0.406 / 0.225).abs() < 1e-6);
    }
}
