//! Answers that were given before: looked for while an item is prepared, kept when it is settled.
//!
//! Nothing waits for it for long and nothing fails by it: what cannot be found in time runs, what cannot be kept is not.
//! Where it is off, nobody is asked.

mod find;
mod keep;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use forebay_shared::blobs::Blobs;
use forebay_shared::cache::{CacheKey, Scope};
use forebay_shared::config::CacheConfig;
use forebay_shared::job::Claimed;
use forebay_shared::model::ModelCard;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{KeptAt, Store};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use find::Ask;
pub(crate) use keep::Keeping;

/// How long anything waits for the cache. A model mostly takes less.
const PATIENCE: Duration = Duration::from_secs(1);
/// Answers with media that are read at once; each is in memory until its media are stored again.
const READERS: usize = 4;
/// Askers that wait for one statement.
const ASKERS: usize = 256;

/// Answers that were given before.
#[derive(Clone, Debug)]
pub struct Cache(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    store: Arc<dyn Store>,
    blobs: Blobs,
    ttl: Duration,
    inline: usize,
    asks: mpsc::Sender<Ask>,
    readers: Semaphore,
    /// The number of the next object.
    sequence: AtomicU64,
    tasks: Tasks,
}

/// An answer that may be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Keep {
    /// Under what.
    pub(crate) key: CacheKey,
    /// Where it stands, if it is stored with its media already.
    pub(crate) at: Option<KeptAt>,
}

impl Cache {
    /// No answers are kept.
    pub fn off() -> Self {
        Self(None)
    }

    /// The cache that `config` describes.
    pub fn open(config: &CacheConfig, store: Arc<dyn Store>, blobs: Blobs, tasks: &Tasks) -> Self {
        if !config.enabled {
            return Self::off();
        }
        let (asks, asked) = mpsc::channel(ASKERS);
        let (stopped, answered) = (tasks.stopped(), find::answer_all(store.clone(), asked));
        tasks.spawn("cache", async move {
            tokio::select! {
                () = answered => {}
                () = stopped => {}
            }
        });
        let (ttl, inline) = (config.ttl.get(), config.inline.as_usize());
        Self(Some(Arc::new(Open {
            store,
            blobs,
            ttl,
            inline,
            asks,
            readers: Semaphore::new(READERS),
            sequence: AtomicU64::new(0),
            tasks: tasks.clone(),
        })))
    }

    /// What the keys of this job's items have in common. `None`: its answers are neither looked for nor kept, since the
    /// cache is off, the kind's answers depend on more than the item, or a worker has died with the job.
    pub(crate) fn scope(&self, claimed: &Claimed, model: &ModelCard) -> Option<Scope> {
        let applies = self.0.is_some() && model.kind.is_deterministic() && claimed.suspects.is_none();
        applies.then(|| Scope::new(&claimed.owner, model))
    }

    /// Waits until an answer with media may be read; it is held until they are stored.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.as_ref()?.readers.acquire().await.ok()
    }
}

fn failed(op: &'static str, error: &dyn std::fmt::Display) {
    tracing::debug!(%error, op, "the cache does without");
    metrics::counter!("forebay_cache_failures_total", "op" => op).increment(1);
}
