//! Where a job that waits stands: how much goes before it, and when it will have run.
//!
//! Its own line is read each time; what waits elsewhere is read at most ten times a second, however many ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::catalog::Catalog;
use forebay_shared::handover::eta::{self, Place};
use forebay_shared::job::{Job, Status};
use forebay_shared::store::{Load, Store, StoreResult};
use tokio::sync::Mutex;

/// How old what is known of other lines may be: the door looks as often.
const FRESH: Duration = Duration::from_millis(100);

/// Says where jobs stand.
#[derive(Debug)]
pub struct Places {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    loads: Mutex<Option<(Instant, Arc<Vec<Load>>)>>,
}

impl Places {
    /// Nothing is known yet.
    pub fn new(store: Arc<dyn Store>, catalog: Arc<Catalog>) -> Self {
        Self { store, catalog, loads: Mutex::default() }
    }

    /// What goes before the job; none if it does not wait.
    pub async fn of(&self, job: &Job) -> StoreResult<Option<Place>> {
        if job.status != Status::Queued {
            return Ok(None);
        }
        let Some(ahead) = self.store.ahead(&job.owner, job.id).await? else { return Ok(None) };
        let loads = self.loads().await?;
        let rate = self.catalog.find(&job.owner, &job.model).await?.map(|model| model.rate);
        Ok(Some(eta::place(&ahead, &loads, rate)))
    }

    async fn loads(&self) -> StoreResult<Arc<Vec<Load>>> {
        let mut known = self.loads.lock().await;
        match known.as_ref() {
            Some((read_at, loads)) if read_at.elapsed() < FRESH => Ok(loads.clone()),
            _ => {
                let loads = Arc::new(self.store.loads().await?);
                *known = Some((Instant::now(), loads.clone()));
                Ok(loads)
            }
        }
    }
}
