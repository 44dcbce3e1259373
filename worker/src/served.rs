//! Tells the world which models a worker serves, when that changes.

use std::sync::Arc;

use forebay_shared::id::WorkerId;
use forebay_shared::model::ModelCard;
use forebay_shared::store::{Store, StoreResult};
use tokio::sync::Mutex;

use crate::lanes::Lanes;
use crate::lease::{AGAIN, Board};

/// What has changed.
#[derive(Clone, Debug)]
pub(crate) enum News {
    /// A model of this description is served.
    Came(Box<ModelCard>),
    /// The model of this name is served no longer.
    Gone(String),
}

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
    pub(crate) async fn tell(self, worker: WorkerId, news: News) {
        // One after the other, so that the last word is the latest.
        let _turn = self.turn.lock().await;
        while let Err(error) = self.tell_once(worker, &news).await {
            tracing::warn!(%error, "it cannot be told at the moment which models are served");
            tokio::time::sleep(AGAIN).await;
            if !self.board.holds(worker) {
                return;
            }
        }
    }

    async fn tell_once(&self, worker: WorkerId, news: &News) -> StoreResult<()> {
        let models = self.lanes.models();
        self.store.serve(worker, &models).await?;
        match news {
            // Described after it is told that it is served, so that nobody withdraws it in between.
            News::Came(card) if models.contains(&card.name) => {
                self.store.announce(std::slice::from_ref(card)).await
            }
            News::Gone(name) if !models.contains(name) => self.store.withdraw(name).await.map(drop),
            News::Came(_) | News::Gone(_) => Ok(()),
        }
    }
}
