//! Parameters, typed by kind; what is unknown or out of range is refused by name.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Kind, Object};

/// The largest `top_k`; more labels than any starter model has.
pub const MAX_TOP_K: u32 = 1000;
/// The longest `delay_ms`: ten seconds are enough to rehearse a slow model.
pub const MAX_DELAY_MS: u32 = 10_000;

/// Parameters of `text_embedding`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextEmbeddingParams {
    /// Cut a text that is too long (the default), or fail it.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// Which of the model's prompts to put before the text; see `prompts` of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// How many dimensions the vector is to have, from 1 to the model's, which is the default. It is cut and brought to
    /// length one, which keeps its meaning where the model was trained for that (Matryoshka).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub dimensions: Option<u32>,
}

/// Parameters of `text_classification`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextClassificationParams {
    /// Cut a text that is too long (the default), or fail it.
    #[serde(default = "yes")]
    pub truncate: bool,
    /// How many labels to return, best first: 1…1000, all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub top_k: Option<u32>,
}

/// Parameters of `image_classification`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageClassificationParams {
    /// How many labels to return, best first: 1…1000, 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub top_k: Option<u32>,
}

/// Parameters of `echo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EchoParams {
    /// How long the batch that holds the item keeps the device busy, at least: 0…10000.
    #[serde(default)]
    #[schema(maximum = 10_000)]
    pub delay_ms: u32,
}

fn yes() -> bool {
    true
}

/// Parameters for one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Params {
    /// For `echo`.
    Echo(EchoParams),
    /// For `text_embedding`.
    TextEmbedding(TextEmbeddingParams),
    /// For `text_classification`.
    TextClassification(TextClassificationParams),
    /// For `image_classification`.
    ImageClassification(ImageClassificationParams),
}

/// A parameter that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamError {
    /// Which one, if it is one.
    pub field: Option<String>,
    /// What is wrong, with the limit.
    pub message: String,
}

impl Params {
    /// Reads `params` for `kind`; unknown and out-of-range ones are refused.
    pub fn parse(kind: Kind, params: &Object) -> Result<Self, ParamError> {
        match kind {
            Kind::Echo => {
                let echo: EchoParams = read(params)?;
                at_most("delay_ms", echo.delay_ms, MAX_DELAY_MS)?;
                Ok(Self::Echo(echo))
            }
            Kind::TextEmbedding => {
                let embedding: TextEmbeddingParams = read(params)?;
                at_least_one("dimensions", embedding.dimensions)?;
                Ok(Self::TextEmbedding(embedding))
            }
            Kind::TextClassification => {
                let classification: TextClassificationParams = read(params)?;
                top_k(classification.top_k)?;
                Ok(Self::TextClassification(classification))
            }
            Kind::ImageClassification => {
                let classification: ImageClassificationParams = read(params)?;
                top_k(classification.top_k)?;
                Ok(Self::ImageClassification(classification))
            }
        }
    }

    /// The item's own parameters over the job's.
    pub fn merge(job: &Object, item: &Object) -> Object {
        let mut merged = job.clone();
        merged.extend(item.iter().map(|(name, value)| (name.clone(), value.clone())));
        merged
    }
}

fn read<T: DeserializeOwned>(params: &Object) -> Result<T, ParamError> {
    T::deserialize(Value::Object(params.clone())).map_err(|error| {
        let message = error.to_string();
        let field = params.keys().find(|name| message.contains(&format!("`{name}`"))).cloned();
        ParamError { field, message }
    })
}

fn top_k(top_k: Option<u32>) -> Result<(), ParamError> {
    at_least_one("top_k", top_k)?;
    at_most("top_k", top_k.unwrap_or(1), MAX_TOP_K)
}

fn at_least_one(field: &str, value: Option<u32>) -> Result<(), ParamError> {
    if value != Some(0) {
        return Ok(());
    }
    Err(ParamError { field: Some(field.into()), message: format!("`{field}` must be at least 1") })
}

fn at_most(field: &str, value: u32, limit: u32) -> Result<(), ParamError> {
    if value <= limit {
        return Ok(());
    }
    Err(ParamError {
        field: Some(field.into()),
        message: format!("`{field}` must be at most {limit}, not {value}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { panic!("an object was meant") };
        object
    }

    #[test]
    fn a_text_is_cut_unless_the_client_says_otherwise() {
        let Params::TextEmbedding(params) = Params::parse(Kind::TextEmbedding, &Object::new()).unwrap()
        else {
            panic!("asked for embedding parameters")
        };
        assert!(params.truncate);
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let error = Params::parse(Kind::TextEmbedding, &object(json!({"colour": "red"}))).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("colour"));
    }

    #[test]
    fn a_parameter_out_of_range_names_the_limit() {
        let error = Params::parse(Kind::ImageClassification, &object(json!({"top_k": 1001}))).unwrap_err();
        assert_eq!(error.to_string(), "`top_k` must be at most 1000, not 1001");
        assert!(Params::parse(Kind::ImageClassification, &object(json!({"top_k": 0}))).is_err());
        assert!(Params::parse(Kind::Echo, &object(json!({"delay_ms": 10_001}))).is_err());
        assert!(Params::parse(Kind::TextEmbedding, &object(json!({"dimensions": 0}))).is_err());
    }

    #[test]
    fn an_items_parameters_stand_over_the_jobs() {
        let merged =
            Params::merge(&object(json!({"top_k": 3, "truncate": true})), &object(json!({"top_k": 1})));
        assert_eq!(merged, object(json!({"top_k": 1, "truncate": true})));
    }
}
