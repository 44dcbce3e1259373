//! CenterFace: a heat map of faces, with size, place and five points of each.

use forebay_shared::job::Failure;

use super::{Found, misshapen};
use crate::picture::Tensor;

/// Pixels of a square of the heat map.
const STRIDE: f32 = 4.0;
/// Eyes, nose, corners of the mouth.
const POINTS: usize = 5;
/// Planes of heat map, scale, offset and landmarks, in the order in which the graph tells them.
const PLANES: [usize; 4] = [1, 2, 2, 2 * POINTS];

/// Whether the outputs are four maps of one size with so many planes.
pub(super) fn fits(outputs: &[Tensor]) -> bool {
    maps(outputs).is_some()
}

fn maps(outputs: &[Tensor]) -> Option<(usize, usize)> {
    let &[_, rows, columns] = &outputs.first()?.shape[..] else { return None };
    let fits = outputs.len() == PLANES.len()
        && outputs.iter().zip(PLANES).all(|(output, planes)| output.shape == [planes, rows, columns]);
    fits.then_some((rows, columns))
}

/// Faces above the threshold. Rows come before columns throughout: heights before widths, down before across. What would
/// begin outside of the picture begins at its edge, and keeps its size, as the authors have it.
#[expect(clippy::cast_precision_loss, reason = "a map has far fewer than 2²⁴ squares along an edge")]
pub(super) fn read(
    outputs: &[Tensor],
    (width, height): (f32, f32),
    threshold: f32,
) -> Result<Vec<Found>, Failure> {
    let Some((rows, columns)) = maps(outputs) else { return Err(misshapen("centerface", outputs)) };
    let area = rows * columns;
    let plane = |output: usize, plane: usize, place: usize| outputs[output].values[plane * area + place];
    let hot = (0..area).filter(|place| plane(0, 0, *place) > threshold);
    let found = hot.map(|place| {
        let (row, column) = ((place / columns) as f32, (place % columns) as f32);
        let [high, wide] = [0, 1].map(|axis| plane(1, axis, place).exp() * STRIDE);
        let [down, across] = [0, 1].map(|axis| plane(2, axis, place));
        let left = ((column + across + 0.5) * STRIDE - wide / 2.0).clamp(0.0, width);
        let top = ((row + down + 0.5) * STRIDE - high / 2.0).clamp(0.0, height);
        let point = |number: usize| {
            let (down, across) = (plane(3, 2 * number, place), plane(3, 2 * number + 1, place));
            [left + across * wide, top + down * high]
        };
        Found {
            class: 0,
            score: plane(0, 0, place),
            corners: [left, top, (left + wide).min(width), (top + high).min(height)],
            points: (0..POINTS).map(point).collect(),
        }
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_square_is_a_face_with_its_points() {
        let map = |planes: usize, values: &[(usize, f32)]| {
            let mut tensor =
                Tensor { name: String::new(), shape: vec![planes, 4, 4], values: vec![0.0; planes * 16] };
            for (plane, value) in values {
                tensor.values[plane * 16 + 9] = *value;
            }
            tensor
        };
        // The second square of the third row; four squares high, two wide; the nose in the middle.
        let outputs = [
            map(1, &[(0, 0.8)]),
            map(2, &[(0, 2.0_f32.ln()), (1, 1.0_f32.ln())]),
            map(2, &[(0, -0.5), (1, 0.5)]),
            map(10, &[(4, 0.5), (5, 0.5)]),
        ];
        assert!(fits(&outputs));
        let found = read(&outputs, (16.0, 16.0), 0.5).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].class, found[0].corners), (0, [6.0, 4.0, 10.0, 12.0]));
        assert_eq!((found[0].points[0], found[0].points[2]), ([6.0, 4.0], [8.0, 8.0]));
    }

    #[test]
    fn other_maps_are_refused() {
        let map = Tensor { name: "heatmap".to_owned(), shape: vec![1, 2, 2], values: vec![0.0; 4] };
        assert!(read(&[map], (8.0, 8.0), 0.5).is_err());
    }
}
