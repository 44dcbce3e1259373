//! Pictures in a request, and what models see in them put into words.

use forebay_shared::job::{Detected, ImageSource, Input, Item, Kind, Label, Object, Output};

use super::MOST_INPUTS;
use crate::inputs::too_many;
use crate::item::decode;
use crate::{Fault, FaultCode};

/// Kinds whose answers can be put into words.
pub(super) const KINDS: &[Kind] = &[Kind::ImageClassification, Kind::ObjectDetection, Kind::Ocr];
/// Labels that are told of a picture; a classifier may have a thousand.
const TOLD: usize = 5;

/// Pictures as Ollama's clients send them, in base64; `field` is where they stand.
pub(super) fn items(images: Vec<String>, field: &str) -> Result<Vec<Item>, Fault> {
    if images.len() > MOST_INPUTS {
        return Err(too_many(images.len(), MOST_INPUTS).at(field));
    }
    let item = |(index, image): (usize, String)| {
        let bytes = decode(&image).map_err(|error| {
            let error = error.to_string().to_ascii_lowercase();
            let message = format!("image {index} is not base64: {}", error.trim_end_matches('.'));
            Fault::new(FaultCode::InvalidField, message).at(field)
        })?;
        Ok(Item { input: Input::Image(ImageSource::Inline(bytes)), params: Object::new() })
    };
    images.into_iter().enumerate().map(item).collect()
}

/// What is seen in the pictures, with an empty line between two of them.
pub(super) fn words(outputs: &[Output]) -> Result<String, Fault> {
    let told: Result<Vec<String>, Fault> = outputs.iter().map(word).collect();
    Ok(told?.join("\n\n"))
}

fn word(output: &Output) -> Result<String, Fault> {
    let lines: Vec<String> = match output {
        Output::Lines { text, .. } => return Ok(text.clone()),
        Output::Labels { labels } => labels.iter().take(TOLD).map(label).collect(),
        Output::Objects { objects } => objects.iter().map(object).collect(),
        _ => return Err(Fault::new(FaultCode::JobFailed, "the model's output cannot be put into words")),
    };
    Ok(lines.join("\n"))
}

fn label(Label { label, score }: &Label) -> String {
    format!("{label}: {score:.4}")
}

/// With its box, in pixels: left, top, right, bottom.
fn object(Detected { label, score, bounds, .. }: &Detected) -> String {
    let edges = [bounds.xmin, bounds.ymin, bounds.xmax, bounds.ymax].map(|edge| format!("{edge:.0}"));
    format!("{label}: {score:.4} at {}", edges.join(", "))
}
