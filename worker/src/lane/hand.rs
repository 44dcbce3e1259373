//! What the model's thread has in its hands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::Isolation;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Noted;

use super::engine::{Engine, IN_HAND};
use super::work::{Ready, Work};
use crate::batch::Batch;
use crate::pipeline::Pipeline;
use crate::quarantine::{Quarantine, Sealed};

/// The batches that the model's thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batches {
    /// So many healthy ones.
    Healthy(u32),
    /// One of suspects, and nothing else, so that a crash has no other cause in this lane.
    Suspects,
}

/// Puts batches into the hands of the model's thread, while it takes them.
pub(super) struct Hand<P: Pipeline> {
    batches: Batches,
    /// Since when it has nothing, if it has nothing.
    idle_since: Option<Instant>,
    /// How many batches have departed: the number of the latest.
    departed: u64,
    engine: Engine<P>,
    quarantine: Quarantine,
    tasks: Tasks,
}

impl<P: Pipeline> Hand<P> {
    /// Nothing is in hand yet.
    pub(super) fn new(engine: Engine<P>, quarantine: Quarantine, tasks: Tasks) -> Self {
        let (batches, idle_since) = (Batches::Healthy(0), Some(Instant::now()));
        Self { batches, idle_since, departed: 0, engine, quarantine, tasks }
    }

    /// The model is to be loaded.
    pub(super) fn load(&self) {
        self.engine.load();
    }

    pub(super) fn is_full(&self) -> bool {
        !matches!(self.batches, Batches::Healthy(count) if count < IN_HAND)
    }

    /// Since when the device is idle, if it is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.idle_since
    }

    /// The number of the batch that departs next.
    pub(super) fn next_number(&self) -> u64 {
        self.departed + 1
    }

    /// Sends a batch, which `worker` holds the leases of. Suspects are sent while nothing else is in hand.
    pub(super) fn send(&mut self, batch: Batch<Ready<P>>, pipeline: Option<Arc<P>>, worker: WorkerId) {
        self.departed += 1;
        self.idle_since = None;
        let items = batch.items.into_iter().map(|item| item.payload).collect();
        let work = Work { number: self.departed, items, pipeline, sealed: None };
        match self.batches {
            Batches::Healthy(count) if batch.isolation == Isolation::None => {
                self.batches = Batches::Healthy(count + 1);
                self.engine.send(work);
            }
            _ => {
                self.batches = Batches::Suspects;
                self.send_sealed(work, worker);
            }
        }
    }

    /// Suspects depart once no others run in this process and the worker's row names them.
    fn send_sealed(&self, mut work: Work<P>, worker: WorkerId) {
        let mut by_job: HashMap<JobId, Vec<u32>> = HashMap::new();
        for item in &work.items {
            by_job.entry(item.job).or_default().push(item.index);
        }
        let (quarantine, engine) = (self.quarantine.clone(), self.engine.clone());
        self.tasks.spawn("seal", async move {
            match quarantine.seal(worker, Noted(by_job.into_iter().collect())).await {
                Some(sealed) => {
                    work.sealed = Some(sealed);
                    engine.send(work);
                }
                // The lease is gone, and with it these jobs.
                None => engine.give_up().await,
            }
        });
    }

    /// A batch has left the device.
    pub(super) fn take_back(&mut self, sealed: Option<Sealed>) {
        self.batches = match self.batches {
            Batches::Healthy(count) => Batches::Healthy(count.saturating_sub(1)),
            Batches::Suspects => Batches::Healthy(0),
        };
        if self.batches == Batches::Healthy(0) {
            self.idle_since = Some(Instant::now());
        }
        if let Some(sealed) = sealed {
            self.tasks.spawn("unseal", sealed.open());
        }
    }
}
