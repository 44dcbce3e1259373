//! What a model takes and gives, as tensors: its own, or those that stand for texts, pictures and what is made of them.

use forebay_shared::job::{Datatype, Kind, Modality, TensorSpec};
use forebay_shared::model::ModelCard;

/// The input with texts.
pub(super) const TEXT: &str = "text";
/// The input with the other text of each pair.
pub(super) const TEXT_PAIR: &str = "text_pair";
/// The input with encoded pictures.
pub(super) const IMAGE: &str = "image";

/// What it takes.
pub(super) fn inputs(card: &ModelCard) -> Vec<TensorSpec> {
    let texts = |name| spec(name, Datatype::Bytes, &[-1]);
    match card.kind {
        Kind::Tensor => card.inputs.iter().map(told).collect(),
        Kind::Rerank | Kind::TextSimilarity => vec![texts(TEXT), texts(TEXT_PAIR)],
        kind if kind.takes(Modality::Text) => vec![texts(TEXT)],
        _ => vec![texts(IMAGE)],
    }
}

/// What it gives. The first axis counts the texts or pictures, the second what was found in each.
pub(super) fn outputs(card: &ModelCard) -> Vec<TensorSpec> {
    use Datatype::{Bytes, Fp32, Uint32};
    let dimensions = card.dimensions.map_or(-1, i64::from);
    let found = |name, datatype| spec(name, datatype, &[-1, -1]);
    let label = || found("label", Bytes);
    let score = || found("score", Fp32);
    let boxes = || spec("box", Fp32, &[-1, -1, 4]);
    let size = |name| spec(name, Uint32, &[-1]);
    match card.kind {
        Kind::Tensor => card.outputs.iter().map(told).collect(),
        Kind::ModelPull => Vec::new(),
        Kind::Echo => vec![spec(TEXT, Bytes, &[-1])],
        Kind::TextEmbedding | Kind::ImageEmbedding => vec![spec("embedding", Fp32, &[-1, dimensions])],
        Kind::TextClassification | Kind::ZeroShotClassification | Kind::ImageClassification => {
            vec![label(), score()]
        }
        Kind::Rerank | Kind::TextSimilarity => vec![spec("score", Fp32, &[-1])],
        Kind::TokenClassification => {
            vec![label(), score(), found("word", Bytes), found("start", Uint32), found("end", Uint32)]
        }
        Kind::ObjectDetection => vec![label(), score(), boxes()],
        Kind::Ocr => vec![spec(TEXT, Bytes, &[-1]), found("line", Bytes), score(), boxes()],
        Kind::BackgroundRemoval | Kind::ImageToImage => {
            vec![spec("url", Bytes, &[-1]), size("width"), size("height")]
        }
        Kind::ImageSegmentation => {
            let segments = [found("id", Uint32), label(), found("share", Fp32)];
            [vec![spec("url", Bytes, &[-1]), size("width"), size("height")], segments.into()].concat()
        }
    }
}

fn spec(name: &str, datatype: Datatype, shape: &[i64]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), datatype, shape: Some(shape.to_vec()) }
}

/// The protocol wants a shape; of one that the graph does not tell nothing is known.
fn told(spec: &TensorSpec) -> TensorSpec {
    let shape = spec.shape.clone().unwrap_or_else(|| vec![-1]);
    TensorSpec { shape: Some(shape), ..spec.clone() }
}
