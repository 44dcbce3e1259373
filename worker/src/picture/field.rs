//! Fields of numbers over a picture, such as masks: brought to the picture's size.

use forebay_shared::job::{Failure, FailureCode};

use super::Tensor;

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

    /// Resizes bilinearly as Pillow does, with every number having its part where the field becomes smaller, and hands the
    /// rows over one by one, so that nobody needs all of them at once.
    pub fn resized(&self, width: u32, height: u32, mut row: impl FnMut(usize, &[f32])) {
        let across = windows(self.width, width as usize);
        let mut narrowed = Vec::with_capacity(self.height * across.len());
        for old in self.values.chunks_exact(self.width) {
            narrowed.extend(across.iter().map(|window| {
                old[window.first..]
                    .iter()
                    .zip(&window.weights)
                    .map(|(value, weight)| value * weight)
                    .sum::<f32>()
            }));
        }
        let mut new = vec![0.0; across.len()];
        for (place, window) in windows(self.height, height as usize).iter().enumerate() {
            new.fill(0.0);
            let lines = narrowed[window.first * across.len()..].chunks_exact(across.len());
            for (line, weight) in lines.zip(&window.weights) {
                for (sum, value) in new.iter_mut().zip(line) {
                    *sum += value * weight;
                }
            }
            row(place, &new);
        }
    }

    /// Resizes bilinearly to bytes: 0…1 becomes 0…255.
    pub fn bytes(&self, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(width as usize * height as usize);
        self.resized(width, height, |_, row| bytes.extend(row.iter().map(|value| byte(*value))));
        bytes
    }
}

/// 0…1 as 0…255.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
pub fn byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// The window of each new place along one edge.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the bounds lie within the field, and weights are as exact as what they weigh"
)]
fn windows(old: usize, new: usize) -> Vec<Window> {
    let scale = old as f64 / new as f64;
    let support = scale.max(1.0);
    let window = |place: usize| {
        let center = (place as f64 + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(old);
        let distance = |other: usize| ((other as f64 - center + 0.5) / support).abs();
        let weights: Vec<f64> = (first..end).map(|other| (1.0 - distance(other)).max(0.0)).collect();
        let sum: f64 = weights.iter().sum();
        Window { first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
    };
    (0..new).map(window).collect()
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
            field().resized(width, height, |place, row| {
                assert_eq!(place * width as usize, resized.len());
                resized.extend_from_slice(row);
            });
            assert_eq!(resized.len(), (width * height) as usize);
            assert!(resized.iter().zip(first).all(|(got, wanted): (&f32, f32)| (got - wanted).abs() < 1e-5));
            assert!((resized.iter().sum::<f32>() - sum).abs() < 1e-4);
        }
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
