//! What is due: hand-overs, schedules, repairs, retention.
//!
//! Every replica hands over what is due; what must happen once is done by the one that holds a lease in the database.
//! tokio-cron-scheduler gives the ticks; a tick that comes while its predecessor still works is skipped.

mod bulk;
pub mod config;
mod expire;
mod fire;
mod leader;
mod measure;
pub mod pull;
mod reap;
mod recover;
mod retain;
mod rounds;
mod sweep;
mod webhook;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::blobs::Blobs;
use forebay_shared::catalog::Catalog;
use forebay_shared::config::{BulkConfig, CacheConfig, ModerationConfig, WebhookConfig};
use forebay_shared::entropy::Entropy;
use forebay_shared::events::Events;
use forebay_shared::fetch::Fetcher;
use forebay_shared::handover::Filler;
use forebay_shared::id::Ids;
use forebay_shared::queue::Producer;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use tokio::sync::Mutex;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use config::SchedulerConfig;
use leader::Leader;
use measure::Measured;
use pull::Puller;
use webhook::Sender;

/// What a scheduler works with.
#[derive(Clone, Debug)]
pub struct SchedulerParts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// Which models there are.
    pub catalog: Arc<Catalog>,
    /// Makes ids of jobs.
    pub ids: Ids,
    /// Where work is handed to.
    pub producer: Arc<dyn Producer>,
    /// Keeps the queues filled.
    pub filler: Arc<Filler>,
    /// Where word goes.
    pub events: Arc<dyn Events>,
    /// Where results are.
    pub blobs: Blobs,
    /// Leads to the receivers of webhooks.
    pub fetcher: Fetcher,
    /// How webhooks are told.
    pub webhooks: WebhookConfig,
    /// Makes secrets, and rolls the dice.
    pub entropy: Arc<dyn Entropy>,
    /// How long events are kept.
    pub keep_events: Duration,
    /// Whether owners' room is bounded, so that what their jobs keep is worth counting.
    pub count_storage: bool,
    /// What a bulk's file may be.
    pub bulk: Arc<BulkConfig>,
    /// How much of kept answers there may be.
    pub cache: CacheConfig,
    /// Who judges texts.
    pub moderation: Arc<ModerationConfig>,
    /// Pulls models.
    pub puller: Arc<Puller>,
    /// This replica's name in the lease.
    pub name: String,
    /// The process's tasks.
    pub tasks: Tasks,
}

/// Why the scheduler could not start.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler's clockwork could not be started")]
pub struct StartError(#[from] JobSchedulerError);

/// What ticks do.
#[derive(Debug)]
struct Chores {
    config: SchedulerConfig,
    parts: SchedulerParts,
    leader: Leader,
    measured: Measured,
    sender: Arc<Sender>,
}

impl Chores {
    fn new(config: SchedulerConfig, parts: SchedulerParts) -> Self {
        let leader = Leader::new(parts.store.clone(), parts.name.clone(), config.lead.get());
        let sender = Sender::new(parts.clone());
        Self { config, parts, leader, measured: Measured::default(), sender }
    }
}

/// Runs until a soft stop.
pub async fn run(config: SchedulerConfig, parts: SchedulerParts) -> Result<(), StartError> {
    let mut clockwork = JobScheduler::new().await?;
    let chores = Arc::new(Chores::new(config.clone(), parts.clone()));
    add(&clockwork, config.fill.get(), &chores, Chores::fill).await?;
    add(&clockwork, config.fire.get(), &chores, |chores| async move { chores.fire().await }).await?;
    add(&clockwork, config.repair.get(), &chores, Chores::repair).await?;
    add(&clockwork, config.expire.get(), &chores, Chores::expire).await?;
    add(&clockwork, config.bulk.get(), &chores, Chores::read_bulks).await?;
    add(&clockwork, config.bulk.get(), &chores, Chores::end).await?;
    add(&clockwork, config.pull.get(), &chores, Chores::pull).await?;
    add(&clockwork, config.retain.get(), &chores, Chores::retain).await?;
    add(&clockwork, config.sweep.get(), &chores, Chores::sweep).await?;
    add(&clockwork, config.measure.get(), &chores, Chores::measure).await?;
    add(&clockwork, config.tell.get(), &chores, Chores::tell_webhooks).await?;
    clockwork.start().await?;
    // Between ticks, queues are filled as soon as workers make room, and messages are sent as soon as they are due.
    let (filling, sending) = (parts.filler.clone().run(parts.events.clone()), chores.sender.clone().run());
    tokio::join!(filling, sending, parts.puller.rest());
    clockwork.shutdown().await?;
    chores.leader.resign().await;
    Ok(())
}

/// Adds a chore that is done every so often, never twice at once.
async fn add<F, R>(
    clockwork: &JobScheduler,
    every: Duration,
    chores: &Arc<Chores>,
    chore: F,
) -> Result<(), JobSchedulerError>
where
    F: Fn(Arc<Chores>) -> R + Send + Sync + Copy + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let (chores, busy) = (chores.clone(), Arc::new(Mutex::new(())));
    let job = Job::new_repeated_async(every, move |_, _| {
        let (chores, busy) = (chores.clone(), busy.clone());
        Box::pin(async move {
            if let Ok(_working) = busy.try_lock() {
                chore(chores).await;
            }
        })
    })?;
    clockwork.add(job).await?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;

impl Chores {
    async fn fill(self: Arc<Self>) {
        if let Err(error) = self.parts.filler.fill().await {
            tracing::warn!(%error, "queues cannot be filled at the moment");
        }
    }

    async fn repair(self: Arc<Self>) {
        if self.leader.leads().await {
            self.reap().await;
            self.recover().await;
            self.fold().await;
        }
    }

    async fn expire(self: Arc<Self>) {
        if self.leader.leads().await {
            self.expire_late().await;
        }
    }

    async fn tell_webhooks(self: Arc<Self>) {
        if self.leader.leads().await {
            self.fan_out().await;
        }
    }

    async fn end(self: Arc<Self>) {
        if self.leader.leads().await {
            self.end_bulks().await;
        }
    }

    async fn retain(self: Arc<Self>) {
        if self.leader.leads().await {
            self.purge().await;
            self.purge_bulks().await;
            self.purge_events().await;
            self.expire_files().await;
            self.forget_answers().await;
            self.purge_deliveries().await;
            self.clean().await;
            self.count_storage().await;
            self.forget_firings().await;
            self.forget_leases().await;
            self.forget_rates().await;
        }
    }

    /// Every replica has a disk of its own.
    async fn pull(self: Arc<Self>) {
        self.parts.puller.take().await;
    }

    async fn sweep(self: Arc<Self>) {
        self.parts.puller.forget_abandoned().await;
        if self.leader.leads().await {
            self.sweep_all().await;
        }
    }

    async fn measure(self: Arc<Self>) {
        if self.leader.leads().await {
            self.measure_queues().await;
        } else {
            self.measure_nothing();
        }
    }
}
