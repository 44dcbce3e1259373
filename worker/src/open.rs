//! Opening a worker: its models are found, announced, given lanes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::model::ModelCard;
use forebay_shared::shutdown::Tasks;
use tokio::sync::mpsc;

use crate::cache::Cache;
use crate::config::WorkerConfig;
use crate::lane::{Bounds, LaneParts, LineSource, Reader};
use crate::lanes::Lanes;
use crate::lease::Board;
use crate::model::{self, Arenas, ModelFiles, Runtime, RuntimeError};
use crate::quarantine::Quarantine;
use crate::rate::Rates;
use crate::residence::Residence;
use crate::served::Served;
use crate::settle::Settler;
use crate::shelf::Shelf;
use crate::starter::Starter;
use crate::supply::{PATIENCE, Supply, SupplyParts};
use crate::wishes::{WishParts, Wishes};
use crate::{Worker, WorkerParts};

/// Changes that wait until they are made.
const CHANGES: usize = 4;
/// Finished jobs on their way to the settler.
const FINISHED: usize = 64;

impl Worker {
    /// Finds the models, loads the runtime library if any needs it, announces them and starts their lanes. Work is taken
    /// once it [runs](Self::run).
    pub async fn open(
        config: WorkerConfig,
        parts: WorkerParts,
        data_dir: &Path,
    ) -> Result<Self, RuntimeError> {
        let models = find_models(&config, &parts.tasks, data_dir).await;
        #[cfg(feature = "rehearsal")]
        tracing::warn!("this build is for rehearsals: it knows items that take it down");
        let cards: Vec<ModelCard> = models.iter().map(|model| model.card.clone()).collect();
        let board = Board::default();
        let quarantine = Quarantine::new(parts.store.clone());
        let cache = Cache::open(&parts.cache, parts.store.clone(), parts.blobs.clone(), &parts.tasks);
        let shelf = Shelf { blobs: parts.blobs.clone(), board: board.clone(), cache };
        let (settle, finished) = mpsc::channel(FINISHED);
        let settler = Settler {
            store: parts.store.clone(),
            shelf: shelf.clone(),
            events: parts.events.clone(),
            retry: config.retry.policy(),
            entropy: parts.entropy.clone(),
            quarantine: quarantine.clone(),
            tasks: parts.tasks.clone(),
            sequence: Arc::default(),
        };
        parts.tasks.spawn("settler", settler.run(finished));
        let rates = Rates::default();
        let residence = Residence::new(config.model_memory.bytes(), config.runs_at_once);
        parts.tasks.spawn("residence", let_rest(residence.clone(), parts.tasks.clone()));
        let lane_parts = LaneParts {
            reader: Reader::new(
                parts.blobs.clone(),
                parts.fetcher.clone(),
                LineSource { store: parts.store.clone(), moderation: parts.moderation.clone() },
                Bounds {
                    fetches: config.fetches,
                    processors: processors(config.threads),
                    memory: config.decode_memory,
                    largest_file: parts.fetcher.max_bytes(),
                },
            ),
            runtime: None,
            residence: residence.clone(),
            warm_up: config.warm_up,
            keep_alive: Some(config.keep_alive.get()).filter(|keep| !keep.is_zero()),
            quarantine,
            events: parts.events.clone(),
            settle,
            hold: config.hold,
            shelf,
            rates: rates.clone(),
            tasks: parts.tasks.clone(),
        };
        let mut starter =
            Starter { config: config.clone(), data_dir: data_dir.to_owned(), parts: lane_parts };
        let lanes = Lanes::default();
        for model in models {
            lanes.add(starter.start(model)?);
        }
        announce(&parts, &cards).await;
        let wishes = WishParts {
            store: parts.store.clone(),
            events: parts.events.clone(),
            tasks: parts.tasks.clone(),
            lanes: lanes.clone(),
            residence,
            board: board.clone(),
            every: Some(config.registry_poll.get()).filter(|every| !every.is_zero()),
        };
        parts.tasks.spawn("wishes", Wishes::new(wishes).run());
        let (offers, changes) = mpsc::channel(CHANGES);
        if !config.registry_poll.get().is_zero() {
            let supply = SupplyParts {
                store: parts.store.clone(),
                events: parts.events.clone(),
                blobs: parts.blobs.clone(),
                tasks: parts.tasks.clone(),
                folder: data_dir.join("registry"),
                reserve: parts.disk_reserve,
                every: config.registry_poll.get(),
                patience: PATIENCE,
                wanted: config.models.clone(),
                own: lanes.models().into_iter().collect(),
                max_pixels: config.max_pixels,
            };
            parts.tasks.spawn("supply", Supply::new(supply, offers).run());
        }
        let served = Served::new(parts.store.clone(), lanes.clone(), board.clone());
        Ok(Self { config, parts, starter, lanes, served, changes, board, rates })
    }
}

async fn find_models(config: &WorkerConfig, tasks: &Tasks, data_dir: &Path) -> Vec<ModelFiles> {
    let root = if config.models_dir.as_os_str().is_empty() {
        data_dir.join("models")
    } else {
        config.models_dir.clone()
    };
    let (wanted, max_pixels) = (config.models.clone(), config.max_pixels);
    let found = tasks.spawn_blocking(move || model::scan(&root, &wanted, max_pixels)).await;
    let mut models = found.unwrap_or_default();
    if config.echo {
        models.push(ModelFiles::echo());
    }
    models.retain(|model| config.models.is_empty() || config.models.contains(&model.card.name));
    models
}

/// Loads the runtime library as the configuration says, or from where it usually is.
pub fn load_runtime(config: &WorkerConfig, data_dir: &Path) -> Result<Runtime, RuntimeError> {
    let mut folders = vec![data_dir.join("lib")];
    if let Some(beside) = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()))
    {
        folders.extend([beside.clone(), beside.join("lib")]);
    }
    folders.extend(["/usr/local/lib", "/usr/lib"].map(PathBuf::from));
    let arenas = Arenas { gpu_memory: config.gpu_memory.bytes(), shrink: config.shrink_memory };
    let runtime = Runtime::load(&config.runtime, &folders, &config.providers, processors(config.threads))?;
    Ok(runtime.with_arenas(arenas))
}

/// Looks every second whether a model has rested for long enough.
async fn let_rest(residence: Residence, tasks: Tasks) {
    let stopped = tasks.stopped();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let residence = residence.clone();
        // What a model leaves behind may take a while to tidy up.
        let _ = tasks.spawn_blocking(move || residence.rest(std::time::Instant::now())).await;
    }
}

/// Threads that are meant by `configured`.
fn processors(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    }
}

/// Tells the world what is served, however long the database is away.
async fn announce(parts: &WorkerParts, cards: &[ModelCard]) {
    while let Err(error) = parts.store.announce(cards).await {
        tracing::warn!(%error, "models cannot be announced at the moment");
        if parts.tasks.is_stopping() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
