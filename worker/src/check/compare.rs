//! Whether a batch changes answers: each sample's answer alone against its answer among all of them.

use serde_json::Value;

use super::{Bench, Sample};
use crate::pipeline::{Answer, Pipeline};

/// What a number may move by when an item runs among others: sums in another order, and no more.
const TOLERANCE: f64 = 1e-3;

/// How answers differ that were made alone and in a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Difference {
    /// The model takes one item at a time only, so nothing was compared.
    Unbatched(String),
    /// Numbers move by so much at most.
    Numbers(f64),
    /// More than numbers: of this sample something else came out.
    Answers(String),
}

impl Difference {
    /// Whether the model may run in batches.
    pub(super) fn is_bearable(&self) -> bool {
        matches!(self, Self::Numbers(largest) if *largest <= TOLERANCE)
    }
}

/// Runs all samples as one batch and holds the answers against those that they got alone.
pub(super) fn batched<P: Pipeline>(bench: &mut Bench<P>, alone: &[(Sample, Answer)]) -> Difference {
    let samples: Vec<&Sample> = alone.iter().map(|(sample, _)| sample).collect();
    let together = match bench.answer(&samples) {
        Ok(together) => together,
        Err(failure) => return Difference::Unbatched(failure.message),
    };
    let mut largest: f64 = 0.0;
    for ((sample, alone), together) in alone.iter().zip(&together) {
        let same_media = alone.media.len() == together.media.len();
        match distance(&json(alone), &json(together)).filter(|_| same_media) {
            Some(distance) => largest = largest.max(distance),
            None => return Difference::Answers(sample.name.clone()),
        }
    }
    Difference::Numbers(largest)
}

fn json(answer: &Answer) -> Value {
    serde_json::to_value(&answer.output).unwrap_or_default()
}

/// The largest difference of numbers; `None`: something else differs.
fn distance(one: &Value, other: &Value) -> Option<f64> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Some((one.as_f64()? - other.as_f64()?).abs()),
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            largest(one.iter().zip(other).map(|(one, other)| distance(one, other)))
        }
        (Value::Object(one), Value::Object(other)) if one.len() == other.len() => {
            largest(one.iter().map(|(name, one)| distance(one, other.get(name)?)))
        }
        (one, other) => (one == other).then_some(0.0),
    }
}

fn largest(mut distances: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    distances.try_fold(0.0_f64, |largest, distance| Some(largest.max(distance?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_told_from_everything_else() {
        let one = json!({"labels": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.25}]});
        let near = json!({"labels": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.5}]});
        let other = json!({"labels": [{"label": "b", "score": 0.5}, {"label": "a", "score": 0.25}]});
        assert_eq!(distance(&one, &near), Some(0.25));
        assert_eq!(distance(&one, &other), None);
        assert_eq!(distance(&json!([1]), &json!([1, 2])), None);
        assert_eq!(distance(&json!({"a": 1}), &json!({"b": 1})), None);
    }

    #[test]
    fn only_small_differences_are_borne() {
        assert!(Difference::Numbers(1e-4).is_bearable());
        assert!(!Difference::Numbers(0.29).is_bearable());
        assert!(!Difference::Answers("hello".into()).is_bearable());
        assert!(!Difference::Unbatched("fixed".into()).is_bearable());
    }
}
