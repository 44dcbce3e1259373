//! Tells the world which models a worker serves, when that changes.

use std::sync::Arc;

use forebay_shared::id::WorkerId;
use forebay_shared::store::Store;
use tokio::sync::Mutex;

use crate::lanes::Lanes;
use crate::lease::{AGAIN, Board};

/// Tells what a worker serves.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    store: Arc<dyn Store>,
    lanes: Lanes,
    board: Board,
    turn: Arc<Mutex<()>>,
}

impl Served {
    pub(crate) fn new(store: Arc<dyn Store>, lanes: Lanes, board: Board) -> Self {
        Self { store, lanes, board, turn: Arc::default() }
    }

    /// Tells it until it is heard, or this life is over: the next one tells all that it serves.
    pub(crate) async fn tell(self, worker: WorkerId) {
        // One after the other, so that the last word is the latest.
        let _turn = self.turn.lock().await;
        while let Err(error) = self.store.serve(worker, &self.lanes.models()).await {
            tracing::warn!(%error, "it cannot be told at the moment which models are served");
            tokio::time::sleep(AGAIN).await;
            if !self.board.holds(worker) {
                return;
            }
        }
    }
}
