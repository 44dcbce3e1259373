//! Models of the registry: looked for, fetched, and offered to the worker while it runs.
//!
//! One statement says which there are, however long the files of one take to come: whenever there is word that one came, and
//! every few seconds, since word may be lost and commands send none. What is fetched is kept, so that a restart fetches nothing. A
//! model that cannot be fetched, read or started is tried again after a while, and leaves the others alone.

mod copies;
mod fetching;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::blobs::Blobs;
use forebay_shared::config::Size;
use forebay_shared::events::{Event, Events, heard};
use forebay_shared::registry::{ContentDigest, Registered};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Store, StoreResult};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;

use crate::Change;
use crate::model::ModelFiles;
use copies::Copies;
use fetching::{Fetched, Fetching, Trouble};

/// How long a model that could not be served is left alone.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What models are supplied with.
#[derive(Debug)]
pub(crate) struct SupplyParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) events: Arc<dyn Events>,
    pub(crate) blobs: Blobs,
    pub(crate) tasks: Tasks,
    /// Where what is fetched is kept.
    pub(crate) folder: PathBuf,
    /// What stays free of its disk.
    pub(crate) reserve: Size,
    /// How often the registry is looked at without word.
    pub(crate) every: Duration,
    /// How long a model that could not be served is left alone.
    pub(crate) patience: Duration,
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
    fetching: Fetching,
    fetched: mpsc::Receiver<Fetched>,
    changes: mpsc::Sender<Change>,
    known: BTreeMap<String, Known>,
    /// The models besides whose there are no copies, as far as is known.
    tidied: Option<BTreeSet<ContentDigest>>,
}

/// What a name means, and how far its model has come.
struct Known {
    model: Registered,
    stage: Stage,
}

enum Stage {
    /// It is fetched and read, until this is dropped.
    Coming {
        _task: AbortOnDropHandle<()>,
    },
    Served,
    Failed(Instant),
}

impl Known {
    /// Whether it is what the name means now.
    fn is(&self, now: Option<&Registered>) -> bool {
        now.is_some_and(|now| (&now.owner, now.digest) == (&self.model.owner, self.model.digest))
    }
}

impl Supply {
    pub(crate) fn new(parts: SupplyParts, changes: mpsc::Sender<Change>) -> Self {
        let copies =
            Copies { root: parts.folder.clone(), blobs: parts.blobs.clone(), reserve: parts.reserve };
        let (fetching, fetched) = Fetching::new(&parts, copies.clone());
        Self { parts, copies, fetching, fetched, changes, known: BTreeMap::new(), tidied: None }
    }

    /// Looks until the worker stops.
    pub(crate) async fn run(mut self) {
        let stopping = self.parts.tasks.stopping();
        tokio::pin!(stopping);
        let mut looks = tokio::time::interval(self.parts.every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Listens before it looks, so that no word falls between.
        let mut news = self.parts.events.subscribe();
        loop {
            let turn = async {
                tokio::select! {
                    _ = looks.tick() => if let Err(error) = self.look().await {
                        tracing::warn!(%error, "the registry cannot be looked at at the moment");
                    },
                    () = heard(&mut news, |event| matches!(event, Event::Registered)) => looks.reset_immediately(),
                    Some(fetched) = self.fetched.recv() => self.take(fetched).await,
                }
            };
            tokio::select! {
                () = &mut stopping => return,
                () = turn => {}
            }
        }
    }

    async fn look(&mut self) -> StoreResult<()> {
        let models = self.parts.store.all_registered().await?;
        // Before anything else is waited for: what was registered meanwhile is not in the list.
        self.tidy(models.iter().map(|model| model.digest).collect()).await;
        let there = self.wanted(models);
        self.part(&there).await;
        for (name, model) in there {
            let is_due = match self.known.get(&name).map(|known| &known.stage) {
                None => true,
                Some(Stage::Failed(at)) => at.elapsed() >= self.parts.patience,
                Some(Stage::Coming { .. } | Stage::Served) => false,
            };
            if is_due {
                let stage = Stage::Coming { _task: self.fetching.start(model.clone()) };
                self.known.insert(name, Known { model, stage });
            }
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

    /// What is gone, or is somebody else's or other files by now, is served no longer, nor fetched.
    async fn part(&mut self, there: &BTreeMap<String, Registered>) {
        let gone: Vec<String> = self
            .known
            .iter()
            .filter(|(name, known)| !known.is(there.get(*name)))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(Known { stage: Stage::Served, .. }) = self.known.remove(&name) {
                // A worker that is gone serves nothing.
                let _ = self.changes.send(Change::Stop(name)).await;
            }
        }
    }

    /// A model has come, or has failed to.
    async fn take(&mut self, Fetched { model, files }: Fetched) {
        let name = model.name.clone();
        match self.known.get(&name) {
            Some(known @ Known { stage: Stage::Coming { .. }, .. }) if known.is(Some(&model)) => {}
            // What nobody waits for any more.
            _ => return,
        }
        let served = match files {
            Ok(files) => self.serve(&model, files).await,
            Err(trouble) => Err(trouble),
        };
        let stage = match served {
            Ok(true) => Stage::Served,
            // The next look says what the name means now.
            Ok(false) => {
                self.known.remove(&name);
                return;
            }
            Err(error) => {
                tracing::error!(%error, model = name, "a model of the registry cannot be served");
                Stage::Failed(Instant::now())
            }
        };
        self.known.insert(name, Known { model, stage });
    }

    /// Announces the model and has its lane started. `false`: its name means something else by now.
    async fn serve(&self, model: &Registered, files: ModelFiles) -> Result<bool, Trouble> {
        if !self.parts.store.announce_registered(&files.card, model.digest).await? {
            return Ok(false);
        }
        let (started, outcome) = oneshot::channel();
        // A worker that is gone serves nothing.
        let _ = self.changes.send(Change::Serve(Box::new(files), started)).await;
        outcome.await.unwrap_or(Ok(()))?;
        Ok(true)
    }

    /// Removes the copies of all other models, unless there are none. What is still used goes with a later look.
    async fn tidy(&mut self, kept: BTreeSet<ContentDigest>) {
        if self.tidied.as_ref() == Some(&kept) {
            return;
        }
        let copies = self.copies.clone();
        let tidy = self.parts.tasks.spawn_blocking(move || (copies.tidy(&kept), kept));
        match tidy.await {
            Ok((Ok(true), kept)) => self.tidied = Some(kept),
            Ok((Ok(false), _)) => {}
            Ok((Err(error), _)) => {
                tracing::warn!(%error, "copies of models that are gone cannot be removed");
            }
            Err(error) => tracing::warn!(%error, "copies of models that are gone cannot be removed"),
        }
    }
}
