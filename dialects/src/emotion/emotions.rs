//! The six emotions, and which of them a model finds.

use forebay_shared::job::{Kind, Label, Output};
use forebay_shared::model::ModelCard;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::unlike;
use crate::{Fault, FaultCode};

/// An emotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Emotion)]
pub enum Emotion {
    /// Joy, contentment.
    Happy,
    /// Grief, disappointment.
    Sad,
    /// Anger, annoyance.
    Angry,
    /// None in particular.
    Neutral,
    /// Enthusiasm, anticipation.
    Excited,
    /// Worry, fear.
    Anxious,
}

/// Every emotion by its label.
const EMOTIONS: [(&str, Emotion); 6] = [
    ("happy", Emotion::Happy),
    ("sad", Emotion::Sad),
    ("angry", Emotion::Angry),
    ("neutral", Emotion::Neutral),
    ("excited", Emotion::Excited),
    ("anxious", Emotion::Anxious),
];

impl Emotion {
    /// The emotion with this label.
    fn of(label: &str) -> Option<Self> {
        EMOTIONS.iter().find(|(name, _)| *name == label).map(|(_, emotion)| *emotion)
    }
}

/// The label that this API has no word for, if the model has one.
pub(super) fn foreign(card: &ModelCard) -> Option<&str> {
    card.labels.iter().map(String::as_str).find(|label| Emotion::of(label).is_none())
}

/// What a model finds in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) emotion: Emotion,
    pub(super) confidence: f32,
}

impl Found {
    /// The label with the highest score.
    pub(super) fn of(output: &Output) -> Result<Self, Fault> {
        let Output::Labels { labels } = output else { return Err(unlike(Kind::TextClassification)) };
        let highest = labels.iter().reduce(|best, label| if label.score > best.score { label } else { best });
        let Label { label, score } = highest.ok_or_else(|| unlike(Kind::TextClassification))?;
        let emotion = Emotion::of(label).ok_or_else(|| {
            Fault::new(FaultCode::JobFailed, format!("the model's label `{label}` is no emotion of this API"))
        })?;
        // Shares of a whole may add up to a little more than it.
        Ok(Self { emotion, confidence: score.clamp(0.0, 1.0) })
    }
}
