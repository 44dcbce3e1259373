//! Which models there are, as of a moment ago.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::model::Model;
use crate::store::{Store, StoreResult};

/// How old the view may be: models come and go rarely, and a second is not noticed.
const FRESH: Duration = Duration::from_secs(1);

/// A view of the announced models that is renewed when it is asked and has grown old.
#[derive(Debug)]
pub struct Catalog {
    store: Arc<dyn Store>,
    view: Mutex<Option<(Instant, Arc<Vec<Model>>)>>,
}

impl Catalog {
    /// A view of the store's models.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, view: Mutex::default() }
    }

    /// All models, by name.
    pub async fn models(&self) -> StoreResult<Arc<Vec<Model>>> {
        let mut view = self.view.lock().await;
        match view.as_ref() {
            Some((read_at, models)) if read_at.elapsed() < FRESH => Ok(models.clone()),
            _ => {
                let models = Arc::new(self.store.models().await?);
                *view = Some((Instant::now(), models.clone()));
                Ok(models)
            }
        }
    }

    /// The model with this name or alias; a name stands before an alias.
    pub async fn find(&self, name: &str) -> StoreResult<Option<Model>> {
        let models = self.models().await?;
        let named = models.iter().find(|model| model.card.name == name);
        Ok(named.or_else(|| models.iter().find(|model| model.card.answers_to(name))).cloned())
    }
}
