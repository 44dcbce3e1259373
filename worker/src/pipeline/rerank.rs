//! `rerank`: a text gets a score of how well it answers a query.
//!
//! What is too long is cut, by a cross-encoder the longer text first, or fails as `input_too_long`. A text without `query` that is
//! no pair, ids of tokens, and pictures fail as `invalid_params`. Each fails its item alone.

use forebay_shared::job::{Failure, Params};

use super::comparison::{Compared, Comparer, ComparisonTensors, Roles};
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::text::{Cut, TextSession};

/// Scores texts by a query.
#[derive(Debug)]
pub struct Rerank(Comparer);

impl Pipeline for Rerank {
    type Prepared = Compared;
    type Tensors = ComparisonTensors;
    type Engine = TextSession;
    type Raw = Vec<Vec<f32>>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        Comparer::read(model).map(Self)
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        Comparer::load(model, runtime)
    }

    fn prepare(&self, material: Material, params: Params) -> Result<Compared, Failure> {
        let Params::Rerank(params) = params else { return Err(super::of_another_kind()) };
        let cut = Cut::new(params.truncate, params.truncation_side);
        let other = ("query", params.query.as_deref());
        self.0.prepare((material, other), Roles::QueryAndDocument, cut, params.raw_scores)
    }

    fn length(prepared: &Compared) -> u32 {
        prepared.length()
    }

    fn collate(&self, batch: &[&Compared]) -> Result<ComparisonTensors, Failure> {
        Ok(self.0.collate(batch))
    }

    fn run(engine: &mut TextSession, tensors: &ComparisonTensors) -> Result<Vec<Vec<Vec<f32>>>, Failure> {
        tensors.run(engine)
    }

    fn finish(&self, prepared: Compared, values: Vec<Vec<f32>>) -> Result<Answer, Failure> {
        prepared.finish(&values)
    }
}
