//! What lanes share.

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::events::Events;
use forebay_shared::shutdown::Tasks;
use tokio::sync::mpsc;

use super::reader::Reader;
use crate::model::Runtime;
use crate::quarantine::Quarantine;
use crate::rate::Rates;
use crate::residence::Residence;
use crate::settle::Finished;
use crate::shelf::Shelf;

/// What lanes share.
#[derive(Clone, Debug)]
pub struct LaneParts {
    /// Reads items.
    pub reader: Reader,
    /// The runtime library, if any model needs it.
    pub runtime: Option<Runtime>,
    /// Which models stay loaded.
    pub residence: Residence,
    /// Whether a model is loaded before its first job comes, unless its manifest says.
    pub warm_up: bool,
    /// How long a model stays loaded without work, unless its manifest says; `None`: until somebody needs its room.
    pub keep_alive: Option<Duration>,
    /// Where suspects run, one batch at a time.
    pub quarantine: Quarantine,
    /// Where word of progress goes.
    pub events: Arc<dyn Events>,
    /// Where finished jobs go.
    pub settle: mpsc::Sender<Finished>,
    /// Batches of work of each class that a lane may hold.
    pub hold: u64,
    /// Where media go.
    pub shelf: Shelf,
    /// How fast the models work.
    pub rates: Rates,
    /// The process's tasks.
    pub tasks: Tasks,
}
