//! The three graphs of a model that reads: one finds lines, one tells what stands on its head, one reads.

use std::path::PathBuf;
use std::sync::Arc;

use forebay_shared::job::{Failure, FailureCode};
use image::RgbImage;

use super::alphabet::{Step, likeliest};
use super::cut::cut;
use super::outline::{Outline, outlines};
use super::strip::Strip;
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::picture::{Field, PictureBatch, PictureSession, Tensor};

/// Columns of all lines of one run: eight short lines, or one long one. More would gain nothing on a processor, and what is
/// said of each character at every step is 6 MB for these.
const COLUMNS: u32 = 2560;
/// How sure the model must be that a line stands on its head, as PaddleOCR has it.
const TURNED: f32 = 0.9;

/// Sessions on the graphs.
#[derive(Debug)]
pub struct Reader {
    detect: PictureSession,
    orient: Option<PictureSession>,
    recognize: PictureSession,
}

/// Pages as they are found, and read, together.
#[derive(Debug)]
pub struct Pages {
    /// As the graph takes them that finds lines.
    pub batch: PictureBatch,
    /// The pages themselves.
    pub pages: Vec<Page>,
}

/// A picture, and what is wanted of it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The picture, of which lines are cut.
    pub picture: Arc<RgbImage>,
    /// How sure the model must be that there is a line.
    pub threshold: f32,
    /// Whether lines are looked at that may stand on their head.
    pub orient: bool,
    /// Lines that are read at most.
    pub most: usize,
}

/// What the graphs say of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// How likely each pixel is of a line.
    pub map: Field,
    /// Lines in reading order.
    pub lines: Vec<SaidLine>,
}

/// What they say of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct SaidLine {
    /// Where it is.
    pub outline: Outline,
    /// Whether it stood on its head.
    pub turned: bool,
    /// The likeliest class of every step.
    pub steps: Vec<Step>,
}

/// A line on its way.
struct Line {
    outline: Outline,
    /// What tells whether it stands on its head, where that is asked.
    to_turn: Option<Strip>,
    to_read: Strip,
    turned: bool,
}

impl Reader {
    /// Opens all graphs that the model has.
    pub fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<Self, ModelError> {
        let parts = model.manifest.ocr.parts(&model.root);
        let open = |file: PathBuf| PictureSession::new(model.open_file(runtime, &file)?, file);
        Ok(Self {
            detect: open(model.onnx.clone())?,
            orient: parts.orient.map(open).transpose()?,
            recognize: open(parts.recognize)?,
        })
    }

    /// Finds lines and reads them. Those of all pages are read together.
    pub fn read(&mut self, pages: &Pages) -> Result<Vec<Said>, Failure> {
        let maps =
            self.detect.run(&pages.batch)?.into_iter().map(Field::of).collect::<Result<Vec<_>, _>>()?;
        let mut lines: Vec<Line> = Vec::new();
        let mut counts = Vec::with_capacity(maps.len());
        for (map, page) in maps.iter().zip(&pages.pages) {
            let found = outlines(map, page.picture.dimensions(), page.threshold, page.most);
            counts.push(found.len());
            let orients = page.orient && self.orient.is_some();
            lines.extend(found.into_iter().map(|outline| Line::cut(&page.picture, outline, orients)));
        }
        self.turn(&mut lines)?;
        let mut said = self.say(lines)?.into_iter();
        let of_page = |(map, count)| Said { map, lines: said.by_ref().take(count).collect() };
        Ok(maps.into_iter().zip(counts).map(of_page).collect())
    }

    /// Turns what stands on its head.
    fn turn(&mut self, lines: &mut [Line]) -> Result<(), Failure> {
        let Some(session) = &mut self.orient else { return Ok(()) };
        let mut asked: Vec<&mut Line> = lines.iter_mut().filter(|line| line.to_turn.is_some()).collect();
        let strips: Vec<Strip> = asked.iter_mut().filter_map(|line| line.to_turn.take()).collect();
        let told = run(session, &strips, |output| match output.values[..] {
            [upright, turned] => Ok(turned > upright && turned > TURNED),
            _ => Err(shape("two numbers for a line", &output)),
        })?;
        for (line, turned) in asked.into_iter().zip(told) {
            line.turned = turned;
            if turned {
                line.to_read.turn();
            }
        }
        Ok(())
    }

    /// What the lines say, in their order.
    fn say(&mut self, lines: Vec<Line>) -> Result<Vec<SaidLine>, Failure> {
        let (strips, known): (Vec<Strip>, Vec<_>) =
            lines.into_iter().map(|line| (line.to_read, (line.outline, line.turned))).unzip();
        let steps = run(&mut self.recognize, &strips, |output| match output.shape[..] {
            [_, classes] if classes > 0 => Ok(likeliest(&output.values, classes)),
            _ => Err(shape("a number for each character at each step", &output)),
        })?;
        let said = known.into_iter().zip(steps);
        Ok(said.map(|((outline, turned), steps)| SaidLine { outline, turned, steps }).collect())
    }
}

impl Line {
    /// Cuts a line and keeps what the graphs take of it, so that no two are in memory at their full size.
    fn cut(picture: &RgbImage, outline: Outline, orients: bool) -> Self {
        let line = cut(picture, &outline);
        let to_turn = orients.then(|| Strip::to_turn(&line));
        Self { outline, to_turn, to_read: Strip::to_read(&line), turned: false }
    }
}

/// Runs strips, those of a width together as far as they fit, and makes something of each one's first output; in order.
fn run<T>(
    session: &mut PictureSession,
    strips: &[Strip],
    mut read: impl FnMut(Tensor) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut places: Vec<usize> = (0..strips.len()).collect();
    places.sort_by_key(|place| strips[*place].width());
    let mut made: Vec<(usize, T)> = Vec::with_capacity(strips.len());
    for alike in places.chunk_by(|one, other| strips[*one].width() == strips[*other].width()) {
        let at_once = (COLUMNS / strips[alike[0]].width()).max(1) as usize;
        for together in alike.chunks(at_once) {
            let pixels: Vec<_> = together.iter().map(|place| strips[*place].pixels()).collect();
            let outputs = session.run(&PictureBatch::collate(pixels.iter())?)?;
            for (place, outputs) in together.iter().zip(outputs) {
                let first = outputs.into_iter().next();
                let none = || Failure::permanent(FailureCode::InferenceFailed, "the model gave no numbers");
                made.push((*place, read(first.ok_or_else(none)?)?));
            }
        }
    }
    made.sort_by_key(|(place, _)| *place);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}

fn shape(wanted: &str, output: &Tensor) -> Failure {
    let message =
        format!("the output `{}` has the shape {:?}, which is not {wanted}", output.name, output.shape);
    Failure::permanent(FailureCode::InferenceFailed, message)
}
