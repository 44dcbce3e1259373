//! What the server tells of itself and of its models.

use forebay_shared::job::{Kind, TensorSpec};
use forebay_shared::model::{Model, ModelCard};
use serde::Serialize;
use utoipa::ToSchema;

use super::ports;

/// Each model has one version: another one is another model, with a name of its own.
pub const VERSION: &str = "1";

/// What the server can do.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerMetadata {
    /// `forebay`
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Extensions of the protocol that it knows: tensors as bytes, parameters, `priority` and `timeout`.
    extensions: [&'static str; 3],
}

impl ServerMetadata {
    /// Of a server of this version.
    pub const fn new(version: &'static str) -> Self {
        Self { name: "forebay", version, extensions: ["binary_tensor_data", "parameters", "schedule_policy"] }
    }
}

/// What a model takes and gives.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelMetadata {
    /// Its own name.
    name: String,
    /// `1`
    versions: [&'static str; 1],
    /// What runs it, and what its files are.
    platform: &'static str,
    /// Tensors that it takes.
    inputs: Vec<TensorSpec>,
    /// Tensors that it gives.
    outputs: Vec<TensorSpec>,
}

impl From<&ModelCard> for ModelMetadata {
    fn from(card: &ModelCard) -> Self {
        Self {
            name: card.name.clone(),
            versions: [VERSION],
            platform: if card.kind == Kind::Echo { "forebay_echo" } else { "onnxruntime_onnx" },
            inputs: ports::inputs(card),
            outputs: ports::outputs(card),
        }
    }
}

/// Whether a model is ready.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelReady {
    /// Its own name.
    name: String,
    /// Whether a worker serves it now.
    ready: bool,
}

impl From<&Model> for ModelReady {
    fn from(model: &Model) -> Self {
        Self { name: model.card.name.clone(), ready: model.workers > 0 }
    }
}

/// A model, as the index of the repository has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IndexEntry {
    /// Its own name.
    name: String,
    /// `1`
    version: &'static str,
    /// `READY` or `UNAVAILABLE`.
    state: &'static str,
    /// Why it is not ready.
    reason: &'static str,
}

impl From<&Model> for IndexEntry {
    fn from(model: &Model) -> Self {
        let (state, reason) =
            if model.workers > 0 { ("READY", "") } else { ("UNAVAILABLE", "no worker serves it now") };
        Self { name: model.card.name.clone(), version: VERSION, state, reason }
    }
}
