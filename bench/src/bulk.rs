//! A long file of requests: from its first byte until every line stands in a slice.
//!
//! A line is durable when its slice is: the transaction that makes all slices of a bulk ends its state `validating`. No
//! worker runs meanwhile, so nothing but taking in is measured.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use serde::Serialize;

use crate::arguments::Kind;
use crate::client::Client;
use crate::column::{Column, Plan};
use crate::{MODEL, corpus};

/// What is aimed at on two cores: so many lines within so many seconds, and so many bytes in each process.
pub const GOAL_LINES: u64 = 1_000_000;
pub const GOAL_SECONDS: f64 = 60.0;
pub const GOAL_MEMORY: u64 = 200_000_000;

/// What every line asks for.
const ENDPOINT: &str = "/v1/embeddings";
/// Different texts; lines take turns with them.
const TEXTS: usize = 6400;
/// How often is looked whether the slices are there.
const GLANCE: Duration = Duration::from_millis(100);
/// How long they may take.
const PATIENCE: Duration = Duration::from_mins(15);

/// What a bulk took.
#[derive(Debug, Serialize)]
pub struct Bulk {
    pub lines: u64,
    pub bytes: u64,
    /// Seconds of the upload.
    pub upload: f64,
    /// Seconds from asking for the batch until all lines were durable.
    pub cut: f64,
    pub memory: Vec<Peak>,
}

/// The most bytes that a process held.
#[derive(Debug, Serialize)]
pub struct Peak {
    pub role: String,
    /// Before the upload.
    pub idle: u64,
    /// Until all lines were durable.
    pub most: u64,
}

/// Configuration that lets so many lines through: the defaults are `OpenAI`'s limits.
pub fn limits(lines: u64) -> Vec<(String, String)> {
    let size = "8 GiB".to_owned();
    let limits = [
        ("FOREBAY_BULK__MAX_LINES", lines.to_string()),
        ("FOREBAY_BULK__MAX_INPUTS", lines.to_string()),
        ("FOREBAY_BULK__MAX_BYTES", size.clone()),
        ("FOREBAY_FILES__BATCH_MAX_SIZE", size.clone()),
        ("FOREBAY_FILES__MAX_SIZE", size),
    ];
    limits.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Uploads a file of so many lines to a fresh fleet and makes a batch of it.
pub async fn measure(plan: &Plan, lines: u64) -> anyhow::Result<Bulk> {
    anyhow::ensure!(
        plan.kind == Kind::Fleet,
        "a bulk is measured on the fleet, whose processes can be told apart"
    );
    let requests = requests(lines)?;
    let mut column = Column::start(plan).await?;
    // It has announced its models by now.
    column.dismiss_worker()?;
    let bulk = take_in(&column, lines, requests).await.with_context(|| column.tails())?;
    column.stop()?;
    Ok(bulk)
}

async fn take_in(column: &Column, lines: u64, requests: Bytes) -> anyhow::Result<Bulk> {
    let (client, bytes, idle) = (Client::new(&column.url)?, requests.len() as u64, column.peaks()?);
    let started = Instant::now();
    let file = client.upload(requests).await?;
    let upload = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let batch = client.create_batch(&file, ENDPOINT).await?;
    durable(&client, &batch, lines).await?;
    let cut = started.elapsed().as_secs_f64();
    let peaks = idle.into_iter().zip(column.peaks()?);
    let memory = peaks.map(|((role, idle), (_, most))| Peak { role, idle, most }).collect();
    Ok(Bulk { lines, bytes, upload, cut, memory })
}

/// Waits until the batch's lines are all in slices.
async fn durable(client: &Client, batch: &str, lines: u64) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let document = client.document(batch).await?;
        match document["status"].as_str() {
            Some("validating") => {}
            Some("in_progress") => {
                let total = document["request_counts"]["total"].as_u64();
                anyhow::ensure!(total == Some(lines), "the batch has {total:?} lines and not {lines}");
                return Ok(());
            }
            _ => anyhow::bail!("the batch was not taken in: {document}"),
        }
        anyhow::ensure!(started.elapsed() < PATIENCE, "the batch is still being read");
        tokio::time::sleep(GLANCE).await;
    }
}

/// The file, made before the clock starts.
fn requests(lines: u64) -> anyhow::Result<Bytes> {
    let texts = corpus::texts(Path::new("."), TEXTS)?;
    let bodies: Vec<String> =
        texts.iter().map(|text| serde_json::json!({"model": MODEL, "input": text}).to_string()).collect();
    let mut file = String::new();
    for (number, body) in (1..=lines).zip(bodies.iter().cycle()) {
        writeln!(
            file,
            r#"{{"custom_id":"line-{number}","method":"POST","url":"{ENDPOINT}","body":{body}}}"#
        )?;
    }
    Ok(file.into())
}
