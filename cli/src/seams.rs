//! The seams of one process: which store, which queue, which events, which blobs.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use forebay_scheduler::pull::{PullParts, Puller};
use forebay_shared::amqp::Link;
use forebay_shared::blobs::Blobs;
use forebay_shared::catalog::Catalog;
use forebay_shared::clock::SystemClock;
use forebay_shared::entropy::OsEntropy;
use forebay_shared::events::{AmqpEvents, Events, LocalEvents};
use forebay_shared::fetch::Guard;
use forebay_shared::handover::Filler;
use forebay_shared::hub::Hub;
use forebay_shared::id::Ids;
use forebay_shared::model::ModelCard;
use forebay_shared::queue::{AmqpQueue, LocalQueue, Producer, Queue};
use forebay_shared::registry::{Promised, Registrar};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Postgres, Sqlite, Store};
use forebay_worker::model;

use crate::config::Config;

/// What every role works with.
#[derive(Clone, Debug)]
pub struct Seams {
    pub store: Arc<dyn Store>,
    pub catalog: Arc<Catalog>,
    pub queue: Arc<dyn Queue>,
    pub producer: Arc<dyn Producer>,
    pub filler: Arc<Filler>,
    pub events: Arc<dyn Events>,
    pub blobs: Blobs,
    pub ids: Ids,
    /// Where this process runs, for people.
    pub host: String,
    pub tasks: Tasks,
}

impl Seams {
    /// Opens what the configuration names. `name` is how the broker's operator sees the process.
    pub async fn open(config: &Config, name: &'static str, tasks: &Tasks) -> anyhow::Result<Self> {
        let ids = Ids::system();
        let store = open_store(config, tasks).await?;
        let blobs = Blobs::open(&config.blobs, &config.data_dir.join("blobs"))?;
        let catalog = Arc::new(Catalog::new(store.clone(), config.models.clone()));
        let host = format!("{}/{}", hostname(), std::process::id());
        let (queue, producer, events): (Arc<dyn Queue>, Arc<dyn Producer>, Arc<dyn Events>) =
            if config.queue.url.is_empty() {
                let queue = LocalQueue::new();
                (Arc::new(queue.clone()), Arc::new(queue), Arc::new(LocalEvents::new()))
            } else {
                let link = Link::new(config.queue.url.clone(), name);
                let queue = Arc::new(AmqpQueue::new(&config.queue, link.clone()));
                let events = AmqpEvents::listen(&config.queue, link, ids.uuid(), tasks);
                (queue.clone(), queue, events)
            };
        let filler = Filler::new(store.clone(), catalog.clone(), producer.clone(), tasks.clone());
        Ok(Self { store, catalog, queue, producer, filler, events, blobs, ids, host, tasks: tasks.clone() })
    }

    /// What is done with models.
    pub fn registrar(&self, config: &Config) -> Registrar {
        registrar(config, self.store.clone(), self.blobs.clone(), self.ids.clone())
    }
}

/// What is done with models on this store and these objects.
pub fn registrar(config: &Config, store: Arc<dyn Store>, blobs: Blobs, ids: Ids) -> Registrar {
    let (limits, scratch) = (config.registry.clone(), config.data_dir.join("scratch"));
    Registrar { store, blobs, ids, limits, scratch, examine, promised: Promised::default() }
}

/// Models are read by those who know how: the worker's.
fn examine(folder: &Path, name: &str) -> Result<ModelCard, String> {
    model::read_closed(folder, name).map(|files| files.card).map_err(|error| error.to_string())
}

/// What pulls models, wherever it runs.
pub fn puller(config: &Config, seams: &Seams) -> anyhow::Result<Arc<Puller>> {
    Ok(Puller::new(PullParts {
        hub: Hub::new(&config.hub, Guard::new(&config.fetch.allow)).context("hub.endpoint")?,
        token_owners: config.hub.token_owners.clone(),
        registrar: seams.registrar(config),
        events: seams.events.clone(),
        retry: config.worker.retry.policy(),
        entropy: Arc::new(OsEntropy),
        host: seams.host.clone(),
        folder: config.data_dir.join("pulls"),
        keep: config.hub.keep.get(),
        at_once: config.hub.pulls,
        lease: config.worker.lease.get(),
        tasks: seams.tasks.clone(),
    }))
}

/// Opens the store that the configuration names.
pub async fn open_store(config: &Config, tasks: &Tasks) -> anyhow::Result<Arc<dyn Store>> {
    if !config.store.url.is_empty() {
        return Ok(Arc::new(Postgres::open(&config.store, tasks).await.context("opening the database")?));
    }
    let file = config.data_dir.join("forebay.db");
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("making the data directory {}", config.data_dir.display()))?;
    let store = Sqlite::open(&file, Arc::new(SystemClock), tasks).await;
    Ok(Arc::new(store.with_context(|| format!("opening {}", file.display()))?))
}

/// The machine's name; in a container, the container's.
fn hostname() -> String {
    let named = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname"));
    named.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
