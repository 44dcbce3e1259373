//! YOLOv5 and YOLOv8: boxes by middle and sides, in pixels, with a score for each class.

use forebay_shared::job::Failure;

use super::{Found, likeliest, misshapen};
use crate::picture::Tensor;

/// YOLOv5's rows: a box, how sure it is of anything, and of each class.
pub(super) fn rows(outputs: &[Tensor], threshold: f32) -> Result<Vec<Found>, Failure> {
    let Some(Tensor { shape, values, .. }) = outputs.first() else {
        return Err(misshapen("yolov5", outputs));
    };
    let &[_, columns @ 6..=usize::MAX] = &shape[..] else { return Err(misshapen("yolov5", outputs)) };
    let found = values.chunks_exact(columns).filter_map(|row| {
        let (class, chance) = likeliest(row[5..].iter().copied())?;
        let score = row[4] * chance;
        (score > threshold).then(|| Found::around([row[0], row[1], row[2], row[3]], class, score))
    });
    Ok(found.collect())
}

/// YOLOv8's columns: a box, and how sure it is of each class.
pub(super) fn columns(outputs: &[Tensor], threshold: f32) -> Result<Vec<Found>, Failure> {
    let Some(Tensor { shape, values, .. }) = outputs.first() else {
        return Err(misshapen("yolov8", outputs));
    };
    let &[rows @ 5..=usize::MAX, boxes] = &shape[..] else { return Err(misshapen("yolov8", outputs)) };
    let found = (0..boxes).filter_map(|column| {
        let value = |row: usize| values[row * boxes + column];
        let (class, score) = likeliest((4..rows).map(value))?;
        (score > threshold).then(|| Found::around([value(0), value(1), value(2), value(3)], class, score))
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(shape: [usize; 2], values: &[f32]) -> Vec<Tensor> {
        vec![Tensor { name: "output0".to_owned(), shape: shape.to_vec(), values: values.to_vec() }]
    }

    #[test]
    fn a_rows_score_is_that_of_anything_times_that_of_the_class() {
        let values = [10.0, 20.0, 4.0, 6.0, 0.5, 0.2, 0.9, 10.0, 20.0, 4.0, 6.0, 0.1, 0.9, 0.9];
        let found = rows(&output([2, 7], &values), 0.25).unwrap();
        assert_eq!(found, [Found::around([10.0, 20.0, 4.0, 6.0], 1, 0.45)]);
        assert_eq!((found.len(), found[0].corners), (1, [8.0, 17.0, 12.0, 23.0]));
    }

    #[test]
    fn a_column_has_no_score_of_anything() {
        // Two boxes, three classes: across, down, width, height, then the classes.
        let values = [1.0, 10.0, 1.0, 20.0, 2.0, 4.0, 2.0, 6.0, 0.1, 0.2, 0.1, 0.8, 0.0, 0.3];
        let found = columns(&output([7, 2], &values), 0.5).unwrap();
        assert_eq!(found, [Found::around([10.0, 20.0, 4.0, 6.0], 1, 0.8)]);
    }

    #[test]
    fn too_few_numbers_are_no_box() {
        assert!(rows(&output([1, 5], &[0.0; 5]), 0.5).is_err());
        assert!(columns(&output([4, 1], &[0.0; 4]), 0.5).is_err());
    }
}
