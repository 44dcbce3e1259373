//! Fields of numbers over a picture, such as masks: brought to the picture's size.

use forebay_shared::job::{Failure, FailureCode};

use super::Tensor;
use super::blocks::blocks;

/// A number for each pixel of a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// How many in a row.
    pub width: usize,
    /// How many rows.
    pub height: usize,
    /// Row after row.
    pub values: Vec<f32>,
}

/// Which numbers make one new number, and with which weights.
struct Window {
    first: usize,
    weights: Vec<f32>,
}

impl Field {
    /// The first output of one picture: a number for each place.
    pub fn of(outputs: Vec<Tensor>) -> Result<Self, Failure> {
        let first = outputs.into_iter().next();
        match first.as_ref().map_or(&[][..], |tensor| &tensor.shape) {
            [1, height, width] | [height, width] | [height, width, 1] => {
                let (width, height) = (*width, *height);
                Ok(Self { width, height, values: first.map_or_else(Vec::new, |tensor| tensor.values) })
            }
            shape => Err(Failure::permanent(
                FailureCode::InferenceFailed,
                format!("the model's output has the shape {shape:?}, which is no mask"),
            )),
        }
    }

    /// Resizes bilinearly as Pillow does, with every number having its part where the field becomes smaller, and hands over
    /// parts of rows, each with its place. Nothing that grows with the new size is held.
    pub fn resized(&self, width: u32, height: u32, mut part: impl FnMut(usize, &[f32])) {
        let (mut line, mut new) = (vec![0.0; self.width], Vec::new());
        for columns in blocks(width) {
            let across: Vec<Window> =
                columns.clone().map(|column| Window::of(self.width, width, column)).collect();
            for row in 0..height {
                let down = Window::of(self.height, height, row);
                line.fill(0.0);
                let lines = self.values[down.first * self.width..].chunks_exact(self.width);
                for (values, weight) in lines.zip(&down.weights) {
                    for (sum, value) in line.iter_mut().zip(values) {
                        *sum += value * weight;
                    }
                }
                new.clear();
                new.extend(across.iter().map(|window| window.sum(&line)));
                part(row as usize * width as usize + columns.start as usize, &new);
            }
        }
    }

    /// Resizes bilinearly to bytes: 0…1 becomes 0…255.
    pub fn bytes(&self, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = vec![0; width as usize * height as usize];
        self.resized(width, height, |place, values| {
            for (new, value) in bytes[place..].iter_mut().zip(values) {
                *new = byte(*value);
            }
        });
        bytes
    }
}

/// 0…1 as 0…255.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
pub fn byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

impl Window {
    /// The window of a new place along one edge.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bounds lie within the field, and weights are as exact as what they weigh"
    )]
    fn of(old: usize, new: u32, place: u32) -> Self {
        let scale = old as f64 / f64::from(new);
        let support = scale.max(1.0);
        let center = (f64::from(place) + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(old);
        let distance = |other: usize| ((other as f64 - center + 0.5) / support).abs();
        let weights: Vec<f64> = (first..end).map(|other| (1.0 - distance(other)).max(0.0)).collect();
        let sum: f64 = weights.iter().sum();
        Self { first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
    }

    /// The new number, of the old ones along the edge.
    fn sum(&self, line: &[f32]) -> f32 {
        line[self.first..].iter().zip(&self.weights).map(|(value, weight)| value * weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field() -> Field {
        let value = |place: usize| {
            let (x, y) = (place % 7, place / 7);
            x as f32 * 0.1 + y as f32 * 0.05 + ((x * y) % 3) as f32 * 0.2
        };
        Field { width: 7, height: 5, values: (0..35).map(value).collect() }
    }

    #[test]
    fn a_field_is_resized_as_pillow_does_it() {
        // By Pillow 13.0.0, of a picture of mode F: the first six numbers, and the sum.
        let expected = [
            ((3, 2), [0.25455, 0.4623, 0.69091, 0.34675, 0.55428, 0.78117], 3.08995),
            ((11, 8), [0.0, 0.04545, 0.10909, 0.17273, 0.23636, 0.3], 44.00909),
        ];
        for ((width, height), first, sum) in expected {
            let mut resized = Vec::new();
            field().resized(width, height, |place, part| {
                assert_eq!(place, resized.len());
                resized.extend_from_slice(part);
            });
            assert_eq!(resized.len(), (width * height) as usize);
            assert!(resized.iter().zip(first).all(|(got, wanted): (&f32, f32)| (got - wanted).abs() < 1e-5));
            assert!((resized.iter().sum::<f32>() - sum).abs() < 1e-4);
        }
    }

    #[test]
    fn a_wide_flat_picture_gets_its_field_in_parts() {
        let (width, field) = (200_000, Field { width: 2, height: 64, values: [0.0, 1.0].repeat(64) });
        let mut longest = 0;
        field.resized(width, 2, |_, part| longest = longest.max(part.len()));
        assert_eq!(longest, 65_536);
        let bytes = field.bytes(width, 2);
        let (first, second) = bytes.split_at(width as usize);
        assert_eq!(first, second);
        assert!(first.is_sorted() && first[50_000] == 0 && first[150_000] == 255);
        assert_eq!((first[99_999], first[100_000], first[125_000]), (127, 128, 191));
    }

    #[test]
    fn what_lies_outside_is_cut() {
        let field = Field { width: 2, height: 2, values: vec![-0.5, 0.5, 1.0, 7.0] };
        assert_eq!(field.bytes(2, 2), [0, 128, 255, 255]);
    }

    #[test]
    fn an_output_that_is_no_mask_is_named() {
        let tensor = |shape: &[usize]| {
            vec![Tensor {
                name: "mask".into(),
                shape: shape.to_vec(),
                values: vec![0.5; shape.iter().product()],
            }]
        };
        assert_eq!(
            Field::of(tensor(&[1, 2, 3])).unwrap(),
            Field { width: 3, height: 2, values: vec![0.5; 6] }
        );
        assert!(Field::of(tensor(&[7])).unwrap_err().message.contains("[7], which is no mask"));
    }
}
