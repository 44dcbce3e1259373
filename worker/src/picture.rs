//! Pictures: from a file to what a model takes.
//!
//! Resizing equals Pillow's, byte for byte, and for large pictures within two steps, so the numbers are those that models are
//! trained and evaluated with.

mod blocks;
mod classes;
mod complete;
mod decode;
mod encode;
mod field;
mod frame;
mod plan;
mod preprocessor;
mod resample;
mod resize;
mod session;

pub use classes::argmax;
pub use decode::decode;
pub use encode::{Drawing, Encoding};
pub use field::Field;
pub use frame::Frame;
pub use plan::{Habits, PicturePlan};
pub(crate) use resample::{Filter, resize};
pub use session::{PictureBatch, PictureSession, Tensor};

/// A picture as a model takes it: channel after channel, row after row.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// Channel after channel, row after row.
    pub planes: Vec<f32>,
    /// Where the picture lies on it.
    pub frame: Frame,
}
