//! Where suspects of a crash run: one batch at a time in a process, named in the worker's row.

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::id::WorkerId;
use forebay_shared::store::{Noted, Store};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How long to wait before asking a database that was away again.
const AGAIN: Duration = Duration::from_millis(500);

/// The one place where suspects run.
#[derive(Clone, Debug)]
pub struct Quarantine {
    store: Arc<dyn Store>,
    occupied: Arc<Mutex<()>>,
}

/// The right to run a batch of suspects now.
#[derive(Debug)]
pub struct Sealed {
    store: Arc<dyn Store>,
    worker: WorkerId,
    occupied: OwnedMutexGuard<()>,
}

impl Quarantine {
    /// An empty quarantine.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, occupied: Arc::default() }
    }

    /// Does what may take the process along: while it does, suspects are named in the worker's row, if there are any. `None`:
    /// the worker's lease is gone, and nothing was done.
    pub async fn during<T>(
        &self,
        worker: WorkerId,
        suspects: Option<Noted>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let sealed = match suspects {
            Some(suspects) => Some(self.seal(worker, suspects).await?),
            None => None,
        };
        let done = work.await;
        if let Some(sealed) = sealed {
            sealed.open().await;
        }
        Some(done)
    }

    /// Waits until no suspects run, and names these in the worker's row. `None`: the worker's lease is gone.
    pub async fn seal(&self, worker: WorkerId, noted: Noted) -> Option<Sealed> {
        let occupied = self.occupied.clone().lock_owned().await;
        loop {
            match self.store.note(worker, &noted).await {
                Ok(true) => return Some(Sealed { store: self.store.clone(), worker, occupied }),
                Ok(false) => return None,
                Err(error) => {
                    // Unnoted suspects must not run: a crash would be blamed on nobody.
                    tracing::warn!(%error, "suspects wait until they can be noted");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

impl Sealed {
    /// The suspects survived: they are named no longer, and others may run.
    pub async fn open(self) {
        if let Err(error) = self.store.note(self.worker, &Noted::default()).await {
            // The next batch of suspects overwrites the note; until then a crash would be blamed on these too.
            tracing::warn!(%error, "a note of suspects could not be cleared");
        }
        drop(self.occupied);
    }
}
