//! Parameters, typed by kind; what is unknown or out of range is refused by name.

mod bounds;
mod echo;
mod image;
mod labels;
mod media;
mod missing;
mod ocr;
mod pairs;
mod pull;
mod tensor;
mod text;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Kind, Object};
use crate::cache::PARAM;
use bounds::Bounded;

pub use echo::EchoParams;
pub use image::{ImageClassificationParams, ImageEmbeddingParams, ObjectDetectionParams};
pub use labels::{AggregationStrategy, TokenClassificationParams, ZeroShotClassificationParams};
pub use media::{
    BackgroundRemovalParams, ImageSegmentationParams, ImageToImageParams, LosslessFormat, PictureFormat,
    Removed, StyleName,
};
pub use missing::Missing;
pub use ocr::OcrParams;
pub use pairs::{RerankParams, TextSimilarityParams};
pub use pull::ModelPullParams;
pub use tensor::TensorParams;
pub use text::{
    EmbeddingOutput, FunctionToApply, Precision, Side, TextClassificationParams, TextEmbeddingParams,
};

/// Parameters for one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Params {
    /// For `echo`.
    Echo(EchoParams),
    /// For `text_embedding`.
    TextEmbedding(TextEmbeddingParams),
    /// For `text_classification`.
    TextClassification(TextClassificationParams),
    /// For `image_classification`.
    ImageClassification(ImageClassificationParams),
    /// For `background_removal`.
    BackgroundRemoval(BackgroundRemovalParams),
    /// For `object_detection`.
    ObjectDetection(ObjectDetectionParams),
    /// For `image_embedding`.
    ImageEmbedding(ImageEmbeddingParams),
    /// For `image_to_image`.
    ImageToImage(ImageToImageParams),
    /// For `image_segmentation`.
    ImageSegmentation(ImageSegmentationParams),
    /// For `rerank`.
    Rerank(RerankParams),
    /// For `text_similarity`.
    TextSimilarity(TextSimilarityParams),
    /// For `zero_shot_classification`.
    ZeroShotClassification(ZeroShotClassificationParams),
    /// For `token_classification`.
    TokenClassification(TokenClassificationParams),
    /// For `ocr`.
    Ocr(OcrParams),
    /// For `tensor`.
    Tensor(TensorParams),
    /// For `model_pull`.
    ModelPull(ModelPullParams),
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

impl ParamError {
    fn at(field: &str, message: String) -> Self {
        Self { field: Some(field.to_owned()), message }
    }
}

impl Params {
    /// Reads `params` for `kind`; unknown and out-of-range ones are refused.
    pub fn parse(kind: Kind, params: &Object) -> Result<Self, ParamError> {
        // Whether a kept answer will do is asked of every kind.
        if let Some(cache) = params.get(PARAM) {
            if !cache.is_boolean() {
                return Err(ParamError::at(PARAM, format!("`{PARAM}` must be `true` or `false`")));
            }
            let mut others = params.clone();
            others.remove(PARAM);
            return Self::parse(kind, &others);
        }
        match kind {
            Kind::Echo => read(params).map(Self::Echo),
            Kind::TextEmbedding => read(params).map(Self::TextEmbedding),
            Kind::TextClassification => read(params).map(Self::TextClassification),
            Kind::ImageClassification => read(params).map(Self::ImageClassification),
            Kind::BackgroundRemoval => read(params).map(Self::BackgroundRemoval),
            Kind::ObjectDetection => read(params).map(Self::ObjectDetection),
            Kind::ImageEmbedding => read(params).map(Self::ImageEmbedding),
            Kind::ImageToImage => read(params).map(Self::ImageToImage),
            Kind::ImageSegmentation => read(params).map(Self::ImageSegmentation),
            Kind::Rerank => read(params).map(Self::Rerank),
            Kind::TextSimilarity => read(params).map(Self::TextSimilarity),
            Kind::ZeroShotClassification => read(params).map(Self::ZeroShotClassification),
            Kind::TokenClassification => read(params).map(Self::TokenClassification),
            Kind::Ocr => read(params).map(Self::Ocr),
            Kind::Tensor => read(params).map(Self::Tensor),
            Kind::ModelPull => read(params).map(Self::ModelPull),
        }
    }

    /// The item's own parameters over the job's.
    pub fn merge(job: &Object, item: &Object) -> Object {
        let mut merged = job.clone();
        merged.extend(item.iter().map(|(name, value)| (name.clone(), value.clone())));
        merged
    }
}

fn read<T: DeserializeOwned + Bounded>(params: &Object) -> Result<T, ParamError> {
    let read = T::deserialize(Value::Object(params.clone())).map_err(|error| {
        let field = missing(&error.to_string()).or_else(|| culprit::<T>(params));
        ParamError { field, message: error.to_string() }
    })?;
    read.check()?;
    Ok(read)
}

/// The field that is said to be missing.
fn missing(message: &str) -> Option<String> {
    message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name.to_owned())
}

/// The first parameter that is refused even if it is the only one: what is wrong with a value does not name it.
fn culprit<T: DeserializeOwned>(params: &Object) -> Option<String> {
    let alone = |(name, value): &(&String, &Value)| {
        let only = Object::from_iter([((*name).clone(), (*value).clone())]);
        T::deserialize(Value::Object(only)).is_err_and(|error| missing(&error.to_string()).is_none())
    };
    params.iter().find(alone).map(|(name, _)| name.clone())
}

/// What `truncate` is where nothing is said.
fn yes() -> bool {
    true
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
    fn every_kind_may_be_told_whether_a_kept_answer_will_do() {
        let plain = Params::parse(Kind::ImageClassification, &object(json!({"top_k": 3}))).unwrap();
        let params = object(json!({"top_k": 3, "cache": false}));
        assert_eq!(Params::parse(Kind::ImageClassification, &params).unwrap(), plain);
        let error = Params::parse(Kind::Echo, &object(json!({"cache": "no"}))).unwrap_err();
        assert_eq!(
            (error.field.as_deref(), error.message.as_str()),
            (Some("cache"), "`cache` must be `true` or `false`")
        );
    }

    #[test]
    fn a_parameter_with_a_wrong_value_is_named() {
        let named = |kind, params| Params::parse(kind, &object(params)).unwrap_err().field;
        let params = json!({"truncate": true, "precision": "int4"});
        assert_eq!(named(Kind::TextEmbedding, params).as_deref(), Some("precision"));
        assert_eq!(named(Kind::TextEmbedding, json!({"truncate": 7})).as_deref(), Some("truncate"));
        let params = json!({"query": "a", "top_n": 3});
        assert_eq!(
            named(Kind::Rerank, params).as_deref(),
            Some("top_n"),
            "and not another that the message names"
        );
    }

    #[test]
    fn a_parameter_out_of_range_names_the_limit() {
        let error = Params::parse(Kind::ImageClassification, &object(json!({"top_k": 1001}))).unwrap_err();
        assert_eq!(error.to_string(), "`top_k` must be at most 1000, not 1001");
        assert!(Params::parse(Kind::ImageClassification, &object(json!({"top_k": 0}))).is_err());
        assert!(Params::parse(Kind::Echo, &object(json!({"delay_ms": 10_001}))).is_err());
        assert!(Params::parse(Kind::TextEmbedding, &object(json!({"dimensions": 0}))).is_err());
        let error = Params::parse(Kind::ObjectDetection, &object(json!({"threshold": 1.5}))).unwrap_err();
        assert_eq!(error.to_string(), "`threshold` must be from 0 to 1, not 1.5");
        assert!(Params::parse(Kind::ObjectDetection, &object(json!({"iou_threshold": -0.1}))).is_err());
        assert!(Params::parse(Kind::ImageEmbedding, &object(json!({"dimensions": 0}))).is_err());
    }

    #[test]
    fn a_parameter_of_another_output_is_named() {
        let refused = |params| Params::parse(Kind::TextEmbedding, &object(params)).unwrap_err().to_string();
        let told = refused(json!({"output": "token_embeddings", "dimensions": 64}));
        assert_eq!(told, "`dimensions` goes with the `output` `embedding` only");
        let told = refused(json!({"output": "pieces", "precision": "int8"}));
        assert_eq!(told, "`precision` goes with the `output` `embedding` only");
        let told = refused(json!({"output": "text", "add_special_tokens": false}));
        assert_eq!(told, "`add_special_tokens` goes with the `output` `pieces` only");
        let told = refused(json!({"skip_special_tokens": true}));
        assert_eq!(told, "`skip_special_tokens` goes with the `output` `text` only");
        let fits = json!({"output": "pieces", "add_special_tokens": false});
        assert!(Params::parse(Kind::TextEmbedding, &object(fits)).is_ok());
    }

    #[test]
    fn an_items_parameters_stand_over_the_jobs() {
        let merged =
            Params::merge(&object(json!({"top_k": 3, "truncate": true})), &object(json!({"top_k": 1})));
        assert_eq!(merged, object(json!({"top_k": 1, "truncate": true})));
    }
}
