//! Vectors in small integers, as sentence-transformers' `quantize_embeddings` makes them.

use forebay_shared::job::{Output, Precision};

/// The steps between −1 and 1. Its ranges are fixed, since a vector's neighbours must not change it; so they fit vectors of
/// length one, and what is outside of them becomes the nearest number inside.
const STEPS: f64 = 255.0;

/// The vector as it was asked for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "NumPy cuts off fractions too")]
pub(super) fn output(vector: Vec<f32>, precision: Precision, tokens: u32) -> Output {
    let embedding = match precision {
        Precision::Float32 => return Output::Embedding { embedding: vector, tokens },
        Precision::Int8 => vector.iter().map(|value| i16::from((step(*value) - 128.0) as i8)).collect(),
        Precision::Uint8 => vector.iter().map(|value| i16::from(step(*value) as u8)).collect(),
        Precision::Binary => bits(&vector).map(|byte| i16::from(byte) - 128).collect(),
        Precision::Ubinary => bits(&vector).map(i16::from).collect(),
    };
    Output::Quantized { embedding, precision, tokens }
}

fn step(value: f32) -> f64 {
    (f64::from(value) + 1.0) / (2.0 / STEPS)
}

/// A bit for each dimension, whether it is above zero; the first is the highest of its byte, and the last byte is filled
/// with zeros.
fn bits(vector: &[f32]) -> impl Iterator<Item = u8> {
    let bit = |(place, value): (usize, &f32)| u8::from(*value > 0.0) << (7 - place);
    vector.chunks(8).map(move |eight| eight.iter().enumerate().map(bit).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(vector: &[f32], precision: Precision) -> Vec<i16> {
        match output(vector.to_vec(), precision, 1) {
            Output::Quantized { embedding, .. } => embedding,
            other => panic!("{other:?} is not in integers"),
        }
    }

    #[test]
    fn bytes_are_those_of_sentence_transformers() {
        // NumPy: ((v - -1) / (2 / 255) - 128).astype(int8) and ((v - -1) / (2 / 255)).astype(uint8)
        let vector = [-1.0, -0.5, -0.001, 0.0, 0.001, 0.25, 1.0];
        assert_eq!(written(&vector, Precision::Int8), [-128, -64, 0, 0, 0, 31, 127]);
        assert_eq!(written(&vector, Precision::Uint8), [0, 63, 127, 127, 127, 159, 255]);
    }

    #[test]
    fn what_is_outside_becomes_the_nearest_inside() {
        assert_eq!(written(&[-7.0, 7.0], Precision::Int8), [-128, 127]);
        assert_eq!(written(&[-7.0, 7.0], Precision::Uint8), [0, 255]);
    }

    #[test]
    fn bits_are_packed_with_the_first_dimension_highest() {
        // NumPy: packbits(v > 0), less 128 for `binary`.
        let vector = [1.0, -1.0, 0.0, 1.0, 1.0, -1.0, -1.0, 1.0, 0.5];
        assert_eq!(written(&vector, Precision::Ubinary), [0b1001_1001, 0b1000_0000]);
        assert_eq!(written(&vector, Precision::Binary), [153 - 128, 0]);
    }
}
