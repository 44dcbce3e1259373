//! Items per second of each kind: through the whole column, and of the model's runs alone over batches that lie ready.
//!
//! Alone means ONNX Runtime and the taking of its outputs, with the worker's session settings, in this process while the
//! column idles. One at a time is one client that waits for each answer; full batches come of jobs of many items.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use forebay_worker::check::{Rates, rates, read_samples};
use forebay_worker::model::{Provider, Runtime};
use serde::Serialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::column::{Column, Plan};
use crate::drive;

/// Roughly how long each figure of the column is measured, at the rate of the runs alone.
const LONG: Duration = Duration::from_secs(4);
const QUICK: Duration = Duration::from_millis(500);
/// Items of one job at most.
const ITEMS: usize = 64;
/// Pixels of a picture at most: the samples have fewer.
const MAX_PIXELS: u64 = 50_000_000;
/// What texts are measured with, 24 tokens in the minds of most models.
const TEXT: &str = "The ship left the harbour before dawn, and by noon nobody on the quay could tell its sails from the clouds.";
const CAT: &str = "models/samples/cat.jpg";
const PRINT: &str = "models/reference/images/print/paragraph.png";

/// A model of each kind, and what it is asked about: a picture, or the text.
const SUBJECTS: [(&str, Option<&str>); 13] = [
    ("all-minilm-l6-v2", None),
    ("multilingual-e5-small", None),
    ("emotion", None),
    ("prompt-injection", None),
    ("minilm-rerank", None),
    ("minilm-similarity", None),
    ("minilm-zero-shot", None),
    ("efficientnet-lite0", Some(CAT)),
    ("opennsfw", Some(CAT)),
    ("centernet-coco", Some(CAT)),
    ("u2netp", Some(CAT)),
    ("style-transfer-26", Some(CAT)),
    ("pp-ocrv4", Some(PRINT)),
];

/// What one model reaches.
#[derive(Debug, Serialize)]
pub struct KindFigure {
    pub model: String,
    pub kind: String,
    pub one: Pair,
    /// Items of a full batch.
    pub items: usize,
    pub full: Pair,
}

/// Items per second.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pair {
    /// Of the model's runs alone.
    pub alone: f64,
    /// Through the whole column.
    pub served: f64,
}

impl Pair {
    /// How much of the runs' rate the column reaches.
    pub fn ratio(&self) -> f64 {
        self.served / self.alone
    }
}

/// Measures the models one after the other; all of them unless some are named.
pub async fn measure(
    plan: &Plan,
    column: &Column,
    only: &[String],
    quick: bool,
) -> anyhow::Result<Vec<KindFigure>> {
    let client = Client::new(&column.url)?;
    let runtime = Runtime::load(Path::new(""), &[plan.data.join("lib")], &[Provider::Cpu], plan.threads)?;
    let texts = tempfile::NamedTempFile::new()?;
    fs::write(texts.path(), TEXT)?;
    let mut figures = Vec::new();
    for (model, picture) in SUBJECTS {
        if !only.is_empty() && !only.iter().any(|name| name == model) {
            continue;
        }
        let file = picture.map_or_else(|| texts.path().to_owned(), PathBuf::from);
        let sample = read_samples(&[file])?.into_iter().next().context("there is no sample")?;
        let rates = rates(&plan.data.join("models").join(model), sample, &runtime, MAX_PIXELS)?;
        let item = match picture {
            Some(picture) => json!({"image": {"base64": STANDARD.encode(fs::read(picture)?)}}),
            None => json!(TEXT),
        };
        let figure = served(&client, model, &item, &rates, if quick { QUICK } else { LONG }).await;
        figures.push(figure.with_context(|| model.to_owned())?);
    }
    Ok(figures)
}

async fn served(
    client: &Client,
    model: &str,
    item: &Value,
    rates: &Rates,
    long: Duration,
) -> anyhow::Result<KindFigure> {
    let params = match rates.kind.as_str() {
        "rerank" => json!({"query": "What happened?"}),
        "text_similarity" => json!({"source": "What happened?"}),
        "zero_shot_classification" => json!({"candidate_labels": ["travel", "sport", "weather"]}),
        _ => json!({}),
    };
    let body = |items: usize| {
        let job = json!({"model": model, "inputs": vec![item; items], "params": params});
        Bytes::from(job.to_string())
    };
    // The first job loads the model.
    client.run(&body(1)).await?;
    let within = |rate: f64, least: usize| ran_within(long, rate).max(least);
    let singles = vec![body(1); within(rates.one, 4)];
    let driven = drive::waiting(client, &singles, 1).await?;
    let one = Pair { alone: rates.one, served: singles.len() as f64 / driven.seconds };
    // So many jobs that the next is there when one ends, and each of them a few batches.
    let items = (2 * rates.items).clamp(1, ITEMS);
    let jobs = vec![body(items); within(rates.full, 4 * items).div_ceil(items)];
    let driven = drive::jobs(client, &jobs).await?;
    let full = Pair { alone: rates.full, served: (jobs.len() * items) as f64 / driven.seconds };
    Ok(KindFigure { model: model.to_owned(), kind: rates.kind.to_string(), one, items: rates.items, full })
}

/// How many items run within a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few thousand, and never less than none"
)]
fn ran_within(time: Duration, rate: f64) -> usize {
    (time.as_secs_f64() * rate) as usize
}
