//! The rounds: everything that is measured, over and over in the same order, so that a machine that drifts drifts for all.
//!
//! What is compared with the bare loop has one pass of it right before and one right after, and is compared with their mean.

use anyhow::Context;
use bytes::Bytes;
use futures::future::try_join_all;
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments::{BareArguments, Measure};
use crate::client::Client;
use crate::column::Column;
use crate::drive::{self, CLIENTS, Driven, Throughput};
use crate::gauge::{Batches, Reading};
use crate::limit::{self, Limit};
use crate::processes::Usage;
use crate::spread::percentile;
use crate::{ECHO, MODEL};

/// Items of a job that has many.
pub const ITEMS: usize = 64;
/// For one `echo` job of many items there are so many of one item.
const FEWER: usize = 8;
/// The steps whose times a job tells, as its document names them.
const STEPS: [&str; 5] = ["queue_wait_ms", "prepare_ms", "batch_wait_ms", "run_ms", "store_ms"];
/// Passes of the bare loop that lie further apart than this share make a poor bracket.
const AGREE: f64 = 0.15;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Sizes {
    pub rounds: usize,
    /// Jobs of one item for `echo`; an eighth as many have 64.
    pub echo: usize,
    /// Jobs one after the other.
    pub sequential: usize,
}

/// Embeddings driven through the column.
#[derive(Clone, Debug, Serialize)]
pub struct Load {
    /// Texts per second.
    pub rate: f64,
    /// The bare loop's, right before and right after.
    pub bare: Option<[f64; 2]>,
    /// Milliseconds from submission to answer.
    pub p50: f64,
    pub p95: f64,
    pub batches: Batches,
    /// Medians of what jobs told, in milliseconds.
    pub steps: Vec<(String, f64)>,
    pub usage: Usage,
}

/// `echo` jobs.
#[derive(Clone, Debug, Serialize)]
pub struct Echo {
    pub single: Throughput,
    pub of_many: Throughput,
    /// Answered, with the client waiting.
    pub waited: f64,
    pub usage: Usage,
}

/// Milliseconds from submission to answer on an idle service.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    pub echo: Sequence,
    pub text: Sequence,
}

/// Jobs one after the other.
#[derive(Clone, Debug, Serialize)]
pub struct Sequence {
    pub p50: f64,
    pub p99: f64,
    pub slowest: f64,
    /// What the slowest told of itself.
    pub steps: Vec<(String, f64)>,
}

/// All figures of all rounds.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    pub bare: Vec<Limit>,
    pub jobs: Vec<Load>,
    pub singles: Vec<Load>,
    pub echo: Vec<Echo>,
    pub latency: Vec<Latency>,
}

/// What rounds are made with.
#[derive(Debug)]
pub struct Ground<'a> {
    pub column: &'a Column,
    pub texts: &'a [String],
    /// With the budget that is used.
    pub bare: BareArguments,
    pub sizes: Sizes,
}

impl Load {
    /// The share of the bare loop's rate.
    pub fn ratio(&self) -> Option<f64> {
        self.bare.map(|[before, after]| self.rate / f64::midpoint(before, after))
    }

    /// Whether the machine was the same before and after.
    pub fn is_bracketed_well(&self) -> bool {
        self.bare.is_none_or(|[before, after]| (before - after).abs() <= AGREE * before.max(after))
    }
}

impl Ground<'_> {
    /// Measures what is asked for, in every round.
    pub async fn rounds(&self, measures: &[Measure]) -> anyhow::Result<Figures> {
        let mut figures = Figures::default();
        self.warm_up().await?;
        for round in 1..=self.sizes.rounds {
            let mut fresh = None;
            for measure in measures {
                eprintln!("round {round}/{}: ({measure:?})", self.sizes.rounds);
                match measure {
                    Measure::A => fresh = Some(self.bare(&mut figures)?),
                    Measure::B | Measure::C => {
                        let mut load = match measure {
                            Measure::B => self.jobs().await?,
                            _ => self.singles().await?,
                        };
                        if let Some(before) = fresh {
                            let after = self.bare(&mut figures)?;
                            fresh = Some(after);
                            load.bare = Some([before, after]);
                        }
                        let kept =
                            if *measure == Measure::B { &mut figures.jobs } else { &mut figures.singles };
                        kept.push(load);
                    }
                    Measure::D => figures.echo.push(self.echo().await?),
                    Measure::E => figures.latency.push(self.latency().await?),
                }
            }
        }
        Ok(figures)
    }

    fn bare(&self, figures: &mut Figures) -> anyhow::Result<f64> {
        let (limit, _) = limit::measure(&self.bare)?;
        figures.bare.push(limit);
        Ok(limit.pass.rate)
    }

    /// Loads the model, opens the queues, fills the pools.
    async fn warm_up(&self) -> anyhow::Result<()> {
        let client = Client::new(&self.column.url)?;
        let few = &self.texts[..self.texts.len().min(4 * ITEMS)];
        let bodies = [bodies(MODEL, few, ITEMS), bodies(MODEL, few, 1), bodies(ECHO, few, 1)];
        try_join_all(bodies.iter().map(|bodies| drive::waiting(&client, bodies, CLIENTS))).await?;
        Ok(())
    }

    /// (b)
    async fn jobs(&self) -> anyhow::Result<Load> {
        self.load(ITEMS, async |client, bodies| drive::jobs(client, bodies).await).await
    }

    /// (c)
    async fn singles(&self) -> anyhow::Result<Load> {
        self.load(1, async |client, bodies| drive::waiting(client, bodies, CLIENTS).await).await
    }

    async fn load(
        &self,
        items: usize,
        drive: impl AsyncFnOnce(&Client, &[Bytes]) -> anyhow::Result<Driven>,
    ) -> anyhow::Result<Load> {
        // Connections of an earlier measurement may have been closed meanwhile.
        let client = Client::new(&self.column.url)?;
        let (bodies, watched) = (bodies(MODEL, self.texts, items), self.column.watched());
        let (before, looked) = (Reading::take(&client, self.column).await?, watched.look()?);
        let driven = drive(&client, &bodies).await?;
        let (usage, after) = (watched.look()?.since(&looked), Reading::take(&client, self.column).await?);
        drive::check(&driven, bodies.len(), items)?;
        Ok(Load {
            rate: self.texts.len() as f64 / driven.seconds,
            bare: None,
            p50: percentile(&driven.latencies, 50),
            p95: percentile(&driven.latencies, 95),
            batches: after.since(&before, MODEL),
            steps: steps(&driven.documents)?,
            usage,
        })
    }

    /// (d)
    async fn echo(&self) -> anyhow::Result<Echo> {
        let client = Client::new(&self.column.url)?;
        let texts = |count| vec!["echo".to_owned(); count];
        let single = bodies(ECHO, &texts(self.sizes.echo), 1);
        let of_many = bodies(ECHO, &texts(self.sizes.echo / FEWER * ITEMS), ITEMS);
        let watched = self.column.watched();
        let looked = watched.look()?;
        let alone = drive::echo(&client, self.column, &single, CLIENTS).await?;
        let usage = watched.look()?.since(&looked);
        let many = drive::echo(&client, self.column, &of_many, CLIENTS).await?;
        let waited = drive::waiting(&client, &single, CLIENTS).await?;
        Ok(Echo { single: alone, of_many: many, waited: single.len() as f64 / waited.seconds, usage })
    }

    /// (e)
    async fn latency(&self) -> anyhow::Result<Latency> {
        let client = Client::new(&self.column.url)?;
        let some: Vec<String> = self.texts.iter().cycle().take(self.sizes.sequential).cloned().collect();
        let echo = drive::waiting(&client, &bodies(ECHO, &some, 1), 1).await?;
        let text = drive::waiting(&client, &bodies(MODEL, &some, 1), 1).await?;
        Ok(Latency { echo: Sequence::of(echo)?, text: Sequence::of(text)? })
    }
}

impl Sequence {
    fn of(driven: Driven) -> anyhow::Result<Self> {
        let (slowest, document) = driven.slowest;
        Ok(Self {
            p50: percentile(&driven.latencies, 50),
            p99: percentile(&driven.latencies, 99),
            slowest,
            steps: steps(&[document])?,
        })
    }
}

/// Submissions of so many texts each.
fn bodies(model: &str, texts: &[String], items: usize) -> Vec<Bytes> {
    texts.chunks(items).map(|texts| json!({"model": model, "inputs": texts}).to_string().into()).collect()
}

/// The median of each step over some jobs.
fn steps(documents: &[Bytes]) -> anyhow::Result<Vec<(String, f64)>> {
    let jobs: Vec<Value> =
        documents.iter().map(|one| serde_json::from_slice(one)).collect::<Result<_, _>>()?;
    STEPS
        .iter()
        .map(|step| {
            let times: Option<Vec<f64>> = jobs.iter().map(|job| job["timings"][step].as_f64()).collect();
            let times = times.with_context(|| format!("a job does not tell its {step}"))?;
            Ok(((*step).to_owned(), percentile(&times, 50)))
        })
        .collect()
}
