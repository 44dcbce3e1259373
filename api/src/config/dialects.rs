//! What single dialects are told.

use std::net::SocketAddr;

use forebay_dialects::emotion::{Ids, is_id};
use forebay_shared::config::complaints;
use serde::Deserialize;

/// `[emotion]`: which models the emotion API knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmotionConfig {
    /// Ids, each with a model's name or alias.
    pub models: Ids,
}

impl EmotionConfig {
    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        let (known, unknown): (Vec<_>, Vec<_>) = self.models.iter().partition(|(id, _)| is_id(id));
        let ids = unknown.iter().map(|(id, _)| {
            format!("emotion.models: `{id}` is no id of the emotion API, which is an A and three digits")
        });
        let names = known.iter().filter(|(_, model)| model.is_empty());
        ids.chain(names.map(|(id, _)| format!("emotion.models.{id} names no model"))).collect()
    }
}

/// `[tasks]`: image tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// The model of a picture that names none.
    pub model: String,
}

impl TaskConfig {
    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        complaints([(
            self.model.trim().is_empty(),
            "tasks.model must name a model, for pictures that come without the name of one",
        )])
    }
}

/// `[ollama]`: how Ollama's clients are answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OllamaConfig {
    /// Where the api listens too; empty: nowhere.
    pub listen: String,
    /// What it means that a request does not say whether its answer is to be streamed.
    pub stream_default: bool,
}

impl OllamaConfig {
    /// Where the api listens too.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        if self.listen.is_empty() || self.address().is_some() {
            return Vec::new();
        }
        vec![format!(
            "ollama.listen must be an address with a port, such as 127.0.0.1:11434, not `{}`",
            self.listen
        )]
    }
}

/// `[tei]`: the models behind paths of Text Embeddings Inference, whose requests name none; empty: none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeiConfig {
    /// Behind `/tei/embed`.
    pub embed: String,
    /// Behind `/tei/predict`.
    pub predict: String,
    /// Behind `/tei/rerank`.
    pub rerank: String,
    /// Behind `/tei/similarity`.
    pub similarity: String,
}
