//! Boxes around things: from what a detector's head gives to places on the picture.

mod centerface;
mod detr;
mod end_to_end;
mod head;
mod overlap;
mod yolo;
mod yolox;

pub(super) use head::Head;
pub(super) use overlap::Suppression;

use forebay_shared::job::{Failure, FailureCode};

use crate::picture::Tensor;

/// A thing as a head tells it, in pixels of what the model sees.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// The number of its label.
    pub(super) class: usize,
    /// How sure the model is.
    pub(super) score: f32,
    /// Left, top, right, bottom.
    pub(super) corners: [f32; 4],
    /// Points of it, across and down: eyes, nose and corners of the mouth of a face.
    pub(super) points: Vec<[f32; 2]>,
}

impl Found {
    /// A thing by its middle and its width and height.
    fn around([x, y, width, height]: [f32; 4], class: usize, score: f32) -> Self {
        let corners = [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0];
        Self { class, score, corners, points: Vec::new() }
    }
}

/// The class with the highest score, the first of equals.
fn likeliest(scores: impl Iterator<Item = f32>) -> Option<(usize, f32)> {
    scores.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// What the model gave is not what its head gives.
fn misshapen(head: &str, outputs: &[Tensor]) -> Failure {
    let shapes: Vec<String> =
        outputs.iter().map(|output| format!("{} {:?}", output.name, output.shape)).collect();
    let message = format!("the outputs {} are not those of a {head} head", shapes.join(", "));
    Failure::permanent(FailureCode::InferenceFailed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_likeliest() {
        assert_eq!(likeliest([0.1, 0.7, 0.7].into_iter()), Some((1, 0.7)));
        assert_eq!(likeliest(std::iter::empty()), None);
    }
}
