//! The session that draws: whole pictures where the graph takes any size, tiles where it does not.

use forebay_shared::job::{Failure, FailureCode};
use ndarray::ArrayView1;
use ort::value::TensorRef;
use serde_json::Value;

use super::tiles::{Blend, Cuts, Planes};
use crate::model::{ModelError, ModelFiles, Session, optional_json};

/// Pixels of a picture that a model takes as a whole, at most: each may need hundreds of bytes while it runs.
const WHOLE: usize = 4 << 20;
/// What two tiles share unless the manifest says otherwise.
const OVERLAP: u32 = 16;

/// A session on a model that draws.
#[derive(Debug)]
pub struct Painter {
    session: Session,
    picture: String,
    /// The input that styles are named with, and how many there are.
    style: Option<(String, usize)>,
    /// Width and height of a tile, where pictures are cut into some.
    tile: Option<(usize, usize)>,
    overlap: usize,
    /// What both sides of a whole picture are brought to a multiple of.
    multiple: usize,
    max_pixels: u64,
}

impl Painter {
    /// Takes a session that gets a picture, and maybe weights of styles, and nothing else.
    pub fn new(session: Session, model: &ModelFiles) -> Result<Self, ModelError> {
        let content = |message| ModelError::Content { file: model.onnx.clone(), message };
        let (mut picture, mut style) = (None, None);
        for input in session.inputs() {
            let shape: Vec<i64> =
                input.dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default();
            match shape[..] {
                [batch, 3, height, width] if batch <= 1 && picture.is_none() => {
                    picture = Some((input.name().to_owned(), (side(width), side(height))));
                }
                [styles] if styles > 0 && style.is_none() => {
                    style = side(styles).map(|styles| (input.name().to_owned(), styles));
                }
                _ => {
                    return Err(content(format!(
                        "its input `{}` of shape {shape:?} is neither a picture [1, 3, height, width] nor the weights of \
                         styles [count]",
                        input.name()
                    )));
                }
            }
        }
        let Some((picture, sides)) = picture else {
            return Err(content("it has no input for a picture, [1, 3, height, width]".to_owned()));
        };
        let image = &model.manifest.image;
        let tile = match (sides, image.tile) {
            ((Some(width), Some(height)), _) => Some((width, height)),
            ((None, None), tile) => tile.map(|tile| (tile as usize, tile as usize)),
            _ => return Err(content("only one side of its picture is fixed".to_owned())),
        };
        let stated = optional_json(&model.root.join("preprocessor_config.json"))?;
        let multiple = image.multiple.map(u64::from).or(stated.get("size_divisor").and_then(Value::as_u64));
        let multiple = usize::try_from(multiple.unwrap_or(1)).unwrap_or(1).max(1);
        let overlap = image.overlap.unwrap_or(OVERLAP) as usize;
        Ok(Self { session, picture, style, tile, overlap, multiple, max_pixels: model.max_pixels })
    }

    /// Draws a picture after this one.
    pub(super) fn paint(&mut self, planes: &Planes, style: Option<&[f32]>) -> Result<Planes, Failure> {
        match self.tile {
            None => self.whole(planes, style),
            Some((width, height)) => {
                let across = Cuts::of(planes.width, width, self.overlap);
                let down = Cuts::of(planes.height, height, self.overlap);
                self.tiled(planes, (&across, &down), style)
            }
        }
    }

    fn whole(&mut self, planes: &Planes, style: Option<&[f32]>) -> Result<Planes, Failure> {
        let (width, height) = (planes.width, planes.height);
        if width * height > WHOLE {
            let message =
                format!("the picture has {} pixels; this model takes at most {WHOLE}", width * height);
            return Err(Failure::permanent(FailureCode::ImageTooLarge, message));
        }
        let padded = [width, height].map(|length| length.div_ceil(self.multiple) * self.multiple);
        let made = self.run(&planes.corner(padded[0], padded[1]), style)?;
        let scale = self.scale(&made, (padded[0], padded[1]), (width, height))?;
        Ok(made.corner(width * scale, height * scale))
    }

    fn tiled(
        &mut self,
        planes: &Planes,
        (across, down): (&Cuts, &Cuts),
        style: Option<&[f32]>,
    ) -> Result<Planes, Failure> {
        let size = (planes.width, planes.height);
        let mut blend: Option<Blend> = None;
        for top in &down.starts {
            for left in &across.starts {
                let from = |start: usize, cuts: &Cuts| start.cast_signed() - cuts.overlap.cast_signed();
                let tile = planes.cut((from(*left, across), from(*top, down)), (across.tile, down.tile));
                let made = self.run(&tile, style)?;
                let scale = self.scale(&made, (across.tile, down.tile), size)?;
                blend.get_or_insert_with(|| Blend::new(size, (across, down), scale)).add(
                    &made,
                    (*left, across),
                    (*top, down),
                );
            }
        }
        Ok(blend.map(Blend::finish).unwrap_or_default())
    }

    /// How many times as large what was made is, and that the whole is not too large.
    fn scale(&self, made: &Planes, taken: (usize, usize), whole: (usize, usize)) -> Result<usize, Failure> {
        let scale = made.width / taken.0;
        if scale == 0 || (made.width, made.height) != (taken.0 * scale, taken.1 * scale) {
            let message = format!(
                "the model made {} × {} of {} × {}, which is no multiple",
                made.width, made.height, taken.0, taken.1
            );
            return Err(Failure::permanent(FailureCode::InferenceFailed, message));
        }
        let pixels = (whole.0 * scale) as u64 * (whole.1 * scale) as u64;
        if pixels > self.max_pixels {
            let message = format!("the result would have {pixels} pixels, the limit is {}", self.max_pixels);
            return Err(Failure::permanent(FailureCode::ImageTooLarge, message));
        }
        Ok(scale)
    }

    fn run(&mut self, planes: &Planes, style: Option<&[f32]>) -> Result<Planes, Failure> {
        let failed = |error: ort::Error| Failure::permanent(FailureCode::InferenceFailed, error);
        let shape = [1, 3, planes.height, planes.width];
        let picture = TensorRef::from_array_view((shape, planes.values.as_slice())).map_err(failed)?;
        let mut inputs = ort::inputs![self.picture.as_str() => picture];
        let mut weights = Vec::new();
        if let Some((name, count)) = &self.style {
            weights.extend_from_slice(style.unwrap_or_default());
            weights.resize(*count, 0.0);
            let value = TensorRef::from_array_view(ArrayView1::from(&weights)).map_err(failed)?;
            inputs.push((name.as_str().into(), value.into()));
        }
        let outputs = self.session.run(inputs).map_err(failed)?;
        let made = outputs[0].try_extract_array::<f32>().map_err(failed)?;
        match (made.shape(), made.as_slice()) {
            ([1, 3, height, width], Some(values)) => {
                Ok(Planes { width: *width, height: *height, values: values.to_vec() })
            }
            (shape, _) => Err(Failure::permanent(
                FailureCode::InferenceFailed,
                format!("the model's output has the shape {shape:?}, which is no picture"),
            )),
        }
    }
}

fn side(side: i64) -> Option<usize> {
    usize::try_from(side).ok().filter(|side| *side > 0)
}
