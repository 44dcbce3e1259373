//! What a model is tried on: items of its kind, or files that were named.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use forebay_shared::job::{Failure, FailureCode, Input, Kind, Modality, Object, Params};
use forebay_shared::picture::Picture;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::json;

use super::CheckError;
use crate::model::ModelFiles;
use crate::pipeline::{Material, Pipeline};

/// Words of many lengths, scripts and tempers.
const TEXTS: [&str; 8] = [
    "hello",
    "The cat sits outside.",
    "I can't believe we actually won! Best day ever 🎉",
    "今天终于拿到录取通知书了，全家都高兴坏了！",
    "Meeting moved to 3pm, third floor; see you there.",
    "The flight leaves at 06:45 from gate B12; boarding closes 20 minutes before, and hand luggage is weighed.",
    "What if the results come back bad? I haven't slept since Tuesday.",
    "A small town at the foot of the mountains had a single street, along which the bakery, the school and the post \
     office stood side by side, and everybody who lived there met everybody else at least twice a day.",
];
/// Widths and heights of pictures.
const PICTURES: [(u32, u32); 4] = [(256, 256), (320, 200), (180, 300), (64, 48)];

/// A word in print, for models that read.
const WORD: [&str; 5] = [
    "####  ##  ###  #### ###   ##  #  #",
    "#    #  # #  # #    #  # #  # #  #",
    "###  #  # ###  ###  ###  ####  ## ",
    "#    #  # # #  #    #  # #  #  #  ",
    "#     ##  #  # #### ###  #  #  #  ",
];
/// Pages: pixels of a dot of print, and how many lines there are.
const PAGES: [(u32, u32); 4] = [(4, 2), (3, 1), (6, 3), (8, 1)];

/// An item that a model is tried on.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is called: its words, its size or its file.
    pub name: String,
    pub(super) material: Material,
}

/// Items for a kind.
pub fn samples(kind: Kind) -> Vec<Sample> {
    if kind.takes(Modality::Text) {
        TEXTS.map(text).into()
    } else if kind == Kind::Ocr {
        PAGES.map(|(dot, lines)| page(dot, lines)).into()
    } else {
        PICTURES.map(|(width, height)| picture(width, height)).into()
    }
}

/// Items from files: a picture each, or texts, a line each.
pub fn read_samples(files: &[PathBuf]) -> Result<Vec<Sample>, CheckError> {
    let read = |file: &PathBuf| {
        let bytes =
            std::fs::read(file).map_err(|source| CheckError::Sample { file: file.clone(), source })?;
        Ok(of_file(file, bytes))
    };
    Ok(files.iter().map(read).collect::<Result<Vec<_>, CheckError>>()?.concat())
}

/// Parameters without which the model's kind takes nothing.
pub(super) fn params(model: &ModelFiles) -> Params {
    let (kind, mut params) = (model.card.kind, Object::new());
    if let Some(name) = kind.needs(&Input::Text(String::new())) {
        let labels = || json!(["travel", "sport", "weather"]);
        let value = if kind == Kind::ZeroShotClassification { labels() } else { json!("What happened?") };
        params.insert(name.to_owned(), value);
    }
    Params::parse(kind, &params).expect("every kind has parameters that suit it")
}

/// Runs the first sample of a model's kind, for what that makes ready; its answer is nobody's.
pub(crate) fn run_first<P: Pipeline>(model: &ModelFiles, engine: &mut P::Engine) -> Result<(), Failure> {
    let pipeline =
        P::read(model).map_err(|error| Failure::transient(FailureCode::ModelUnavailable, error))?;
    let Some(sample) = samples(model.card.kind).into_iter().next() else { return Ok(()) };
    let prepared = pipeline.prepare(sample.material, params(model))?;
    P::run(engine, &pipeline.collate(&[&prepared])?).map(drop)
}

fn of_file(file: &Path, bytes: Vec<u8>) -> Vec<Sample> {
    if Picture::sniff(&bytes, u64::MAX).is_ok() {
        return vec![Sample { name: file.display().to_string(), material: Material::Image(bytes.into()) }];
    }
    let words = String::from_utf8_lossy(&bytes);
    words.lines().filter(|line| !line.trim().is_empty()).map(text).collect()
}

fn text(words: &str) -> Sample {
    Sample { name: words.to_owned(), material: Material::Text(words.to_owned()) }
}

/// Colours that run across and down, with a disc in the middle: not flat, and the same everywhere.
fn picture(width: u32, height: u32) -> Sample {
    let drawn = RgbImage::from_fn(width, height, |x, y| {
        let shade = |place: u32, of: u32| u8::try_from(place * 255 / of).unwrap_or(u8::MAX);
        let away = (x.abs_diff(width / 2)).pow(2) + (y.abs_diff(height / 2)).pow(2);
        let in_disc = away < (width.min(height) / 4).pow(2);
        if in_disc { Rgb([250, 240, 200]) } else { Rgb([shade(x, width), shade(y, height), 120]) }
    });
    drawn_as(format!("a drawn picture of {width} × {height}"), &drawn)
}

/// The word in dark on light, a few times one below the other.
fn page(dot: u32, lines: u32) -> Sample {
    const MARGIN: u32 = 4;
    let (width, height) = (34 + 2 * MARGIN, 9 * lines + MARGIN);
    let is_dark = |x: u32, y: u32| {
        let (Some(column), Some(row)) = (x.checked_sub(MARGIN), y.checked_sub(MARGIN)) else { return false };
        let row = WORD.get(row as usize % 9);
        row.is_some_and(|row| row.as_bytes().get(column as usize) == Some(&b'#'))
    };
    let drawn = RgbImage::from_fn(width * dot, height * dot, |x, y| {
        Rgb([if is_dark(x / dot, y / dot) { 30 } else { 250 }; 3])
    });
    drawn_as(format!("a page with {lines} lines of print, {} pixels high", 5 * dot), &drawn)
}

fn drawn_as(name: String, drawn: &RgbImage) -> Sample {
    let mut file = Cursor::new(Vec::new());
    drawn.write_to(&mut file, ImageFormat::Png).expect("a picture can be written to memory");
    Sample { name, material: Material::Image(file.into_inner().into()) }
}
