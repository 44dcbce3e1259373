//! What is asked of a model.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
}

/// What an item is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Words.
    Text,
    /// A picture.
    Image,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Echo,
        Self::TextEmbedding,
        Self::TextClassification,
        Self::ImageClassification,
        Self::BackgroundRemoval,
        Self::ObjectDetection,
        Self::ImageEmbedding,
        Self::ImageToImage,
        Self::ImageSegmentation,
    ];

    /// What its items may be made of.
    pub const fn takes(self, modality: Modality) -> bool {
        match self {
            Self::Echo => true,
            Self::TextEmbedding | Self::TextClassification => matches!(modality, Modality::Text),
            Self::ImageClassification
            | Self::ObjectDetection
            | Self::ImageEmbedding
            | Self::BackgroundRemoval
            | Self::ImageToImage
            | Self::ImageSegmentation => matches!(modality, Modality::Image),
        }
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
);
words!(Modality, "modality", Text = "text", Image = "image");
