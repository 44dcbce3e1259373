//! Parameters of kinds whose labels are named by the client, or belong to parts of a text.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::Bounded;
use super::{ParamError, Side, yes};

/// Labels of one item: each is a row of its own for the model.
const MOST_LABELS: usize = 100;
/// Characters of a label, and of a template: a sentence.
const LONGEST: usize = 200;
/// Where the label stands in a template.
const PLACE: &str = "{}";

/// Parameters of `zero_shot_classification`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ZeroShotClassificationParams {
    /// The labels to choose from: 1…100, each of 1…200 characters. Required, for the job or for the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1, max_items = 100)]
    pub candidate_labels: Option<Vec<String>>,
    /// What is asked of the text for each label, which stands where `{}` is: at most 200 characters.
    #[serde(default = "template")]
    #[schema(default = "This example is {}.", max_length = 200)]
    pub hypothesis_template: String,
    /// Whether each label is right or wrong by itself; else the scores of all add up to one.
    #[serde(default)]
    pub multi_label: bool,
    /// Cut a text that is too long (the default), or fail it. The labels are never cut.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which end of a text that is too long is cut off.
    #[serde(default)]
    pub truncation_side: Side,
}

/// How labels of tokens become those of words and of names, as in Hugging Face's pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AggregationStrategy {
    /// Tokens stay as they are.
    None,
    /// Neighbours with the same label are joined, unless one begins anew (`B-`).
    #[default]
    Simple,
    /// So are words, each with the label of its first token.
    First,
    /// So are words, each with the label that is best on average over its tokens.
    Average,
    /// So are words, each with the label of the token that is surest.
    Max,
}

/// Parameters of `token_classification`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenClassificationParams {
    /// How labels of tokens become those of words and of names.
    #[serde(default)]
    pub aggregation_strategy: AggregationStrategy,
    /// Cut a text that is too long (the default; nothing is found in what is cut off), or fail it.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which end of a text that is too long is cut off.
    #[serde(default)]
    pub truncation_side: Side,
}

fn template() -> String {
    format!("This example is {PLACE}.")
}

impl Bounded for ZeroShotClassificationParams {
    fn check(&self) -> Result<(), ParamError> {
        let template = &self.hypothesis_template;
        if !template.contains(PLACE) || template.chars().count() > LONGEST {
            let message =
                format!("`hypothesis_template` must contain `{PLACE}` and have at most {LONGEST} characters");
            return Err(ParamError::at("hypothesis_template", message));
        }
        let Some(labels) = &self.candidate_labels else { return Ok(()) };
        if !(1..=MOST_LABELS).contains(&labels.len()) {
            let message =
                format!("`candidate_labels` must be from 1 to {MOST_LABELS} labels, not {}", labels.len());
            return Err(ParamError::at("candidate_labels", message));
        }
        if labels.iter().any(|label| !(1..=LONGEST).contains(&label.chars().count())) {
            let message = format!("each of `candidate_labels` must have from 1 to {LONGEST} characters");
            return Err(ParamError::at("candidate_labels", message));
        }
        Ok(())
    }
}

impl Bounded for TokenClassificationParams {
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::job::{Kind, Params};

    fn refused(params: &Value) -> String {
        let parsed = Params::parse(Kind::ZeroShotClassification, params.as_object().unwrap());
        let error = parsed.unwrap_err();
        format!("{}: {error}", error.field.as_deref().unwrap_or_default())
    }

    #[test]
    fn labels_and_template_are_bounded() {
        let labels = "candidate_labels: `candidate_labels` must be from 1 to 100 labels, not";
        assert_eq!(refused(&json!({"candidate_labels": []})), format!("{labels} 0"));
        assert_eq!(refused(&json!({"candidate_labels": vec!["a"; 101]})), format!("{labels} 101"));
        let label = "candidate_labels: each of `candidate_labels` must have from 1 to 200 characters";
        assert_eq!(refused(&json!({"candidate_labels": ["a", ""]})), label);
        assert_eq!(refused(&json!({"candidate_labels": ["a".repeat(201)]})), label);
        let template =
            "hypothesis_template: `hypothesis_template` must contain `{}` and have at most 200 characters";
        assert_eq!(refused(&json!({"hypothesis_template": "about"})), template);
        let fits = json!({"candidate_labels": ["文".repeat(200)], "hypothesis_template": "{}?"});
        assert!(Params::parse(Kind::ZeroShotClassification, fits.as_object().unwrap()).is_ok());
    }
}
