//! The way into a lane.

use forebay_shared::id::{JobId, WorkerId};
use forebay_shared::job::{Claimed, Cost};
use tokio::sync::{mpsc, oneshot};

use crate::room::{Held, Room};

/// What a lane is asked to do besides its work.
#[derive(Debug)]
pub enum Order {
    /// These jobs are to stop: what has not run is dropped, and they are settled as cancelled.
    Stop(Vec<JobId>),
    /// This worker's lease is gone: all it held is dropped without a word.
    Forget(WorkerId),
    /// Somebody at this address follows the job, and wants to hear how it gets on.
    Watch(JobId, String),
    /// The model is to be loaded.
    Load,
    /// What has not begun is given up; the answer names it.
    Release(oneshot::Sender<Vec<(JobId, u32)>>),
}

/// The way into a lane.
#[derive(Clone, Debug)]
pub struct LaneHandle {
    /// The model's name.
    pub model: String,
    /// What one batch may cost.
    pub turn: Cost,
    /// How much the lane holds and may hold.
    pub room: Room,
    pub(super) jobs: mpsc::Sender<(Claimed, Held)>,
    pub(super) orders: mpsc::Sender<Order>,
}

impl LaneHandle {
    /// Hands a claimed job in; it counts against the room from now on.
    pub async fn accept(&self, claimed: Claimed) {
        let held = self.room.take(claimed.cost, claimed.class, claimed.owner.as_str().into());
        if self.jobs.send((claimed, held)).await.is_err() {
            tracing::error!(model = self.model, "the lane is gone; its leases will lapse");
        }
    }

    /// Whether this is that lane, and not another of the same model.
    pub fn is(&self, other: &Self) -> bool {
        self.jobs.same_channel(&other.jobs)
    }

    /// Gives an order.
    pub async fn order(&self, order: Order) {
        // A lane that is gone holds nothing to be stopped, forgotten or released.
        let _ = self.orders.send(order).await;
    }
}
