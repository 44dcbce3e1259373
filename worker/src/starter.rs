//! Starts lanes: the runtime library is loaded when the first model needs it.

use std::path::PathBuf;

use forebay_shared::job::Kind;

use crate::config::WorkerConfig;
use crate::lane::{self, LaneHandle, LaneParts};
use crate::model::{ModelFiles, RuntimeError};
use crate::open::load_runtime;
use crate::pipeline::{Pipeline, WithPipeline, with_pipeline};

/// What lanes are started with.
#[derive(Debug)]
pub(crate) struct Starter {
    pub(crate) config: WorkerConfig,
    pub(crate) data_dir: PathBuf,
    pub(crate) parts: LaneParts,
}

impl Starter {
    /// Starts the model's lane.
    pub(crate) fn start(&mut self, model: ModelFiles) -> Result<LaneHandle, RuntimeError> {
        if model.card.kind != Kind::Echo && self.parts.runtime.is_none() {
            self.parts.runtime = Some(load_runtime(&self.config, &self.data_dir)?);
        }
        Ok(with_pipeline(model.card.kind, StartLane { model, parts: &self.parts }))
    }
}

struct StartLane<'a> {
    model: ModelFiles,
    parts: &'a LaneParts,
}

impl WithPipeline for StartLane<'_> {
    type Done = LaneHandle;

    fn run<P: Pipeline>(self) -> LaneHandle {
        lane::start::<P>(self.model, self.parts)
    }
}
