//! Models are pulled from a hub: jobs that no worker takes.
//!
//! Whoever pulls is a worker of the store's while it does: registered, beating and fenced, so attempts, cancelling and the
//! reaping of the dead are what they are for every job. The broker carries nothing: what waits is marked and claimed at
//! once. What was fetched stays in a folder of this machine, so whoever comes after a death fetches the rest.

mod attempt;
mod grant;
mod life;
mod nest;
mod settle;
mod telling;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Duration;

use forebay_shared::entropy::Entropy;
use forebay_shared::events::Events;
use forebay_shared::handover::OVERDUE;
use forebay_shared::hub::Hub;
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Cost, Job, NewJob, RetryPolicy};
use forebay_shared::registry::{PULL, Progress, Registrar, Silent};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Route, StoreResult};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::task::TaskTracker;

use grant::Grant;
use life::Life;

/// How long to wait before asking a store that was away again.
const AGAIN: Duration = Duration::from_millis(500);
/// How often whoever waits for the end of a pull that another process does looks at it.
const LOOK: Duration = Duration::from_millis(500);

/// What a puller works with.
#[derive(Clone, Debug)]
pub struct PullParts {
    /// Where models come from.
    pub hub: Hub,
    /// Owners for whose pulls the hub is shown the token, beside those of admins; `*`: for everybody's.
    pub token_owners: Vec<String>,
    /// Where they go to.
    pub registrar: Registrar,
    /// Where word goes.
    pub events: Arc<dyn Events>,
    /// How failed attempts are repeated.
    pub retry: RetryPolicy,
    /// Chance, for jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Where this process runs, for people.
    pub host: String,
    /// The folder of what is being fetched.
    pub folder: PathBuf,
    /// How long what nobody goes on with stays there.
    pub keep: Duration,
    /// Pulls at once.
    pub at_once: usize,
    /// How long a pull is ours without a beat.
    pub lease: Duration,
    /// The process's tasks.
    pub tasks: Tasks,
}

/// Pulls models.
#[derive(Debug)]
pub struct Puller {
    parts: PullParts,
    room: Arc<Semaphore>,
    life: Mutex<Weak<Life>>,
    /// Lives that are not over.
    lives: TaskTracker,
    /// The number of the next segment.
    sequence: AtomicU64,
}

impl Puller {
    /// A puller that does nothing yet.
    pub fn new(parts: PullParts) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(parts.at_once));
        Arc::new(Self {
            parts,
            room,
            life: Mutex::default(),
            lives: TaskTracker::new(),
            sequence: AtomicU64::new(1),
        })
    }

    /// Begins pulls that wait, as many as there is room for.
    pub(crate) async fn take(self: &Arc<Self>) {
        if let Err(error) = self.try_take().await {
            tracing::warn!(%error, "models cannot be pulled at the moment");
        }
    }

    async fn try_take(self: &Arc<Self>) -> StoreResult<()> {
        let (store, free) = (&self.parts.registrar.store, self.room.available_permits());
        if free == 0 || self.parts.tasks.is_stopping() {
            return Ok(());
        }
        // Most of the time nothing waits, and this look is cheaper than the others.
        if !store.loads().await?.iter().any(|load| load.route.model == PULL) {
            return Ok(());
        }
        let route = Route { model: PULL.to_owned(), class: Class::Interactive };
        // Whoever marked them died before it could claim them.
        store.recover(&route, OVERDUE, 0).await?;
        let most = u32::try_from(free).unwrap_or(u32::MAX);
        let due = store.due(&route, Cost::new(u64::from(most)), most).await?;
        let ids: Vec<JobId> = due.jobs.iter().map(|due| due.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let life = self.enter().await?;
        for claimed in self.claim(&life, &ids).await? {
            let Ok(room) = self.room.clone().acquire_owned().await else { return Ok(()) };
            let (puller, grant) = (self.clone(), Grant { life: life.clone(), claimed, waits: false, room });
            self.parts.tasks.spawn("pull", async move { puller.run(grant, &Silent).await });
        }
        Ok(())
    }

    /// Pulls here and now, for whoever waits for it, and answers with the job as it ended. If this process dies, a scheduler
    /// goes on.
    pub async fn pull(self: &Arc<Self>, job: NewJob, progress: &dyn Progress) -> StoreResult<Job> {
        let (store, id) = (&self.parts.registrar.store, job.id);
        // With its mark nobody else looks at it for as long as claiming takes.
        store.submit(&[NewJob { published: true, ..job }]).await?;
        let life = self.enter().await?;
        for claimed in self.claim(&life, &[id]).await? {
            let Ok(room) = self.room.clone().acquire_owned().await else { break };
            self.run(Grant { life: life.clone(), claimed, waits: true, room }, progress).await;
        }
        drop(life);
        loop {
            if let Some(job) = store.ended(&[id]).await?.pop() {
                return Ok(job);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Resolves after a soft stop, when nothing is being pulled any more and all lives are over.
    pub async fn rest(&self) {
        self.parts.tasks.stopping().await;
        self.idle().await;
        self.lives.close();
        self.lives.wait().await;
    }

    /// Resolves when nothing is being pulled here.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(self.parts.at_once).unwrap_or(u32::MAX);
        drop(self.room.acquire_many(all).await);
    }

    /// Removes what nobody goes on with.
    pub(crate) async fn forget_abandoned(&self) {
        let (folder, keep) = (self.parts.folder.clone(), self.parts.keep);
        if let Ok(forgotten @ 1..) =
            self.parts.tasks.spawn_blocking(move || nest::forget(&folder, keep)).await
        {
            tracing::info!(forgotten, "parts of models were removed with which no pull went on");
        }
    }
}
