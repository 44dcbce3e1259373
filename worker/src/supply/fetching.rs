//! Models on their way from the registry: fetched and read, some at a time.

use std::sync::Arc;

use forebay_shared::model::ModelCard;
use forebay_shared::registry::Registered;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::SupplyParts;
use super::copies::{Copies, LocalCopy};
use crate::model::{ModelFiles, read_closed};

/// Models that are fetched and read at once: small ones come while a large one does, and each has a chunk of a file in memory.
const AT_ONCE: usize = 4;

/// Why a model cannot be served.
pub(super) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// A model that has come, or has failed to.
pub(super) struct Fetched {
    pub(super) model: Registered,
    pub(super) files: Result<ModelFiles, Trouble>,
}

/// What models are fetched with.
#[derive(Clone, Debug)]
pub(super) struct Fetching {
    store: Arc<dyn Store>,
    copies: Copies,
    tasks: Tasks,
    max_pixels: u64,
    turns: Arc<Semaphore>,
    fetched: mpsc::Sender<Fetched>,
}

impl Fetching {
    /// None yet, and where they arrive.
    pub(super) fn new(parts: &SupplyParts, copies: Copies) -> (Self, mpsc::Receiver<Fetched>) {
        let (fetched, arrivals) = mpsc::channel(AT_ONCE);
        let fetching = Self {
            store: parts.store.clone(),
            copies,
            tasks: parts.tasks.clone(),
            max_pixels: parts.max_pixels,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            fetched,
        };
        (fetching, arrivals)
    }

    /// Fetches and reads the model when its turn comes, until what is answered is dropped.
    pub(super) fn start(&self, model: Registered) -> AbortOnDropHandle<()> {
        let fetching = self.clone();
        AbortOnDropHandle::new(self.tasks.spawn("fetching", async move {
            let Ok(_turn) = fetching.turns.acquire().await else { return };
            let files = fetching.files(&model).await;
            // A supply that is gone serves nothing.
            let _ = fetching.fetched.send(Fetched { model, files }).await;
        }))
    }

    /// The model's files, and what it says of itself.
    async fn files(&self, model: &Registered) -> Result<ModelFiles, Trouble> {
        let files = self.store.registered_files(model.owner.as_deref(), &model.name).await?;
        let LocalCopy { folder, held } = self.copies.copy(model, &files).await?;
        let (name, max_pixels) = (model.name.clone(), self.max_pixels);
        let read = self.tasks.spawn_blocking(move || read_closed(&folder, &name)).await??;
        let card = ModelCard { owner: model.owner.clone(), registered: true, ..read.card };
        Ok(ModelFiles { card, max_pixels, held: Some(held), ..read })
    }
}
