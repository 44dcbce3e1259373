//! Scores of labels, best first: what all classifiers end with.

use forebay_shared::job::{FunctionToApply, Label, Output};

/// How raw scores become shares or chances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scoring {
    /// One label is right: the scores add up to one.
    Softmax,
    /// Each label is right or wrong by itself.
    Sigmoid,
    /// What the model gives is what is wanted.
    Raw,
}

impl Scoring {
    /// Several labels may be right if the model's files say so, or none, where numbers are what it gives; a single label
    /// stands or falls by itself.
    pub(super) fn of(config: &serde_json::Value, labels: usize) -> Self {
        let stated = config.get("problem_type").and_then(serde_json::Value::as_str);
        if stated == Some("regression") {
            Self::Raw
        } else if stated == Some("multi_label_classification") || labels == 1 {
            Self::Sigmoid
        } else {
            Self::Softmax
        }
    }

    /// What a client asks for.
    pub(super) fn asked(function: FunctionToApply) -> Self {
        match function {
            FunctionToApply::Softmax => Self::Softmax,
            FunctionToApply::Sigmoid => Self::Sigmoid,
            FunctionToApply::None => Self::Raw,
        }
    }

    fn scores(self, logits: &[f32]) -> Vec<f32> {
        match self {
            Self::Sigmoid => logits.iter().copied().map(sigmoid).collect(),
            Self::Softmax => softmax(logits),
            Self::Raw => logits.to_vec(),
        }
    }
}

/// A raw score as a chance.
pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Raw scores as shares.
pub(super) fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Scores with their places, best first; of equals the first one first.
pub(super) fn ranked(scores: Vec<f32>) -> Vec<(usize, f32)> {
    let mut ranked: Vec<(usize, f32)> = scores.into_iter().enumerate().collect();
    ranked
        .sort_by(|(place, score), (other_place, other)| other.total_cmp(score).then(place.cmp(other_place)));
    ranked
}

/// A label's name, or its number where it has none.
pub(super) fn name(names: &[String], index: usize) -> String {
    names.get(index).cloned().unwrap_or_else(|| format!("LABEL_{index}"))
}

/// The best `top` labels. A label without a name is called by its number.
pub(super) fn best(logits: &[f32], names: &[String], scoring: Scoring, top: usize) -> Output {
    let ranked = ranked(scoring.scores(logits)).into_iter().take(top);
    let labels = ranked.map(|(index, score)| Label { label: name(names, index), score });
    Output::Labels { labels: labels.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["a", "b"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_best_label_comes_first_and_shares_add_up() {
        let Output::Labels { labels } = best(&[1.0, 3.0, 2.0], &names(), Scoring::Softmax, 3) else {
            panic!("labels were meant")
        };
        assert_eq!(
            labels.iter().map(|label| label.label.as_str()).collect::<Vec<_>>(),
            ["b", "LABEL_2", "a"]
        );
        assert!((labels.iter().map(|label| label.score).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn several_labels_may_be_right() {
        let Output::Labels { labels } = best(&[5.0, 5.0], &names(), Scoring::Sigmoid, 1) else {
            panic!("labels were meant")
        };
        assert_eq!(labels.len(), 1);
        assert!(labels[0].score > 0.99);
    }

    #[test]
    fn raw_scores_stay_as_they_are() {
        let Output::Labels { labels } = best(&[-3.5, 7.0], &names(), Scoring::Raw, 2) else {
            panic!("labels were meant")
        };
        assert_eq!((labels[0].score, labels[1].score), (7.0, -3.5));
    }

    #[test]
    fn huge_scores_do_not_overflow() {
        let Output::Labels { labels } = best(&[1000.0, -1000.0], &names(), Scoring::Softmax, 2) else {
            panic!("labels were meant")
        };
        assert_eq!((labels[0].score, labels[1].score), (1.0, 0.0));
    }

    #[test]
    fn the_models_files_say_how_to_score() {
        let multi = serde_json::json!({"problem_type": "multi_label_classification"});
        assert_eq!(Scoring::of(&multi, 6), Scoring::Sigmoid);
        let numbers = serde_json::json!({"problem_type": "regression"});
        assert_eq!(Scoring::of(&numbers, 1), Scoring::Raw);
        assert_eq!(Scoring::of(&serde_json::Value::Null, 6), Scoring::Softmax);
        assert_eq!(Scoring::of(&serde_json::Value::Null, 1), Scoring::Sigmoid);
    }
}
