//! `GET /models`, `GET /models/{id}`: models as files, which is how this API sees them.

use forebay_shared::clock::Timestamp;
use forebay_shared::job::Kind;
use forebay_shared::model::{Model, ModelCard};
use serde::Serialize;
use utoipa::ToSchema;

use super::emotions::foreign;
use super::id::{Ids, is_id};
use crate::call::fit;
use crate::{Fault, FaultCode};

/// A model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionModel)]
pub struct ModelInfo {
    /// Its id here.
    #[schema(example = "A001", pattern = r"^A\d{3}$")]
    model_id: String,
    /// The name of its file.
    #[schema(example = "model.onnx")]
    filename: String,
    /// What its files take, in megabytes of 10⁶ bytes.
    #[schema(example = 154.82)]
    size_mb: f64,
    /// Always 0: a model that changes takes the place of the former.
    #[schema(example = 0)]
    version: u32,
    /// When it was first announced: year, month, day, hour, minute and second (UTC), without anything in between.
    #[schema(example = "20250601000001")]
    timestamp: String,
}

/// A model, and where it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmotionModelDetail)]
pub struct ModelDetail {
    #[serde(flatten)]
    info: ModelInfo,
    /// Where its file is, relative to the folder of all models.
    #[schema(example = "emotion/onnx/model.onnx")]
    file_path: String,
    /// Since when it is loaded; `null` while it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_loaded: Option<Timestamp>,
    /// Whether a living worker has it in memory.
    is_loaded: bool,
}

impl ModelInfo {
    /// What is told of a model under this id.
    pub fn new(id: &str, model: &Model) -> Self {
        let file = model.card.file.as_str();
        Self {
            model_id: id.to_owned(),
            filename: file.rsplit('/').next().unwrap_or(file).to_owned(),
            size_mb: megabytes(model.card.bytes.unwrap_or_default()),
            version: VERSION,
            timestamp: model.created_at.to_utc().format("%Y%m%d%H%M%S").to_string(),
        }
    }
}

impl ModelDetail {
    /// All that is told of a model under this id.
    pub fn new(id: &str, model: &Model) -> Self {
        Self {
            info: ModelInfo::new(id, model),
            file_path: model.card.file.clone(),
            last_loaded: model.loaded.map(|loaded| loaded.since),
            is_loaded: is_loaded(model),
        }
    }
}

/// Whether a living worker has it in memory.
pub(super) fn is_loaded(model: &Model) -> bool {
    model.loaded.is_some()
}

/// A model has no versions here: its digest tells one from another.
pub(super) const VERSION: u32 = 0;

/// Two digits of a megabyte are told.
#[expect(clippy::cast_precision_loss, reason = "no model has so many bytes")]
pub(super) fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 10_000.0).round() / 100.0
}

/// The models of this API, by their ids: those that the configuration names, and those that have an alias like that.
pub fn listed<'a>(models: &'a [Model], ids: &Ids) -> Vec<(String, &'a Model)> {
    let aliases = models.iter().flat_map(|model| &model.card.aliases).filter(|alias| is_id(alias));
    let mut known: Vec<&String> = ids.keys().chain(aliases).collect();
    known.sort();
    known.dedup();
    known.into_iter().filter_map(|id| Some((id.clone(), find(models, ids, id)?))).collect()
}

/// The model with this id, if it can serve this API.
pub fn find<'a>(models: &'a [Model], ids: &Ids, id: &str) -> Option<&'a Model> {
    if !is_id(id) {
        return None;
    }
    let name = ids.get(id).map_or(id, String::as_str);
    let exactly = models.iter().find(|model| model.card.name == name);
    let found = exactly.or_else(|| models.iter().find(|model| model.card.answers_to(name)))?;
    (found.card.kind == Kind::TextClassification && foreign(&found.card).is_none()).then_some(found)
}

/// The model that an answer names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) id: String,
    /// What its files take, once it is known.
    pub(super) bytes: u64,
}

impl Named {
    /// A model that is known by its id so far.
    pub(super) fn new(id: String) -> Self {
        Self { id, bytes: 0 }
    }

    /// Takes note of the model that has the id.
    pub(super) fn meet(&mut self, kinds: &[Kind], card: &ModelCard) -> Result<(), Fault> {
        fit(kinds, card)?;
        if let Some(label) = foreign(card) {
            let message =
                format!("the model `{}` has the label `{label}`, which is no emotion of this API", card.name);
            return Err(Fault::new(FaultCode::NotSupported, message).at("model_id"));
        }
        self.bytes = card.bytes.unwrap_or_default();
        Ok(())
    }
}
