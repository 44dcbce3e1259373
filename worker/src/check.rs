//! Trying a model out before it serves: what it is, whether a batch changes its answers, how large batches are best.

mod budget;
mod compare;
mod rates;
mod report;
pub(crate) mod sample;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use forebay_shared::job::{Failure, Output, Params};

use crate::model::{ModelError, ModelFiles, Runtime};
use crate::pipeline::{Answer, Pipeline, WithPipeline, with_pipeline};
use budget::Sweep;
use compare::Difference;

pub use rates::{Rates, rates};
pub use report::Report;
pub use sample::{Sample, needed_params, read_samples, samples};

/// Why a model cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The model cannot be read or loaded.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file that was named as a sample cannot be read.
    #[error("{}: {source}", file.display())]
    Sample {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The model gave no answer to any sample.
    #[error("the model answers none of the samples; of `{sample}` it says: {failure}")]
    Answerless {
        /// The first of them.
        sample: String,
        /// What came instead.
        failure: Failure,
    },
}

/// What a trial found.
#[derive(Debug)]
struct Findings {
    loaded_in: Duration,
    /// The first sample and its answer.
    first: (String, Output),
    /// How many samples got an answer, and what the first that did not is called and why.
    answered: usize,
    refused: Option<(String, Failure)>,
    difference: Difference,
    sweep: Sweep,
}

/// Reads, loads and tries the model in a folder.
pub fn check(
    root: &Path,
    given: Vec<Sample>,
    runtime: &Runtime,
    max_pixels: u64,
) -> Result<Report, CheckError> {
    let name =
        root.file_name().map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned());
    let model = ModelFiles { max_pixels, ..crate::model::read(root, &name)? };
    let samples = if given.is_empty() { samples(&model.card) } else { given };
    let findings = with_pipeline(model.card.kind, Trial { model: &model, runtime, samples })?;
    Ok(Report::new(root, model, findings))
}

/// A model and what it is tried on.
struct Trial<'a> {
    model: &'a ModelFiles,
    runtime: &'a Runtime,
    samples: Vec<Sample>,
}

impl WithPipeline for Trial<'_> {
    type Done = Result<Findings, CheckError>;

    fn run<P: Pipeline>(self) -> Result<Findings, CheckError> {
        let started = Instant::now();
        let mut bench = Bench::<P> {
            pipeline: P::read(self.model)?,
            engine: P::load(self.model, Some(self.runtime))?,
            params: sample::params(self.model),
        };
        let loaded_in = started.elapsed();
        let (mut answered, mut refused) = (Vec::new(), None);
        for sample in self.samples {
            match bench.answer(&[&sample]).map(|mut answers| answers.remove(0)) {
                Ok(answer) => answered.push((sample, answer)),
                Err(failure) => refused = refused.or(Some((sample.name, failure))),
            }
        }
        let Some((first, answer)) = answered.first() else {
            let (sample, failure) = refused.unwrap_or_else(|| {
                let failure =
                    Failure::permanent(forebay_shared::job::FailureCode::Internal, "there was no sample");
                ("nothing".to_owned(), failure)
            });
            return Err(CheckError::Answerless { sample, failure });
        };
        let first = (first.name.clone(), answer.output.clone());
        let difference = compare::batched(&mut bench, &answered);
        let samples: Vec<&Sample> = answered.iter().map(|(sample, _)| sample).collect();
        let sweep = budget::sweep(&mut bench, self.model, &samples);
        Ok(Findings { loaded_in, first, answered: answered.len(), refused, difference, sweep })
    }
}

/// A loaded model that answers samples.
struct Bench<P: Pipeline> {
    pipeline: P,
    engine: P::Engine,
    params: Params,
}

impl<P: Pipeline> Bench<P> {
    /// Runs samples as one batch.
    fn answer(&mut self, samples: &[&Sample]) -> Result<Vec<Answer>, Failure> {
        let prepared = self.prepare(samples)?;
        let raw = self.run(&prepared)?;
        prepared.into_iter().zip(raw).map(|(prepared, raw)| self.pipeline.finish(prepared, raw)).collect()
    }

    fn prepare(&self, samples: &[&Sample]) -> Result<Vec<P::Prepared>, Failure> {
        let prepare = |sample: &&Sample| self.pipeline.prepare(sample.material.clone(), self.params.clone());
        samples.iter().map(prepare).collect()
    }

    /// What the device does, and nothing else.
    fn run(&mut self, prepared: &[P::Prepared]) -> Result<Vec<P::Raw>, Failure> {
        let batch: Vec<&P::Prepared> = prepared.iter().collect();
        P::run(&mut self.engine, &self.pipeline.collate(&batch)?)
    }
}
