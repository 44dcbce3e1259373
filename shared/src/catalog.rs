//! Which models there are, as of a moment ago.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::model::Model;
use crate::store::{Store, StoreResult};

/// How old the view may be: models come and go rarely, and a second is not noticed.
const FRESH: Duration = Duration::from_secs(1);

/// How old it may be when a name is missing from it: a model that has just been announced is found, and somebody who
/// asks for one that does not exist costs at most twenty reads a second.
const FRESH_ON_A_MISS: Duration = Duration::from_millis(50);

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
        self.no_older_than(FRESH).await
    }

    /// The model with this name or alias; a name stands before an alias.
    pub async fn find(&self, name: &str) -> StoreResult<Option<Model>> {
        match named(&self.models().await?, name) {
            Some(model) => Ok(Some(model)),
            None => Ok(named(&self.no_older_than(FRESH_ON_A_MISS).await?, name)),
        }
    }

    async fn no_older_than(&self, age: Duration) -> StoreResult<Arc<Vec<Model>>> {
        let mut view = self.view.lock().await;
        match view.as_ref() {
            Some((read_at, models)) if read_at.elapsed() < age => Ok(models.clone()),
            _ => {
                let models = Arc::new(self.store.models().await?);
                *view = Some((Instant::now(), models.clone()));
                Ok(models)
            }
        }
    }
}

fn named(models: &[Model], name: &str) -> Option<Model> {
    let exactly = models.iter().find(|model| model.card.name == name);
    exactly.or_else(|| models.iter().find(|model| model.card.answers_to(name))).cloned()
}
