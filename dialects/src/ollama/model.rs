//! Models as Ollama lists and shows them: `/api/tags`, `/api/ps`, `/api/show`.

use std::fmt::Write;
use std::time::Duration;

use forebay_shared::clock::Timestamp;
use forebay_shared::job::Kind;
use forebay_shared::model::{Model, ModelCard};
use serde::Deserialize;
use serde_json::{Value, json};

use super::name::{meant, tagged};
use super::seen;
use crate::Fault;

/// When a model leaves memory that stays until another needs its room: so far away that clients write "forever". A hundred years.
const FOR_EVER: Duration = Duration::from_hours(100 * 365 * 24);

/// `GET /api/tags`: every model that a worker has announced, or that was brought in.
pub fn tags(models: &[Model]) -> Value {
    let listed = models.iter().map(|model| {
        let mut entry = named(&model.card);
        entry["modified_at"] = json!(model.created_at);
        entry
    });
    json!({ "models": listed.collect::<Vec<_>>() })
}

/// `GET /api/ps`: those that a living worker has in memory. How much of a GPU they take is not known here.
pub fn ps(models: &[Model], now: Timestamp) -> Value {
    let loaded = models.iter().filter_map(|model| Some((model, model.loaded?))).map(|(model, loaded)| {
        let mut entry = named(&model.card);
        entry["expires_at"] = json!(loaded.expires_at.unwrap_or_else(|| now.plus(FOR_EVER)));
        if let Some(tokens) = model.card.max_tokens {
            entry["context_length"] = tokens.into();
        }
        entry
    });
    json!({ "models": loaded.collect::<Vec<_>>() })
}

/// What `POST /api/show` asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The model's own name.
    pub model: String,
    /// Whether the `modelfile` is wanted too.
    pub verbose: bool,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    verbose: Option<bool>,
}

/// Reads the body of `POST /api/show`: older clients say `name`.
pub fn asked(body: &[u8]) -> Result<Asked, Fault> {
    let Body { model, name, verbose } = crate::read(body, "request")?;
    Ok(Asked { model: meant(model, name)?, verbose: verbose.unwrap_or(false) })
}

/// `POST /api/show`: what is known of a model.
pub fn show(model: &Model, verbose: bool) -> Value {
    let card = &model.card;
    let mut shown = json!({
        "license": card.licence,
        "details": details(card),
        "model_info": info(card),
        "capabilities": capabilities(card),
        "modified_at": model.created_at,
    });
    if verbose {
        shown["modelfile"] = modelfile(card).into();
    }
    shown
}

/// What all lists say of a model.
fn named(card: &ModelCard) -> Value {
    let name = tagged(&card.name);
    json!({
        "name": name,
        "model": name,
        "size": card.bytes.unwrap_or(0),
        "digest": card.digest,
        "details": details(card),
        "capabilities": capabilities(card),
    })
}

/// What a model is, in the fields that Ollama has for it: its kind stands for the family. How many parameters it has, and
/// how they are quantized, its card does not say.
fn details(card: &ModelCard) -> Value {
    let mut details = json!({
        "parent_model": "",
        "format": "onnx",
        "family": card.kind,
        "families": [card.kind],
        "parameter_size": "",
        "quantization_level": "",
    });
    if let Some(tokens) = card.max_tokens {
        details["context_length"] = tokens.into();
    }
    if let Some(dimensions) = card.dimensions {
        details["embedding_length"] = dimensions.into();
    }
    details
}

/// The same under the names that GGUF has for it, and what only we know.
fn info(card: &ModelCard) -> Value {
    let mut info = json!({
        "general.architecture": card.kind,
        "general.basename": card.name,
        "general.license": card.licence,
        "general.organization": card.owned_by,
        "forebay.digest": card.digest,
    });
    for (name, number) in [("context_length", card.max_tokens), ("embedding_length", card.dimensions)] {
        if let Some(number) = number {
            info[format!("{}.{name}", card.kind)] = number.into();
        }
    }
    for (name, list) in [("labels", &card.labels), ("prompts", &card.prompts)] {
        if !list.is_empty() {
            info[format!("forebay.{name}")] = json!(list);
        }
    }
    info
}

/// Ollama's words for what a model does; it has none for most of what runs here.
fn capabilities(card: &ModelCard) -> Vec<&'static str> {
    match card.kind {
        Kind::TextEmbedding => vec!["embedding"],
        kind if seen::KINDS.contains(&kind) => vec!["vision"],
        _ => Vec::new(),
    }
}

/// What somebody would write to get a model like this one.
fn modelfile(card: &ModelCard) -> String {
    let mut file = format!("FROM {}\n", tagged(&card.name));
    if !card.licence.is_empty() {
        writeln!(file, "LICENSE \"\"\"{}\"\"\"", card.licence).expect("a string takes all that is written");
    }
    file
}

#[cfg(test)]
mod tests;
