//! What a model is tried on: items of its kind, or files that were named.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use forebay_shared::job::{
    Datatype, Failure, FailureCode, Input, Kind, Modality, Object, Params, Tensor, TensorBody, TensorSpec,
};
use forebay_shared::model::ModelCard;
use forebay_shared::picture::Picture;
use image::{ImageFormat, Rgb, RgbImage};
use serde::Deserialize;
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
/// What plain tensors are filled with, from 0: small numbers are good for most graphs.
const GUESSES: [u8; 3] = [2, 3, 7];

/// An item that a model is tried on.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is called: its words, its size or its file.
    pub name: String,
    pub(super) material: Material,
}

impl Sample {
    /// The same with a number in its words: no text of a batch is another's equal, which kinds that compare would run once.
    pub(super) fn numbered(&self, number: usize) -> Self {
        let material = match &self.material {
            Material::Text(words) => Material::Text(format!("{words} {number:03}")),
            material => material.clone(),
        };
        Self { name: self.name.clone(), material }
    }
}

/// Items for a model.
pub fn samples(card: &ModelCard) -> Vec<Sample> {
    if card.kind.takes(Modality::Text) {
        TEXTS.map(text).into()
    } else if card.kind == Kind::Ocr {
        PAGES.map(|(dot, lines)| page(dot, lines)).into()
    } else if card.kind == Kind::Tensor {
        GUESSES.map(|guess| tensors(&card.inputs, guess)).into()
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

pub(super) fn params(model: &ModelFiles) -> Params {
    let kind = model.card.kind;
    Params::parse(kind, &needed_params(kind)).expect("every kind has parameters that suit it")
}

/// Parameters without which a kind takes nothing, with values that suit any model.
pub fn needed_params(kind: Kind) -> Object {
    let mut params = Object::new();
    if let Some(name) = kind.needs(&Input::Text(String::new())) {
        let labels = || json!(["travel", "sport", "weather"]);
        let value = if kind == Kind::ZeroShotClassification { labels() } else { json!("What happened?") };
        params.insert(name.to_owned(), value);
    }
    params
}

/// Runs the first sample of a model's kind, for what that makes ready; its answer is nobody's.
pub(crate) fn run_first<P: Pipeline>(model: &ModelFiles, engine: &mut P::Engine) -> Result<(), Failure> {
    let pipeline =
        P::read(model).map_err(|error| Failure::transient(FailureCode::ModelUnavailable, error))?;
    let Some(sample) = samples(&model.card).into_iter().next() else { return Ok(()) };
    let prepared = pipeline.prepare(sample.material, params(model))?;
    P::run(engine, &pipeline.collate(&[&prepared])?).map(drop)
}

fn of_file(file: &Path, bytes: Vec<u8>) -> Vec<Sample> {
    if Picture::sniff(&bytes, u64::MAX).is_ok() {
        return vec![Sample { name: file.display().to_string(), material: Material::Image(bytes.into()) }];
    }
    let words = String::from_utf8_lossy(&bytes);
    let sample = |line: &str| listed(line).unwrap_or_else(|| text(line));
    words.lines().filter(|line| !line.trim().is_empty()).map(sample).collect()
}

/// Tensors as a submission has them: `{"tensors": […]}`.
fn listed(line: &str) -> Option<Sample> {
    #[derive(Deserialize)]
    struct Line {
        tensors: Vec<TensorBody>,
    }
    let line: Line = serde_json::from_str(line).ok()?;
    let tensors = Tensor::read_all(line.tensors).ok()?;
    let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    Some(Sample { name: format!("tensors {}", names.join(", ")), material: Material::Tensors(tensors) })
}

/// Tensors of the shapes that the graph tells, and of one element along an axis that it does not.
fn tensors(inputs: &[TensorSpec], guess: u8) -> Sample {
    let tensor = |input: &TensorSpec| {
        let axes = input.shape.iter().flatten();
        let shape: Vec<u64> = axes.map(|axis| u64::try_from(*axis).unwrap_or(1)).collect();
        let numbers = (0..shape.iter().product::<u64>()).map(|place| place % u64::from(guess));
        let data = match input.datatype {
            Datatype::Bytes => json!(numbers.map(|number| number.to_string()).collect::<Vec<_>>()),
            Datatype::Bool => json!(numbers.map(|number| number == 1).collect::<Vec<_>>()),
            _ => json!(numbers.collect::<Vec<_>>()),
        };
        let (name, datatype) = (&input.name, input.datatype);
        serde_json::from_value(json!({"name": name, "datatype": datatype, "shape": shape, "data": data}))
    };
    let tensors = inputs.iter().filter_map(|input| tensor(input).ok()).collect();
    Sample { name: format!("numbers below {guess}"), material: Material::Tensors(tensors) }
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
