//! The limit: ONNX Runtime in a loop, with nothing around it.
//!
//! All texts are tokenised and sorted by length beforehand, which no service can do; batches are cut at a budget of padded
//! tokens; pooling is left out. What this reaches nobody can exceed on the same machine and model.

use std::path::Path;
use std::time::Instant;

use anyhow::anyhow;
use ndarray::Array2;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use serde::{Deserialize, Serialize};
use tokenizers::{Tokenizer, TruncationParams};

/// The model's longest text.
const MAX_TOKENS: usize = 256;
/// One in so many texts is run to warm up.
const WARM: usize = 8;

/// How the loop's session is opened.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Threads of one run.
    pub threads: usize,
    /// As the worker opens it: without spinning and without a memory pattern. Else as ONNX Runtime does by default.
    pub as_worker: bool,
}

/// A session, and texts that are ready for it.
pub struct Bare {
    session: Session,
    sorted: Vec<Vec<u32>>,
}

/// How long the texts are, in tokens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Lengths {
    pub mean: f64,
    pub median: usize,
    pub p95: usize,
    pub longest: usize,
}

/// One pass over the texts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Pass {
    /// Padded tokens of a batch at most.
    pub budget: usize,
    /// Texts per second.
    pub rate: f64,
    /// Texts of a batch, on average.
    pub batch: f64,
    /// The share of all tokens that was padding.
    pub padding: f64,
}

impl Bare {
    /// Loads the library and the model in `data`, and tokenises `texts`.
    pub fn open(data: &Path, model: &str, settings: Settings, texts: &[String]) -> anyhow::Result<Self> {
        let environment =
            ort::init_from(data.join("lib/libonnxruntime.so"))?.with_telemetry(false).build()?;
        let folder = data.join("models").join(model);
        let build = || {
            let mut builder = Session::builder(&environment)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(settings.threads)?;
            if settings.as_worker {
                builder = builder.with_intra_op_spinning(false)?.with_memory_pattern(false)?;
            }
            builder.commit_from_file(folder.join("onnx/model.onnx"))
        };
        let session = build().map_err(|error: ort::Error| anyhow!("{error}"))?;
        let mut tokenizer =
            Tokenizer::from_file(folder.join("tokenizer.json")).map_err(|error| anyhow!("{error}"))?;
        let truncation = TruncationParams { max_length: MAX_TOKENS, ..Default::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| anyhow!("{error}"))?;
        tokenizer.with_padding(None);
        let mut sorted = texts
            .iter()
            .map(|text| {
                Ok(tokenizer
                    .encode_fast(text.as_str(), true)
                    .map_err(|error| anyhow!("{error}"))?
                    .get_ids()
                    .to_vec())
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        sorted.sort_by_key(Vec::len);
        Ok(Self { session, sorted })
    }

    /// How long the texts are.
    pub fn lengths(&self) -> Lengths {
        let total: usize = self.sorted.iter().map(Vec::len).sum();
        let at = |percent: usize| self.sorted.get(self.sorted.len() * percent / 100).map_or(0, Vec::len);
        Lengths {
            mean: total as f64 / self.sorted.len().max(1) as f64,
            median: at(50),
            p95: at(95),
            longest: self.sorted.last().map_or(0, Vec::len),
        }
    }

    /// Runs some of the texts, so that memory is there and caches are warm.
    pub fn warm(&mut self, budget: usize) -> anyhow::Result<()> {
        let some: Vec<_> = self.sorted.iter().step_by(WARM).cloned().collect();
        run_all(&mut self.session, &some, budget).map(drop)
    }

    /// Runs all texts in batches of at most `budget` padded tokens.
    pub fn run(&mut self, budget: usize) -> anyhow::Result<Pass> {
        let started = Instant::now();
        let (batches, padded) = run_all(&mut self.session, &self.sorted, budget)?;
        let rate = self.sorted.len() as f64 / started.elapsed().as_secs_f64();
        let real: usize = self.sorted.iter().map(Vec::len).sum();
        let batch = self.sorted.len() as f64 / batches.max(1) as f64;
        Ok(Pass { budget, rate, batch, padding: 1.0 - real as f64 / padded.max(1) as f64 })
    }
}

/// Answers with how many batches there were, and their padded tokens.
fn run_all(session: &mut Session, sorted: &[Vec<u32>], budget: usize) -> anyhow::Result<(usize, usize)> {
    let (mut first, mut batches, mut padded) = (0, 0, 0);
    while first < sorted.len() {
        let mut end = first + 1;
        while end < sorted.len() && sorted[end].len() * (end + 1 - first) <= budget {
            end += 1;
        }
        run_batch(session, &sorted[first..end])?;
        batches += 1;
        padded += sorted[end - 1].len() * (end - first);
        first = end;
    }
    Ok((batches, padded))
}

fn run_batch(session: &mut Session, texts: &[Vec<u32>]) -> anyhow::Result<()> {
    let longest = texts.iter().map(Vec::len).max().unwrap_or(0);
    let mut ids = Array2::<i64>::zeros((texts.len(), longest));
    let mut mask = Array2::<i64>::zeros((texts.len(), longest));
    for (row, text) in texts.iter().enumerate() {
        for (column, id) in text.iter().enumerate() {
            ids[[row, column]] = i64::from(*id);
            mask[[row, column]] = 1;
        }
    }
    let types = Array2::<i64>::zeros(ids.dim());
    let outputs = session.run(ort::inputs![
        "input_ids" => TensorRef::from_array_view(&ids)?,
        "attention_mask" => TensorRef::from_array_view(&mask)?,
        "token_type_ids" => TensorRef::from_array_view(&types)?,
    ])?;
    anyhow::ensure!(
        outputs[0].try_extract_array::<f32>()?.shape()[0] == texts.len(),
        "a batch came back short"
    );
    Ok(())
}
