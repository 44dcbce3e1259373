//! What outputs are made of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token, as a model's tokenizer cut it. Places are counted in characters (Unicode code points) of the text with its prompt
/// before it; a token that is of no text has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Piece {
    /// Its number in the model's vocabulary.
    pub id: u32,
    /// The characters themselves; of one that is of no text its name.
    pub text: String,
    /// Whether it is of no text, but the model's own.
    pub special: bool,
    /// Where it begins.
    pub start: Option<u32>,
    /// Where it ends: the place behind its last character.
    pub stop: Option<u32>,
}

/// A label with its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    /// The label's name, from the model's files.
    pub label: String,
    /// 0…1, unless raw scores were asked for.
    pub score: f32,
}

/// A thing in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Detected {
    /// What it is, from the model's files.
    pub label: String,
    /// 0…1.
    pub score: f32,
    /// Where it is.
    #[serde(rename = "box")]
    pub bounds: BoundingBox,
    /// Points of it, where the model tells any: of a face the eyes, the nose and the corners of the mouth, from left to right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

/// A box in pixels of the picture, the right way up, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoundingBox {
    /// Its left edge.
    pub xmin: f32,
    /// Its upper edge.
    pub ymin: f32,
    /// Its right edge.
    pub xmax: f32,
    /// Its lower edge.
    pub ymax: f32,
}

/// A place on a picture, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// A line of print in a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextLine {
    /// What it says.
    pub text: String,
    /// How sure the model is of that, 0…1.
    pub score: f32,
    /// Where it is: the least upright box around its corners.
    #[serde(rename = "box")]
    pub bounds: BoundingBox,
    /// Its corners, clockwise from the upper left one, as the picture lies.
    #[schema(min_items = 4, max_items = 4)]
    pub corners: [Point; 4],
    /// Whether it stands on its head.
    pub turned: bool,
}

/// What of a picture is of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// The class's number, which is also its shade in the picture.
    pub id: u32,
    /// The class's name, from the model's files.
    pub label: String,
    /// How many pixels it has.
    pub pixels: u64,
    /// Which share of the picture that is, 0…1.
    pub share: f64,
}

/// A part of a text that got a label. Places are counted in characters (Unicode code points) of the text as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entity {
    /// The label of a token, as the model has it; with `aggregation_strategy` `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The label without its `B-` or `I-`; with every other strategy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_group: Option<String>,
    /// 0…1.
    pub score: f32,
    /// The characters themselves.
    pub word: String,
    /// Where it begins.
    pub start: u32,
    /// Where it ends: the place behind its last character.
    pub end: u32,
}
