//! Models of the registry: looked for, fetched, and offered to the worker while it runs.
//!
//! One statement every few seconds says which there are. What is fetched is kept, so that a restart fetches nothing. A model
//! that cannot be fetched or read is tried again after a while, and leaves the others alone.

mod copies;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::blobs::Blobs;
use forebay_shared::model::ModelCard;
use forebay_shared::registry::{ContentDigest, Registered};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Store, StoreResult};
use tokio::sync::mpsc;

use crate::Change;
use crate::model::{ModelFiles, read_closed};
use copies::Copies;

/// How long a model that could not be served is left alone.
const PATIENCE: Duration = Duration::from_mins(1);

/// What models are supplied with.
#[derive(Debug)]
pub(crate) struct SupplyParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) tasks: Tasks,
    /// Where what is fetched is kept.
    pub(crate) folder: PathBuf,
    /// How often the registry is looked at.
    pub(crate) every: Duration,
    /// The models that are wanted; empty: all.
    pub(crate) wanted: Vec<String>,
    /// Those that the worker has of its own: they stand before the registry's.
    pub(crate) own: HashSet<String>,
    pub(crate) max_pixels: u64,
}

/// Looks at the registry for a worker.
pub(crate) struct Supply {
    parts: SupplyParts,
    copies: Copies,
    changes: mpsc::Sender<Change>,
    served: BTreeMap<String, (Option<String>, ContentDigest)>,
    failed: BTreeMap<String, (ContentDigest, Instant)>,
}

impl Supply {
    pub(crate) fn new(parts: SupplyParts, changes: mpsc::Sender<Change>) -> Self {
        let copies = Copies { root: parts.folder.clone(), blobs: parts.blobs.clone() };
        Self { parts, copies, changes, served: BTreeMap::new(), failed: BTreeMap::new() }
    }

    /// Looks until the worker stops.
    pub(crate) async fn run(mut self) {
        let stopping = self.parts.tasks.stopping();
        tokio::pin!(stopping);
        loop {
            let look = async {
                if let Err(error) = self.look().await {
                    tracing::warn!(%error, "the registry cannot be looked at at the moment");
                }
                tokio::time::sleep(self.parts.every).await;
            };
            tokio::select! {
                () = &mut stopping => return,
                () = look => {}
            }
        }
    }

    async fn look(&mut self) -> StoreResult<()> {
        let models = self.parts.store.all_registered().await?;
        let kept: BTreeSet<ContentDigest> = models.iter().map(|model| model.digest).collect();
        let there = self.wanted(models);
        let gone: Vec<String> =
            self.served.keys().filter(|name| !there.contains_key(*name)).cloned().collect();
        for name in &gone {
            self.served.remove(name);
            self.offer(Change::Stop(name.clone())).await;
        }
        let mut news = !gone.is_empty();
        for (name, model) in &there {
            let is = (model.owner.clone(), model.digest);
            if self.served.get(name) == Some(&is) || self.failed_lately(model) {
                continue;
            }
            match self.prepare(model).await {
                Ok(files) => {
                    self.served.insert(name.clone(), is);
                    self.failed.remove(name);
                    self.offer(Change::Serve(Box::new(files))).await;
                    news = true;
                }
                Err(error) => {
                    tracing::error!(%error, model = name, "a model of the registry cannot be served");
                    self.failed.insert(name.clone(), (model.digest, Instant::now()));
                }
            }
        }
        if news {
            self.copies.tidy(kept).await;
        }
        Ok(())
    }

    /// Those of them that are to be served.
    fn wanted(&self, models: Vec<Registered>) -> BTreeMap<String, Registered> {
        let is_meant = |model: &Registered| {
            let is_wanted = self.parts.wanted.is_empty() || self.parts.wanted.contains(&model.name);
            is_wanted && !self.parts.own.contains(&model.name)
        };
        models.into_iter().filter(is_meant).map(|model| (model.name.clone(), model)).collect()
    }

    fn failed_lately(&self, model: &Registered) -> bool {
        self.failed
            .get(&model.name)
            .is_some_and(|(digest, at)| *digest == model.digest && at.elapsed() < PATIENCE)
    }

    /// Fetches the model and reads what it says of itself.
    async fn prepare(
        &self,
        model: &Registered,
    ) -> Result<ModelFiles, Box<dyn std::error::Error + Send + Sync>> {
        let files = self.parts.store.registered_files(model.owner.as_deref(), &model.name).await?;
        let folder = self.copies.folder(model, &files).await?;
        let (name, max_pixels) = (model.name.clone(), self.parts.max_pixels);
        let read = self.parts.tasks.spawn_blocking(move || read_closed(&folder, &name)).await;
        let read = read??;
        let card = ModelCard { owner: model.owner.clone(), registered: true, ..read.card };
        Ok(ModelFiles { card, max_pixels, ..read })
    }

    async fn offer(&self, change: Change) {
        // A worker that is gone serves nothing.
        let _ = self.changes.send(change).await;
    }
}
