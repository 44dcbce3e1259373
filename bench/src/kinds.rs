//! Items per second of each kind: through the whole column, and of the model's runs alone over batches that lie ready.
//!
//! Alone means ONNX Runtime and the taking of its outputs, with the worker's session settings, in this process while the
//! column idles. One at a time is one client that waits for each answer; full batches come of jobs of many items.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use forebay_worker::check::{Rates, Sample, needed_params, rates, read_samples};
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
const CAT: Question = Question::Picture("models/samples/cat.jpg");
const PRINT: Question = Question::Picture("models/reference/images/print/paragraph.png");

/// A model of each kind, and what it is asked about.
const SUBJECTS: [(&str, Question); 14] = [
    ("all-minilm-l6-v2", Question::Text),
    ("multilingual-e5-small", Question::Text),
    ("emotion", Question::Text),
    ("prompt-injection", Question::Text),
    ("minilm-rerank", Question::Text),
    ("minilm-similarity", Question::Text),
    ("minilm-zero-shot", Question::Text),
    ("efficientnet-lite0", CAT),
    ("opennsfw", CAT),
    ("centernet-coco", CAT),
    ("u2netp", CAT),
    ("style-transfer-26", CAT),
    ("pp-ocrv4", PRINT),
    ("magika", Question::Bytes),
];

/// What a model is asked about.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// The text, with a number in it: kinds that compare run equal texts of a batch once.
    Text,
    /// A picture, the same in every item.
    Picture(&'static str),
    /// So many numbers of one tensor.
    Bytes,
}

impl Question {
    /// One item among others, as a submission has it.
    fn item(self, number: usize) -> anyhow::Result<Value> {
        Ok(match self {
            Self::Text => json!(format!("{TEXT} {number:03}")),
            Self::Picture(file) => json!({"image": {"base64": STANDARD.encode(fs::read(file)?)}}),
            Self::Bytes => {
                let data: Vec<_> = (0..2048).map(|place| place % 256).collect();
                let tensor =
                    json!({"name": "bytes", "datatype": "INT32", "shape": [1, data.len()], "data": data});
                json!({"tensors": [tensor]})
            }
        })
    }

    /// The same for the model's runs alone.
    fn sample(self) -> anyhow::Result<Sample> {
        let file = tempfile::NamedTempFile::new()?;
        match self {
            Self::Text => fs::write(file.path(), TEXT)?,
            Self::Picture(picture) => drop(fs::copy(picture, file.path())?),
            Self::Bytes => fs::write(file.path(), self.item(0)?.to_string())?,
        }
        read_samples(&[file.path().to_owned()])?.into_iter().next().context("there is no sample")
    }
}

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
    let mut figures = Vec::new();
    for (model, question) in SUBJECTS {
        if !only.is_empty() && !only.iter().any(|name| name == model) {
            continue;
        }
        let folder = plan.data.join("models").join(model);
        let rates = rates(&folder, question.sample()?, &runtime, MAX_PIXELS)?;
        let figure = served(&client, model, question, &rates, if quick { QUICK } else { LONG }).await;
        figures.push(figure.with_context(|| model.to_owned())?);
    }
    Ok(figures)
}

async fn served(
    client: &Client,
    model: &str,
    question: Question,
    rates: &Rates,
    long: Duration,
) -> anyhow::Result<KindFigure> {
    let params = needed_params(rates.kind);
    let body = |numbers: Range<usize>| -> anyhow::Result<Bytes> {
        let inputs: Vec<Value> = numbers.map(|number| question.item(number)).collect::<Result<_, _>>()?;
        Ok(json!({"model": model, "inputs": inputs, "params": params}).to_string().into())
    };
    // The first job loads the model.
    let single = body(0..1)?;
    client.run(&single).await?;
    let within = |rate: f64, least: usize| ran_within(long, rate).max(least);
    let singles = vec![single; within(rates.one, 4)];
    let driven = drive::waiting(client, &singles, 1).await?;
    let one = Pair { alone: rates.one, served: singles.len() as f64 / driven.seconds };
    // So many jobs that the next is there when one ends, and each of them a few batches.
    let items = (2 * rates.items).clamp(1, ITEMS);
    let jobs = (0..within(rates.full, 4 * items)).step_by(items).map(|first| body(first..first + items));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
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
