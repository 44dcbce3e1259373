//! How quick a model's runs are by themselves: a loop with nothing around it, against which a service can be held.

use std::path::Path;

use forebay_shared::job::Kind;

use super::budget::measure;
use super::{Bench, CheckError, Sample, sample};
use crate::bucket;
use crate::model::{ModelFiles, Runtime};
use crate::pipeline::{Pipeline, WithPipeline, with_pipeline};

/// Items per second of runs over batches that were made beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// What the model does.
    pub kind: Kind,
    /// One item at a time.
    pub one: f64,
    /// Items of a batch that fills the model's budget.
    pub items: usize,
    /// Such batches.
    pub full: f64,
}

/// Loads the model in a folder and runs the sample, alone and as often as the model's budget allows.
pub fn rates(root: &Path, sample: Sample, runtime: &Runtime, max_pixels: u64) -> Result<Rates, CheckError> {
    let model = ModelFiles { max_pixels, ..crate::model::read(root, "model")? };
    with_pipeline(model.card.kind, Loop { model: &model, runtime, sample })
}

struct Loop<'a> {
    model: &'a ModelFiles,
    runtime: &'a Runtime,
    sample: Sample,
}

impl WithPipeline for Loop<'_> {
    type Done = Result<Rates, CheckError>;

    fn run<P: Pipeline>(self) -> Result<Rates, CheckError> {
        let mut bench = Bench::<P> {
            pipeline: P::read(self.model)?,
            engine: P::load(self.model, Some(self.runtime))?,
            params: sample::params(self.model),
        };
        let answerless = |failure| CheckError::Answerless { sample: self.sample.name.clone(), failure };
        let prepared = bench.prepare(&[&self.sample.numbered(0)]).map_err(answerless)?;
        let length = prepared.first().map_or(1, |item| bucket::padded(P::length(item).max(1)));
        let budget = self.model.manifest.budget(self.model.card.kind);
        let items = usize::try_from(budget.cost / u64::from(length)).unwrap_or(usize::MAX);
        let items = items.clamp(1, budget.items);
        bench.run(&prepared).map_err(answerless)?;
        let rate =
            |bench: &mut Bench<P>, items| measure(bench, &self.sample, items).map_or(0.0, |(rate, _)| rate);
        let (one, full) = (rate(&mut bench, 1), rate(&mut bench, items));
        Ok(Rates { kind: self.model.card.kind, one, items, full })
    }
}
