//! The roles: what each starts, and in which order it stops.
//!
//! A signal asks for a soft stop. When the roles have ended, what they needed to end (clocks, connections, listeners) is
//! stopped hard. A second signal stops everything hard at once.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use forebay_api::{Access, AuthMode, Parts as ApiParts};
use forebay_scheduler::SchedulerParts;
use forebay_shared::clock::SystemClock;
use forebay_shared::entropy::OsEntropy;
use forebay_shared::fetch::{Fetcher, Guard};
use forebay_shared::job::Class;
use forebay_shared::shutdown::{Tasks, signal};
use forebay_shared::store::Route;
use forebay_shared::telemetry;
use forebay_worker::{Worker, WorkerParts};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::seams::{Seams, puller};
use crate::{keys, operations};

/// How long tasks may take to end after a hard stop.
const LAST: Duration = Duration::from_secs(5);

/// `forebay serve`
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let tasks = watch_signals();
    let _lock = lock_data_dir(&config)?;
    let metrics = telemetry::metrics();
    let seams = Seams::open(&config, "forebay serve", &tasks).await?;
    keys::bootstrap(&config.auth.bootstrap_key, seams.store.as_ref()).await?;
    let access = access(&config, &seams).await?;
    anyhow::ensure!(
        access != Access::Keys || keys::exist(seams.store.as_ref()).await?,
        "no API key is valid, and without one nobody could come in at {} (auth.mode \"auto\" is open on loopback \
         addresses only, and only until the first key is made): make one with `forebay keys create`",
        config.api.listen
    );
    if config.store.url.is_empty() {
        after_restart(&seams).await?;
    }
    let listeners = listen(&config).await?;
    let worker = open_worker(&config, &seams).await?;
    let parts = scheduler_parts(&config, &seams)?;
    greet(&listeners, access);
    let served =
        forebay_api::serve(config.api_config(), api_parts(&config, &seams, access, metrics), listeners);
    let (served, scheduled, ()) =
        tokio::join!(served, forebay_scheduler::run(config.scheduler.clone(), parts), worker.run());
    end(&tasks).await;
    scheduled.context("running the scheduler")?;
    served.context("serving HTTP")
}

/// `forebay api`
pub async fn api(config: Config) -> anyhow::Result<()> {
    config.check_fleet()?;
    let tasks = watch_signals();
    let metrics = telemetry::metrics();
    let seams = Seams::open(&config, "forebay api", &tasks).await?;
    keys::bootstrap(&config.auth.bootstrap_key, seams.store.as_ref()).await?;
    let access = access(&config, &seams).await?;
    if access == Access::Keys && !keys::exist(seams.store.as_ref()).await? {
        tracing::warn!("no API key is valid; every request is refused until `forebay keys create` made one");
    }
    let listeners = listen(&config).await?;
    greet(&listeners, access);
    let filler = seams.filler.clone().run(seams.events.clone());
    let served =
        forebay_api::serve(config.api_config(), api_parts(&config, &seams, access, metrics), listeners);
    let (served, ()) = tokio::join!(served, filler);
    end(&tasks).await;
    served.context("serving HTTP")
}

/// `forebay scheduler`
pub async fn scheduler(config: Config) -> anyhow::Result<()> {
    config.check_fleet()?;
    let tasks = watch_signals();
    let metrics = telemetry::metrics();
    let seams = Seams::open(&config, "forebay scheduler", &tasks).await?;
    operations::serve(&config.telemetry.listen, seams.store.clone(), metrics, &tasks).await?;
    let parts = scheduler_parts(&config, &seams)?;
    let scheduled = forebay_scheduler::run(config.scheduler.clone(), parts).await;
    end(&tasks).await;
    scheduled.context("running the scheduler")
}

/// `forebay worker`
pub async fn worker(config: Config) -> anyhow::Result<()> {
    config.check_fleet()?;
    let tasks = watch_signals();
    let metrics = telemetry::metrics();
    let seams = Seams::open(&config, "forebay worker", &tasks).await?;
    let worker = open_worker(&config, &seams).await?;
    // Ready is who has announced its models.
    operations::serve(&config.telemetry.listen, seams.store.clone(), metrics, &tasks).await?;
    worker.run().await;
    end(&tasks).await;
    Ok(())
}

/// Tasks that a first signal stops softly and a second one hard.
fn watch_signals() -> Tasks {
    let tasks = Tasks::new();
    let (watched, stopped) = (tasks.clone(), tasks.stopped());
    tasks.spawn("signals", async move {
        let signals = async {
            signal().await;
            tracing::info!("stopping; a second signal stops at once");
            watched.stop();
            signal().await;
            tracing::warn!("stopping at once");
            watched.halt();
        };
        tokio::select! {
            () = signals => {}
            () = stopped => {}
        }
    });
    tasks
}

async fn end(tasks: &Tasks) {
    tasks.halt();
    if tokio::time::timeout(LAST, tasks.finished()).await.is_err() {
        tracing::warn!("some tasks did not end in time");
    }
}

/// One process at a time has the data directory; so what an earlier one held can be given back at once.
fn lock_data_dir(config: &Config) -> anyhow::Result<File> {
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("making the data directory {}", config.data_dir.display()))?;
    let path = config.data_dir.join("lock");
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    file.try_lock().with_context(|| {
        format!(
            "another `forebay serve` uses {}; give this one its own --data-dir",
            config.data_dir.display()
        )
    })?;
    Ok(file)
}

/// Whatever a former process held is given back, and what it had handed over to its queue is handed over again.
async fn after_restart(seams: &Seams) -> anyhow::Result<()> {
    let reopened = async {
        for worker in seams.store.workers().await? {
            seams.store.bury(&worker.host).await?;
        }
        let reaped = seams.store.reap().await?;
        if reaped.jobs > 0 {
            tracing::warn!(jobs = reaped.jobs, "the last process died; its jobs run again");
        }
        for model in seams.store.models().await? {
            for class in Class::ALL {
                let route = Route { model: model.card.name.clone(), class };
                seams.store.recover(&route, Duration::ZERO, 0).await?;
            }
        }
        Ok::<_, forebay_shared::store::StoreError>(())
    };
    reopened.await.context("reading the database")
}

/// The api's own address first.
async fn listen(config: &Config) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in config.api_config().addresses() {
        let bound = TcpListener::bind(address).await.with_context(|| format!("listening on {address}"))?;
        listeners.push(bound);
    }
    Ok(listeners)
}

/// Who may come in: on loopback addresses everybody, as long as no key was ever made. Whoever made one wanted a closed
/// door, and it does not open when the last one is revoked.
async fn access(config: &Config, seams: &Seams) -> anyhow::Result<Access> {
    Ok(match config.auth.mode {
        AuthMode::Open => Access::Open,
        AuthMode::Keys => Access::Keys,
        AuthMode::Auto if !is_loopback(config) => Access::Keys,
        AuthMode::Auto if keys::were_made(seams.store.as_ref()).await? => Access::Keys,
        AuthMode::Auto => Access::Local,
    })
}

/// Whether nobody but this machine reaches any of the addresses.
fn is_loopback(config: &Config) -> bool {
    config.api_config().addresses().iter().all(|address| address.ip().is_loopback())
}

fn greet(listeners: &[TcpListener], access: Access) {
    let mut addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok());
    let Some(address) = addresses.next() else { return };
    match access {
        Access::Open => {
            tracing::info!("listening on http://{address}, open to whoever reaches it; docs at /docs");
        }
        Access::Local => tracing::info!("listening on http://{address}, open to this machine; docs at /docs"),
        Access::Keys => tracing::info!("listening on http://{address}, for holders of a key; docs at /docs"),
    }
    for address in addresses {
        tracing::info!("Ollama's clients find the same at http://{address}");
    }
}

async fn open_worker(config: &Config, seams: &Seams) -> anyhow::Result<Worker> {
    let parts = WorkerParts {
        store: seams.store.clone(),
        queue: seams.queue.clone(),
        events: seams.events.clone(),
        blobs: seams.blobs.clone(),
        fetcher: Fetcher::new(&config.fetch),
        moderation: Arc::new(config.moderation.clone()),
        cache: config.cache.clone(),
        disk_reserve: config.registry.disk_reserve,
        ids: seams.ids.clone(),
        entropy: Arc::new(OsEntropy),
        host: seams.host.clone(),
        tasks: seams.tasks.clone(),
    };
    Worker::open(config.worker.clone(), parts, &config.data_dir).await.context("starting the worker")
}

fn api_parts(config: &Config, seams: &Seams, access: Access, metrics: Option<PrometheusHandle>) -> ApiParts {
    ApiParts {
        store: seams.store.clone(),
        catalog: seams.catalog.clone(),
        filler: seams.filler.clone(),
        events: seams.events.clone(),
        blobs: seams.blobs.clone(),
        registrar: seams.registrar(config),
        guard: Guard::new(&config.fetch.allow),
        fetcher: Fetcher::new(&config.fetch),
        entropy: Arc::new(OsEntropy),
        clock: Arc::new(SystemClock),
        ids: seams.ids.clone(),
        access,
        metrics,
        tasks: seams.tasks.clone(),
    }
}

fn scheduler_parts(config: &Config, seams: &Seams) -> anyhow::Result<SchedulerParts> {
    Ok(SchedulerParts {
        store: seams.store.clone(),
        catalog: seams.catalog.clone(),
        ids: seams.ids.clone(),
        producer: seams.producer.clone(),
        filler: seams.filler.clone(),
        events: seams.events.clone(),
        blobs: seams.blobs.clone(),
        fetcher: Fetcher::new(&config.fetch),
        webhooks: config.webhooks.clone(),
        entropy: Arc::new(OsEntropy),
        keep_events: config.retention.events.get(),
        count_storage: config.limits.room().is_some(),
        bulk: Arc::new(config.bulk.clone()),
        cache: config.cache.clone(),
        moderation: Arc::new(config.moderation.clone()),
        puller: puller(config, seams)?,
        name: format!("{} {}", seams.host, seams.ids.uuid()),
        tasks: seams.tasks.clone(),
    })
}
