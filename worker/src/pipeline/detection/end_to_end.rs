//! Heads that tell finished boxes: left, top, right, bottom in pixels, score, class.

use forebay_shared::job::Failure;

use super::{Found, misshapen};
use crate::picture::Tensor;

/// Things above the threshold.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a class is a small number, and what is below zero is told apart"
)]
pub(super) fn read(outputs: &[Tensor], threshold: f32) -> Result<Vec<Found>, Failure> {
    let Some(Tensor { shape, values, .. }) = outputs.first() else {
        return Err(misshapen("end_to_end", outputs));
    };
    if !matches!(shape[..], [_, 6]) {
        return Err(misshapen("end_to_end", outputs));
    }
    // Rows without a thing have a class of −1, a score of 0, or both.
    let things = values.chunks_exact(6).filter(|row| row[4] > threshold && row[5] >= 0.0);
    let found = things.map(|row| Found {
        class: row[5].round() as usize,
        score: row[4],
        corners: [row[0], row[1], row[2], row[3]],
        points: Vec::new(),
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_without_a_thing_are_left_out() {
        let values = vec![
            1.0, 2.0, 3.0, 4.0, 0.9, 7.0, //
            1.0, 2.0, 3.0, 4.0, 0.1, 7.0, //
            0.0, 0.0, 0.0, 0.0, 0.9, -1.0,
        ];
        let output = Tensor { name: "detections".to_owned(), shape: vec![3, 6], values };
        let found = read(&[output], 0.5).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].corners), (7, [1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn another_shape_is_refused() {
        let output = Tensor { name: "o".to_owned(), shape: vec![1, 7], values: vec![0.0; 7] };
        assert!(read(&[output], 0.5).is_err());
    }
}
