//! What the worker tells of its batches at /metrics.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::client::Client;
use crate::column::Column;

/// All series of the worker at one instant.
#[derive(Clone, Debug)]
pub struct Reading {
    at: Instant,
    series: BTreeMap<String, f64>,
}

/// A model's batches between two readings.
#[derive(Clone, Debug, Serialize)]
pub struct Batches {
    /// How many there were.
    pub count: f64,
    /// Items of a batch, on average.
    pub items: f64,
    /// The share of a batch that was padding, on average over batches.
    pub padding: f64,
    /// The share of the time in which a batch was with the model.
    pub busy: f64,
    /// Seconds that batches were with the model, per 1,000 items.
    pub run: f64,
    /// Why no more items joined, as shares of the batches.
    pub closed: BTreeMap<String, f64>,
}

impl Reading {
    /// Reads them now.
    pub async fn take(client: &Client, column: &Column) -> anyhow::Result<Self> {
        let text = client.text(&column.metrics).await?;
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(Self { at: Instant::now(), series: series.collect() })
    }

    /// The sum of all series of this name with this label.
    fn sum(&self, name: &str, label: &str) -> f64 {
        self.of(name, label).map(|(_, value)| value).sum()
    }

    fn of<'a>(&'a self, name: &'a str, label: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.series
            .iter()
            .filter(move |(key, _)| {
                key.strip_prefix(name).is_some_and(|rest| rest.starts_with('{') && rest.contains(label))
            })
            .map(|(key, value)| (key.as_str(), *value))
    }

    /// Jobs of a model whose attempts were settled so far.
    pub fn settled(&self, model: &str) -> f64 {
        self.sum("forebay_attempts_settled_total", &label(model))
    }

    /// What a model's batches were like since an earlier reading.
    pub fn since(&self, earlier: &Self, model: &str) -> Batches {
        let label = label(model);
        let grown = |name: &str| self.sum(name, &label) - earlier.sum(name, &label);
        let count = grown("forebay_batch_items_count");
        let (items, ran) = (grown("forebay_batch_items_sum"), grown("forebay_batch_run_seconds_sum"));
        let mut closed = BTreeMap::new();
        for (key, value) in self.of("forebay_batches_total", &label) {
            let before = earlier.series.get(key).copied().unwrap_or_default();
            let reason = key.split("closed=\"").nth(1).and_then(|rest| rest.split('"').next());
            if let Some(reason) = reason.filter(|_| value > before) {
                closed.insert(reason.to_owned(), (value - before) / count.max(1.0));
            }
        }
        Batches {
            count,
            items: items / count.max(1.0),
            padding: grown("forebay_batch_padding_ratio_sum") / count.max(1.0),
            busy: ran / self.at.duration_since(earlier.at).as_secs_f64(),
            run: ran * 1_000.0 / items.max(1.0),
            closed,
        }
    }
}

fn label(model: &str) -> String {
    format!("model=\"{model}\"")
}
