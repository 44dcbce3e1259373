//! What is asked of a model.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Input;
use crate::words::words;

/// What a model does with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Gives an item back, without a model: it measures the queue.
    Echo,
    /// A text becomes a vector.
    TextEmbedding,
    /// A text gets labels.
    TextClassification,
    /// A picture gets labels.
    ImageClassification,
    /// What stands in front in a picture is cut out.
    BackgroundRemoval,
    /// The things in a picture get boxes.
    ObjectDetection,
    /// A picture becomes a vector.
    ImageEmbedding,
    /// A picture becomes a picture, in a style or larger.
    ImageToImage,
    /// Every pixel of a picture gets a class.
    ImageSegmentation,
    /// Texts are scored by how well each answers a query.
    Rerank,
    /// Two texts are scored by how alike they are.
    TextSimilarity,
    /// A text gets those labels that the client names.
    ZeroShotClassification,
    /// Parts of a text get labels.
    TokenClassification,
    /// The lines of print in a picture are read.
    Ocr,
    /// Tensors go in and come out as they are, by the names that the model has for them.
    Tensor,
    /// A model is brought in from a hub. No model does it, the scheduler does: so no manifest can name it.
    #[serde(skip_deserializing)]
    ModelPull,
}

/// What an item is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// Plain tensors.
    Tensor,
}

impl Kind {
    /// Every kind that a model can be of.
    pub const ALL: [Self; 15] = [
        Self::Echo,
        Self::TextEmbedding,
        Self::TextClassification,
        Self::ImageClassification,
        Self::BackgroundRemoval,
        Self::ObjectDetection,
        Self::ImageEmbedding,
        Self::ImageToImage,
        Self::ImageSegmentation,
        Self::Rerank,
        Self::TextSimilarity,
        Self::ZeroShotClassification,
        Self::TokenClassification,
        Self::Ocr,
        Self::Tensor,
    ];

    /// What its items may be made of.
    pub const fn takes(self, modality: Modality) -> bool {
        match self {
            Self::Echo => true,
            Self::ImageClassification
            | Self::ObjectDetection
            | Self::ImageEmbedding
            | Self::BackgroundRemoval
            | Self::ImageToImage
            | Self::ImageSegmentation
            | Self::Ocr => matches!(modality, Modality::Image),
            Self::Tensor => matches!(modality, Modality::Tensor),
            Self::ModelPull => false,
            _ => self.reads_text() && matches!(modality, Modality::Text),
        }
    }

    /// Whether its model reads tokens.
    pub const fn reads_text(self) -> bool {
        matches!(
            self,
            Self::TextEmbedding
                | Self::TextClassification
                | Self::Rerank
                | Self::TextSimilarity
                | Self::ZeroShotClassification
                | Self::TokenClassification
        )
    }

    /// What the input is, if the kind does not take it.
    pub const fn refuses(self, input: &Input) -> Option<&'static str> {
        let (taken, what) = match input {
            Input::Text(_) => (self.takes(Modality::Text), "texts"),
            Input::Tokens(_) => {
                (matches!(self, Self::Echo | Self::TextEmbedding | Self::TextClassification), "token ids")
            }
            Input::Pair { .. } => (
                matches!(self, Self::Echo | Self::TextClassification | Self::Rerank | Self::TextSimilarity),
                "pairs of texts",
            ),
            Input::Image(_) => (self.takes(Modality::Image), "pictures"),
            Input::Tensors(_) => (self.takes(Modality::Tensor), "tensors"),
        };
        if taken { None } else { Some(what) }
    }

    /// The parameter that an item needs, if there is one.
    pub const fn needs(self, input: &Input) -> Option<&'static str> {
        match (self, input) {
            (Self::ZeroShotClassification, _) => Some("candidate_labels"),
            (Self::Rerank | Self::TextSimilarity, Input::Pair { .. }) => None,
            (Self::Rerank, _) => Some("query"),
            (Self::TextSimilarity, _) => Some("source"),
            _ => None,
        }
    }

    /// Whether an answer depends on the item and the model alone, so that it may be given again. `echo` is asked for the
    /// sake of the way, which a kept answer would not go; a hub's models change.
    pub const fn is_deterministic(self) -> bool {
        !matches!(self, Self::Echo | Self::ModelPull)
    }

    /// Whether what it gives is a picture.
    pub const fn draws(self) -> bool {
        matches!(self, Self::BackgroundRemoval | Self::ImageToImage | Self::ImageSegmentation)
    }
}

words!(
    Kind,
    "kind",
    Echo = "echo",
    TextEmbedding = "text_embedding",
    TextClassification = "text_classification",
    ImageClassification = "image_classification",
    BackgroundRemoval = "background_removal",
    ObjectDetection = "object_detection",
    ImageEmbedding = "image_embedding",
    ImageToImage = "image_to_image",
    ImageSegmentation = "image_segmentation",
    Rerank = "rerank",
    TextSimilarity = "text_similarity",
    ZeroShotClassification = "zero_shot_classification",
    TokenClassification = "token_classification",
    Ocr = "ocr",
    Tensor = "tensor",
    ModelPull = "model_pull",
);
words!(Modality, "modality", Text = "text", Image = "image", Tensor = "tensor");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_takes_what_its_pipeline_can_read() {
        let text = Input::Text("a".to_owned());
        let pair = Input::Pair { text: "a".to_owned(), text_pair: "b".to_owned() };
        let tokens = Input::Tokens(vec![1]);
        assert!(Kind::ALL.iter().all(|kind| kind.refuses(&text).is_none() == kind.takes(Modality::Text)));
        assert_eq!(Kind::TextEmbedding.refuses(&pair), Some("pairs of texts"));
        assert_eq!(Kind::TokenClassification.refuses(&tokens), Some("token ids"));
        assert_eq!((Kind::Rerank.refuses(&pair), Kind::Echo.refuses(&pair)), (None, None));
    }

    #[test]
    fn a_text_alone_needs_its_other_half() {
        let text = Input::Text("a".to_owned());
        let pair = Input::Pair { text: "a".to_owned(), text_pair: "b".to_owned() };
        assert_eq!((Kind::Rerank.needs(&text), Kind::Rerank.needs(&pair)), (Some("query"), None));
        assert_eq!(Kind::TextSimilarity.needs(&text), Some("source"));
        assert_eq!(Kind::ZeroShotClassification.needs(&text), Some("candidate_labels"));
        assert_eq!(Kind::TextEmbedding.needs(&text), None);
    }
}
