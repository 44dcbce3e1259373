//! What a batch looks like as it departs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use forebay_shared::id::JobId;
use forebay_shared::job::BatchAccount;

use super::work::Ready;
use crate::batch::Batch;
use crate::pipeline::Pipeline;

/// How long a job's items in one batch have waited at most, and how many they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits {
    pub(super) own: u32,
    pub(super) device: Duration,
    pub(super) company: Duration,
    pub(super) longest: Duration,
}

impl Waits {
    /// One more item, which waited so long for the device and for others to join it.
    fn add(&mut self, device: Duration, company: Duration) {
        self.own += 1;
        self.device = self.device.max(device);
        self.company = self.company.max(company);
        self.longest = self.longest.max(device + company);
    }
}

/// How long each job's items have waited, if the device has been idle since that instant.
pub(super) fn waits<P: Pipeline>(
    batch: &Batch<Ready<P>>,
    idle_since: Option<Instant>,
    now: Instant,
) -> HashMap<JobId, Waits> {
    let mut waits: HashMap<JobId, Waits> = HashMap::new();
    for item in &batch.items {
        // While the device was idle, an item waited for others that could have joined it.
        let company = idle_since.map_or(Duration::ZERO, |idle| now.duration_since(idle.max(item.since)));
        let device = now.duration_since(item.since).saturating_sub(company);
        waits.entry(item.payload.job).or_default().add(device, company);
    }
    waits
}

/// What is the same for all jobs in the batch of this number.
pub(super) fn shape<T>(batch: &Batch<T>, number: u64) -> BatchAccount {
    let (real, padded) = batch.costs();
    BatchAccount {
        number,
        items: u32::try_from(batch.items.len()).unwrap_or(u32::MAX),
        own: 0,
        cost: padded,
        padding: padded - real,
        device_ms: 0.0,
        company_ms: 0.0,
        closed: batch.closed,
        isolation: batch.isolation.into(),
        run_ms: None,
        split: false,
    }
}

/// Counts a batch of this shape in the model's metrics.
pub(super) fn count(model: &str, shape: &BatchAccount) {
    let model = model.to_owned();
    metrics::histogram!("forebay_batch_items", "model" => model.clone()).record(f64::from(shape.items));
    metrics::histogram!("forebay_batch_padding_ratio", "model" => model.clone())
        .record(shape.padding as f64 / shape.cost.max(1) as f64);
    metrics::counter!("forebay_batch_cost_total", "model" => model.clone()).increment(shape.cost);
    metrics::counter!("forebay_batch_padding_total", "model" => model.clone()).increment(shape.padding);
    metrics::counter!("forebay_batches_total", "model" => model, "closed" => shape.closed.as_str())
        .increment(1);
}
