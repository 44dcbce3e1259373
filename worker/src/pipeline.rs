//! What a kind of model does: prepare, collate, run, finish.
//!
//! Each kind is one file. Preparing and finishing happen on any thread, running on the one thread that owns the model's
//! session. A pipeline fails item by item; only a run as a whole can fail a batch, which is then run item by item.

mod background_removal;
mod comparison;
mod detection;
mod drawn;
mod echo;
mod image_classification;
mod image_embedding;
mod image_segmentation;
mod image_to_image;
mod labels;
mod object_detection;
mod ocr;
mod pooling;
mod quantized;
mod rerank;
mod spans;
mod tensor;
mod text_classification;
mod text_embedding;
mod text_similarity;
mod token_classification;
mod zero_shot_classification;

use bytes::Bytes;
use forebay_shared::job::{Failure, FailureCode, Kind, Output, Params, Tensor};

pub use background_removal::BackgroundRemoval;
pub use echo::Echo;
pub use image_classification::ImageClassification;
pub use image_embedding::ImageEmbedding;
pub use image_segmentation::ImageSegmentation;
pub use image_to_image::ImageToImage;
pub use object_detection::ObjectDetection;
pub use ocr::Ocr;
pub use rerank::Rerank;
pub use tensor::PlainTensors;
pub use text_classification::TextClassification;
pub use text_embedding::TextEmbedding;
pub use text_similarity::TextSimilarity;
pub use token_classification::TokenClassification;
pub use zero_shot_classification::ZeroShotClassification;

use crate::model::{ModelError, ModelFiles, Runtime};

/// An item with its bytes at hand.
#[derive(Clone, Debug)]
pub enum Material {
    /// Words.
    Text(String),
    /// Words, and others that are read or compared with them.
    Pair(String, String),
    /// Words, as ids of the model's vocabulary.
    Tokens(Vec<u32>),
    /// A picture's file.
    Image(Bytes),
    /// What the model takes, by name.
    Tensors(Vec<Tensor>),
}

/// What an item became, its media still in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The typed value.
    pub output: Output,
    /// Pictures and other media that go with it.
    pub media: Vec<Medium>,
}

/// A medium that a pipeline made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medium {
    /// Its media type.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self { output, media: Vec::new() }
    }
}

/// Something that is done with a kind of model, whichever it is.
pub trait WithPipeline {
    /// What comes of it.
    type Done;

    /// Does it with the kind's pipeline.
    fn run<P: Pipeline>(self) -> Self::Done;
}

/// Does something with a kind's pipeline: the one place where kinds and pipelines meet.
pub fn with_pipeline<W: WithPipeline>(kind: Kind, what: W) -> W::Done {
    match kind {
        Kind::Echo => what.run::<Echo>(),
        Kind::TextEmbedding => what.run::<TextEmbedding>(),
        Kind::TextClassification => what.run::<TextClassification>(),
        Kind::ImageClassification => what.run::<ImageClassification>(),
        Kind::BackgroundRemoval => what.run::<BackgroundRemoval>(),
        Kind::ObjectDetection => what.run::<ObjectDetection>(),
        Kind::ImageEmbedding => what.run::<ImageEmbedding>(),
        Kind::ImageToImage => what.run::<ImageToImage>(),
        Kind::ImageSegmentation => what.run::<ImageSegmentation>(),
        Kind::Rerank => what.run::<Rerank>(),
        Kind::TextSimilarity => what.run::<TextSimilarity>(),
        Kind::ZeroShotClassification => what.run::<ZeroShotClassification>(),
        Kind::TokenClassification => what.run::<TokenClassification>(),
        Kind::Ocr => what.run::<Ocr>(),
        Kind::Tensor => what.run::<PlainTensors>(),
        Kind::ModelPull => unreachable!("no model is of this kind: manifests cannot name it"),
    }
}

/// What a kind of model does.
pub trait Pipeline: Sized + Send + Sync + 'static {
    /// An item that is ready to be put into a batch.
    type Prepared: Send + 'static;
    /// A batch as the model takes it.
    type Tensors: Send + 'static;
    /// What runs a batch; it runs on one thread only.
    type Engine: std::fmt::Debug + Send + 'static;
    /// What the model gave for one item.
    type Raw: Send + 'static;

    /// Reads what preparing and finishing need of the model's files.
    fn read(model: &ModelFiles) -> Result<Self, ModelError>;

    /// Loads the model itself; `None` where no runtime library was needed at the start.
    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<Self::Engine, ModelError>;

    /// What is asked of the model's files alone, and needs no run. `None`: the item is to be made ready.
    fn at_hand(&self, _: &Material, _: &Params) -> Option<Result<Answer, Failure>> {
        None
    }

    /// Makes an item ready.
    fn prepare(&self, material: Material, params: Params) -> Result<Self::Prepared, Failure>;

    /// An item's length, in the unit that fills the device.
    fn length(prepared: &Self::Prepared) -> u32;

    /// How many bytes an item keeps in memory that was made of a picture, from now until its media are stored.
    fn weight(_: &Self::Prepared) -> usize {
        0
    }

    /// Makes a batch of items.
    fn collate(&self, batch: &[&Self::Prepared]) -> Result<Self::Tensors, Failure>;

    /// Runs a batch: one raw value for each item, in order.
    fn run(engine: &mut Self::Engine, tensors: &Self::Tensors) -> Result<Vec<Self::Raw>, Failure>;

    /// Makes the answer of what the model gave.
    fn finish(&self, prepared: Self::Prepared, raw: Self::Raw) -> Result<Answer, Failure>;
}

/// What an item is told whose parameters were read for another kind.
fn of_another_kind() -> Failure {
    Failure::permanent(FailureCode::InvalidParams, "the parameters are another kind's")
}
