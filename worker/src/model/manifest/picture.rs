//! What a manifest says of models that look at pictures.

use serde::Deserialize;
use serde_json::Value;

/// The grey that the YOLO family is trained to see around a picture.
const PAD: u8 = 114;

/// `[image]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageSection {
    /// What a picture is resized to, in the forms of `preprocessor_config.json`, over which it stands.
    pub size: Option<Value>,
    /// Whether the channels are blue, green, red.
    pub bgr: Option<bool>,
    /// Whether a picture keeps its shape, and where it lies then.
    pub letterbox: Option<Letterbox>,
    /// The shade of grey of what is left over.
    pub pad: u8,
    /// Whether a classifier's graph ends with its own softmax: its numbers are scores already.
    pub probabilities: bool,
    /// How the vectors of a picture's patches become one: `cls` or `mean`.
    pub pooling: Option<String>,
    /// Whether a picture's vector is brought to length one.
    pub normalize: bool,
    /// Both sides of the tiles that a picture is cut into, for models that draw. A graph of a fixed size says so itself.
    pub tile: Option<u32>,
    /// What two tiles share at least.
    pub overlap: Option<u32>,
    /// What both sides of a whole picture are brought to a multiple of, for models that draw.
    pub multiple: Option<u32>,
}

impl Default for ImageSection {
    fn default() -> Self {
        Self {
            size: None,
            bgr: None,
            letterbox: None,
            pad: PAD,
            probabilities: false,
            pooling: None,
            normalize: true,
            tile: None,
            overlap: None,
            multiple: None,
        }
    }
}

/// Where a picture lies that is smaller than what the model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letterbox {
    /// In the middle.
    Center,
    /// In the upper left corner.
    TopLeft,
}

/// `[detection]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionSection {
    /// How the outputs are read, where names and shapes do not tell.
    pub head: Option<DetectionHead>,
    /// How sure the model must be unless a client says so.
    pub threshold: Option<f32>,
    /// The overlap beyond which two boxes are one thing unless a client says so.
    pub iou_threshold: Option<f32>,
    /// Whether boxes of different labels can be one thing.
    pub class_agnostic: bool,
}

/// What a detector gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectionHead {
    /// `logits` and `pred_boxes`, for each query.
    Detr,
    /// A box in squares of a grid, how sure it is of anything, and of each label, in rows.
    Yolox,
    /// The same with the box in pixels, by its middle.
    Yolov5,
    /// The box in pixels and how sure it is of each label, in columns.
    Yolov8,
    /// Finished boxes: corners in pixels, score, label.
    EndToEnd,
    /// Maps of heat, sizes, shifts and points.
    Centerface,
}
