//! Load on a column, and how fast it is answered. Nothing but statuses is looked at while the clock runs.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use futures::future::{join_all, try_join, try_join_all};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use crate::ECHO;
use crate::client::Client;
use crate::column::Column;
use crate::gauge::Reading;

/// Connections that submit jobs of many items, and as many that wait for them and fetch their results.
pub const CONNECTIONS: usize = 8;
/// Clients that submit jobs of one item.
pub const CLIENTS: usize = 64;
/// One in so many answers is kept, to be parsed after the clock has stopped.
const SAMPLED: usize = 16;
/// The numbers of an embedding.
const DIMENSIONS: usize = 384;
/// How often the worker is asked how many jobs it has settled.
const GLANCE: Duration = Duration::from_millis(25);
/// How long jobs may take that were all accepted.
const PATIENCE: Duration = Duration::from_mins(5);

/// What was driven through a column.
#[derive(Debug, Default)]
pub struct Driven {
    /// From the first submission to the last answer.
    pub seconds: f64,
    /// Each job's time from submission to answer, in milliseconds.
    pub latencies: Vec<f64>,
    /// The job that took longest, with its document.
    pub slowest: (f64, Bytes),
    /// Job documents, some of them.
    pub documents: Vec<Bytes>,
    /// Results, some of them.
    pub results: Vec<Bytes>,
}

/// Jobs without a model: per second accepted, and per second done since the first was submitted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Throughput {
    pub accepted: f64,
    pub done: f64,
}

impl Driven {
    fn took(&mut self, begun: Instant, document: &Bytes) {
        let took = begun.elapsed().as_secs_f64() * 1_000.0;
        self.latencies.push(took);
        if took > self.slowest.0 {
            self.slowest = (took, document.clone());
        }
    }
}

/// Submits all jobs as fast as `CONNECTIONS` can, waits for each and fetches its result.
pub async fn jobs(client: &Client, bodies: &[Bytes]) -> anyhow::Result<Driven> {
    let (accepted, waiting) = mpsc::unbounded_channel();
    let waiting = Mutex::new(waiting);
    let started = Instant::now();
    let next = Cell::new(0);
    let submit = |accepted: mpsc::UnboundedSender<_>| {
        let next = &next;
        async move {
            while let Some(body) = bodies.get(next.replace(next.get() + 1)) {
                let begun = Instant::now();
                accepted.send((client.submit(body).await?, begun)).context("nobody waits for results")?;
            }
            anyhow::Ok(())
        }
    };
    let submitting = try_join_all((0..CONNECTIONS).map(|_| submit(accepted.clone())));
    drop(accepted);
    let follow = || async {
        let mut own = Driven::default();
        loop {
            let Some((path, begun)) = waiting.lock().await.recv().await else { return anyhow::Ok(own) };
            let document = client.succeeded(&path).await?;
            let result = client.result(&path).await?;
            own.took(begun, &document);
            own.documents.push(document);
            if own.results.len() * SAMPLED < own.latencies.len() {
                own.results.push(result);
            }
        }
    };
    let (_, followed) = try_join(submitting, try_join_all((0..CONNECTIONS).map(|_| follow()))).await?;
    Ok(together(followed, started))
}

/// Runs jobs one after the other from each of so many clients, which wait for their answers.
pub async fn waiting(client: &Client, bodies: &[Bytes], clients: usize) -> anyhow::Result<Driven> {
    let started = Instant::now();
    let next = Cell::new(0);
    let run = || async {
        let mut own = Driven::default();
        loop {
            let number = next.replace(next.get() + 1);
            let Some(body) = bodies.get(number) else { return anyhow::Ok(own) };
            let begun = Instant::now();
            let document = client.run(body).await?;
            own.took(begun, &document);
            if number.is_multiple_of(SAMPLED) {
                own.documents.push(document);
            }
        }
    };
    let driven = try_join_all((0..clients).map(|_| run())).await?;
    Ok(together(driven, started))
}

/// Submits jobs for `echo` and waits, by the worker's own count, until they are done.
pub async fn echo(
    client: &Client,
    column: &Column,
    bodies: &[Bytes],
    clients: usize,
) -> anyhow::Result<Throughput> {
    let observer = Client::new(&column.url)?;
    let settled = Reading::take(&observer, column).await?.settled(ECHO);
    let started = Instant::now();
    let next = Cell::new(0);
    let submit = || async {
        while let Some(body) = bodies.get(next.replace(next.get() + 1)) {
            client.submit(body).await?;
        }
        anyhow::Ok(())
    };
    let submitted = join_all((0..clients).map(|_| submit())).await;
    submitted.into_iter().collect::<anyhow::Result<()>>()?;
    let accepted = started.elapsed();
    loop {
        let done = Reading::take(&observer, column).await?.settled(ECHO) - settled;
        if done >= bodies.len() as f64 {
            break;
        }
        anyhow::ensure!(started.elapsed() < PATIENCE, "only {done} of {} jobs were done", bodies.len());
        tokio::time::sleep(GLANCE).await;
    }
    let jobs = bodies.len() as f64;
    Ok(Throughput { accepted: jobs / accepted.as_secs_f64(), done: jobs / started.elapsed().as_secs_f64() })
}

/// Refuses documents and results that are not what was asked for: all items succeeded, each a vector of 384 numbers.
pub fn check(driven: &Driven, jobs: usize, items: usize) -> anyhow::Result<()> {
    anyhow::ensure!(
        driven.latencies.len() == jobs,
        "{} of {jobs} jobs were answered",
        driven.latencies.len()
    );
    for document in &driven.documents {
        let job: Value = serde_json::from_slice(document)?;
        anyhow::ensure!(job["items"]["succeeded"] == items, "not all items succeeded: {}", job["items"]);
        if let result @ Value::Object(_) = &job["result"] {
            embeddings(result, items)?;
        }
    }
    for result in &driven.results {
        embeddings(&serde_json::from_slice(result)?, items)?;
    }
    Ok(())
}

fn embeddings(result: &Value, items: usize) -> anyhow::Result<()> {
    let found = result["items"].as_array().context("a result has no items")?;
    anyhow::ensure!(found.len() == items, "a result has {} items instead of {items}", found.len());
    for item in found {
        let vector = item["output"]["embedding"].as_array().context("an item has no embedding")?;
        anyhow::ensure!(vector.len() == DIMENSIONS, "an embedding has {} numbers", vector.len());
        let length: f64 = vector.iter().filter_map(Value::as_f64).map(|value| value * value).sum();
        anyhow::ensure!((length - 1.0).abs() < 1e-3, "an embedding has the length {}", length.sqrt());
    }
    Ok(())
}

fn together(parts: Vec<Driven>, started: Instant) -> Driven {
    let mut all = Driven { seconds: started.elapsed().as_secs_f64(), ..Driven::default() };
    for part in parts {
        all.latencies.extend(part.latencies);
        if part.slowest.0 > all.slowest.0 {
            all.slowest = part.slowest;
        }
        all.documents.extend(part.documents);
        all.results.extend(part.results);
    }
    all
}
