//! The intakes of one life of a worker: one for each lane that takes work.

use std::collections::BTreeMap;

use forebay_shared::id::WorkerId;
use forebay_shared::shutdown::Tasks;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::intake::{Intake, IntakeParts};
use crate::lane::LaneHandle;

/// The intakes of one life. Should it be dropped, nothing goes on taking messages in its name.
#[derive(Debug)]
pub(crate) struct Intakes {
    parts: IntakeParts,
    worker: WorkerId,
    tasks: Tasks,
    life: CancellationToken,
    running: BTreeMap<String, Running>,
    _ends_with_this: DropGuard,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Running {
    life: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Waits until it takes nothing any more; what it has claimed is in its lane.
    pub(crate) async fn end(self) {
        self.life.cancel();
        // An intake that panicked takes nothing either.
        let _ = self.task.await;
    }
}

impl Intakes {
    /// None yet.
    pub(crate) fn new(parts: IntakeParts, worker: WorkerId, tasks: Tasks) -> Self {
        let life = CancellationToken::new();
        let running = BTreeMap::new();
        Self { parts, worker, tasks, _ends_with_this: life.clone().drop_guard(), life, running }
    }

    /// The lane takes work from now on.
    pub(crate) fn start(&mut self, lane: &LaneHandle) {
        let life = self.life.child_token();
        let intake = Intake::new(self.parts.clone(), lane.clone(), self.worker, life.clone());
        let task = self.tasks.spawn("intake", intake.run());
        self.running.insert(lane.model.clone(), Running { life, task });
    }

    /// The model's intake, to be ended.
    pub(crate) fn take(&mut self, model: &str) -> Option<Running> {
        self.running.remove(model)
    }

    /// Ends all of them.
    pub(crate) async fn end(&mut self) {
        self.life.cancel();
        let running = std::mem::take(&mut self.running);
        futures::future::join_all(running.into_values().map(Running::end)).await;
    }
}
