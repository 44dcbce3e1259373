//! What passes between a lane and its model's thread.

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::cache::CacheKey;
use forebay_shared::id::JobId;
use forebay_shared::job::Lease;

use super::memory;
use crate::pipeline::Pipeline;
use crate::quarantine::Sealed;
use crate::shelf::Ended;

/// An item that is ready to run.
#[derive(Debug)]
pub(super) struct Ready<P: Pipeline> {
    pub(super) job: JobId,
    pub(super) lease: Lease,
    pub(super) index: u32,
    /// Whether its job is a slice of a bulk.
    pub(super) of_bulk: bool,
    pub(super) prepared: P::Prepared,
    /// Under what its answer may be kept.
    pub(super) key: Option<CacheKey>,
    /// What it takes of the room for pictures, until its answer's media are stored.
    pub(super) memory: memory::Held,
}

/// A batch for the model.
pub(super) struct Work<P: Pipeline> {
    pub(super) number: u64,
    pub(super) items: Vec<Ready<P>>,
    pub(super) pipeline: Option<Arc<P>>,
    /// For suspects: the right to run them now.
    pub(super) sealed: Option<Sealed>,
}

/// What the thread has to say.
pub(super) enum Word {
    /// A batch has left the device.
    Free(Option<Sealed>),
    /// What became of items that ran together.
    Ran(Ran),
    /// The device had too little memory; a batch is to cost no more than this.
    Ceiling(u64),
}

/// What became of an item: its job, its place in it, its end.
pub(super) type Outcome = (JobId, u32, Ended);

/// What became of a batch's items, or of one of them if the batch was split.
pub(super) struct Ran {
    pub(super) number: u64,
    pub(super) split: bool,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) took: Duration,
}
