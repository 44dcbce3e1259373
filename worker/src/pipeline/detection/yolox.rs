//! YOLOX: boxes in squares of a grid, three grids one after the other.

use forebay_shared::job::Failure;

use super::{Found, likeliest, misshapen};
use crate::picture::Tensor;

/// Pixels of a square, by grid.
const STRIDES: [usize; 3] = [8, 16, 32];

/// How many squares the grids of a canvas have.
pub(super) fn squares((width, height): (u32, u32)) -> usize {
    STRIDES.iter().map(|stride| (width as usize / stride) * (height as usize / stride)).sum()
}

/// Things above the threshold, in pixels. A row holds where a box's middle lies from its square's corner, the logarithms of
/// its sides, both in squares; how sure it is of anything, and of each class.
#[expect(clippy::cast_precision_loss, reason = "a grid has far fewer than 2²⁴ squares along an edge")]
pub(super) fn read(outputs: &[Tensor], canvas: (u32, u32), threshold: f32) -> Result<Vec<Found>, Failure> {
    let Some(Tensor { shape, values, .. }) = outputs.first() else {
        return Err(misshapen("yolox", outputs));
    };
    let &[rows, columns @ 6..=usize::MAX] = &shape[..] else { return Err(misshapen("yolox", outputs)) };
    if rows != squares(canvas) {
        return Err(misshapen("yolox", outputs));
    }
    let found = values.chunks_exact(columns).zip(corners(canvas)).filter_map(|(row, (x, y, stride))| {
        let (class, chance) = likeliest(row[5..].iter().copied())?;
        let score = row[4] * chance;
        let stride = stride as f32;
        let middle = [(row[0] + x as f32) * stride, (row[1] + y as f32) * stride];
        let sides = [row[2].exp() * stride, row[3].exp() * stride];
        (score > threshold).then(|| Found::around([middle[0], middle[1], sides[0], sides[1]], class, score))
    });
    Ok(found.collect())
}

/// Column, row and stride of every square, in the order in which they are told.
fn corners((width, height): (u32, u32)) -> impl Iterator<Item = (usize, usize, usize)> {
    STRIDES.into_iter().flat_map(move |stride| {
        let (across, down) = (width as usize / stride, height as usize / stride);
        (0..down).flat_map(move |row| (0..across).map(move |column| (column, row, stride)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_lies_where_its_square_is() {
        let canvas = (64, 32);
        assert_eq!(squares(canvas), 8 * 4 + 4 * 2 + 2);
        let mut values = vec![0.0; squares(canvas) * 7];
        // The sixth square of the second grid: the second column of its second row.
        let row = (32 + 5) * 7;
        values[row..row + 7].copy_from_slice(&[0.5, 0.25, 2.0_f32.ln(), 0.0, 0.5, 0.2, 0.9]);
        let output = Tensor { name: "output".to_owned(), shape: vec![squares(canvas), 7], values };
        let found = read(&[output], canvas, 0.25).unwrap();
        assert_eq!((found.len(), found[0].class), (1, 1));
        let wanted = [24.0 - 16.0, 20.0 - 8.0, 24.0 + 16.0, 20.0 + 8.0];
        assert!(found[0].corners.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-4));
    }

    #[test]
    fn a_grid_of_another_canvas_is_refused() {
        let output = Tensor { name: "output".to_owned(), shape: vec![3, 7], values: vec![0.0; 21] };
        assert!(read(&[output], (64, 64), 0.5).is_err());
    }
}
