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
use tokenizers::{Tokenizer, TruncationParams};

/// The model's longest text.
const MAX_TOKENS: usize = 256;

/// A session, and texts that are ready for it.
pub struct Bare {
    session: Session,
    sorted: Vec<Vec<u32>>,
}

/// How long the texts are, in tokens.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    pub mean: f64,
    pub median: usize,
    pub longest: usize,
}

impl Bare {
    /// Loads the library and the model in `data`, and tokenises `texts`.
    pub fn open(data: &Path, model: &str, threads: usize, texts: &[String]) -> anyhow::Result<Self> {
        let environment =
            ort::init_from(data.join("lib/libonnxruntime.so"))?.with_telemetry(false).build()?;
        let folder = data.join("models").join(model);
        let session = Session::builder(&environment)?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(|error| anyhow!("{error}"))?
            .with_intra_threads(threads)
            .map_err(|error| anyhow!("{error}"))?
            .commit_from_file(folder.join("onnx/model.onnx"))?;
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
        Lengths {
            mean: total as f64 / self.sorted.len().max(1) as f64,
            median: self.sorted.get(self.sorted.len() / 2).map_or(0, Vec::len),
            longest: self.sorted.last().map_or(0, Vec::len),
        }
    }

    /// Texts per second over all of them, in batches of at most `budget` padded tokens.
    pub fn run(&mut self, budget: usize) -> anyhow::Result<f64> {
        let started = Instant::now();
        let mut first = 0;
        while first < self.sorted.len() {
            let mut end = first + 1;
            while end < self.sorted.len() && self.sorted[end].len() * (end + 1 - first) <= budget {
                end += 1;
            }
            run_batch(&mut self.session, &self.sorted[first..end])?;
            first = end;
        }
        Ok(self.sorted.len() as f64 / started.elapsed().as_secs_f64())
    }
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
