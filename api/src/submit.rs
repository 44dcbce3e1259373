//! The one door through which new jobs reach the store.
//!
//! Concurrent submissions share one statement: the first waits for nobody, and whatever arrives while it is being stored
//! forms the next group. Clients are answered when the store has answered, and only then are the jobs handed over, off
//! their path. What is in the store is never lost; the hand-over is a hint. Past the bounds of what may wait, jobs are
//! refused here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::catalog::Catalog;
use forebay_shared::handover::Filler;
use forebay_shared::job::NewJob;
use forebay_shared::model::Model;
use forebay_shared::queue::Message;
use forebay_shared::store::{Route, Store, StoreError, Submitted};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::auth::Keyring;
use crate::bounds::{Bounds, Full, Unit, Waiting, Whose};
use crate::config::LimitConfig;
use crate::problem::{Code, Problem};
use crate::state::{App, Parts};

/// Submissions that wait for the door. Each holds at most the inline input, so 2048 are about 32 MiB; beyond it clients
/// are asked to come back.
const WAITING: usize = 2048;
/// Jobs of one statement: enough to share its cost, few enough to keep the first of a group waiting for little.
const GROUP: usize = 256;
/// How old what is known of the queues may be while jobs come: the bounds hold within this.
const LOOK: Duration = Duration::from_millis(100);
/// How long the database may take to store a group: a thousand times what it usually takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The one door.
#[derive(Clone, Debug)]
pub struct Door(mpsc::Sender<Newcomer>);

/// A submission on its way in, and where its answer goes.
#[derive(Debug)]
struct Newcomer {
    job: NewJob,
    answer: oneshot::Sender<Result<Submitted, Unstored>>,
}

impl Door {
    /// Opens it: a task stores what comes until a hard stop, since requests in flight outlive the soft one.
    pub fn open(parts: &Parts, limits: &LimitConfig, keyring: Arc<Keyring>) -> Self {
        let (sender, newcomers) = mpsc::channel(WAITING);
        let keeper = Keeper {
            store: parts.store.clone(),
            catalog: parts.catalog.clone(),
            filler: parts.filler.clone(),
            keyring,
            bounds: limits.bounds(),
            waiting: Waiting::default(),
            looked: None,
        };
        let stopped = parts.tasks.stopped();
        parts.tasks.spawn("submit", async move {
            tokio::select! {
                () = keeper.serve(newcomers) => {}
                () = stopped => {}
            }
        });
        Self(sender)
    }

    /// Takes a job in. Once this returned, the job goes its way whether or not anybody waits for the answer.
    pub fn take(&self, job: NewJob) -> Result<Pending, Problem> {
        let (sender, answer) = oneshot::channel();
        match self.0.try_send(Newcomer { job, answer: sender }) {
            Ok(()) => Ok(Pending(answer)),
            Err(TrySendError::Full(_)) => {
                Err(Problem::new(Code::Overloaded, "more jobs are being submitted than can be stored"))
            }
            Err(TrySendError::Closed(_)) => Err(stopping()),
        }
    }
}

/// A job that is on its way into the store.
#[derive(Debug)]
pub struct Pending(oneshot::Receiver<Result<Submitted, Unstored>>);

/// Why a job may not be in the store.
#[derive(Clone, Debug)]
enum Unstored {
    /// The store said so.
    Refused(Arc<StoreError>),
    /// It said nothing in time.
    Unanswered,
    /// Nothing new is accepted for its model.
    Draining(String),
    /// There is no room for it.
    Full(Full),
}

impl Pending {
    /// What became of it; to be asked once, though whoever asks may give up and leave the asking to another.
    pub async fn stored(&mut self) -> Result<Submitted, Problem> {
        match (&mut self.0).await {
            Ok(Ok(submitted)) => Ok(submitted),
            Ok(Err(Unstored::Refused(error))) => Err(Problem::store_shared(error)),
            Ok(Err(Unstored::Draining(model))) => {
                let detail =
                    format_args!("the model `{model}` takes nothing new: its queue is being drained");
                Err(Problem::new(Code::Draining, detail).at("model").model(&model))
            }
            Ok(Err(Unstored::Unanswered)) => {
                Err(Problem::new(Code::Unavailable, "the database does not answer; ask again in a moment"))
            }
            Ok(Err(Unstored::Full(full))) => Err(no_room(&full)),
            Err(_) => Err(stopping()),
        }
    }
}

/// Whether there is room for a job that does not come through the door: a schedule's, which is to run now.
pub async fn room(app: &App, job: &NewJob, model: &Model) -> Result<(), Problem> {
    let mut waiting = Waiting::default();
    waiting.refresh(&app.parts.store.loads().await?);
    let limits = job.key.map(|key| app.keyring.limits(key)).unwrap_or_default();
    waiting.admit(job, model, &app.config.limits.bounds(), limits).map_err(|full| no_room(&full))
}

fn no_room(full: &Full) -> Problem {
    let (limit, model) = (full.limit, &full.model);
    let unit = match full.unit {
        Unit::Jobs => "jobs",
        Unit::Batches => "batches' worth of work",
        Unit::Cost => "tokens, pictures or items",
    };
    let whose = match full.whose {
        Whose::Model => format!("the queue of the model `{model}` has the {limit} {unit} that it may have"),
        Whose::Owner => {
            format!("you have the {limit} {unit} waiting for the model `{model}` that you may have")
        }
        Whose::Key => format!("the API key has the {limit} {unit} waiting that it may have"),
    };
    Problem::new(Code::QueueFull, whose).model(model).limit(limit).retry_after(full.retry_after)
}

fn stopping() -> Problem {
    Problem::new(Code::Unavailable, "the service is stopping")
}

/// The task behind the door.
struct Keeper {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    filler: Arc<Filler>,
    keyring: Arc<Keyring>,
    bounds: Bounds,
    waiting: Waiting,
    /// When the database was asked last what waits.
    looked: Option<Instant>,
}

impl Keeper {
    async fn serve(mut self, mut newcomers: mpsc::Receiver<Newcomer>) {
        let mut group = Vec::with_capacity(GROUP);
        while newcomers.recv_many(&mut group, GROUP).await > 0 {
            self.admit(std::mem::take(&mut group)).await;
        }
    }

    /// Those that there is room for; the others are told.
    async fn bounded(&mut self, group: Vec<Newcomer>) -> Vec<Newcomer> {
        // A view that cannot be renewed now refuses nobody.
        let Ok(Ok(models)) = tokio::time::timeout(PATIENCE, self.catalog.models()).await else {
            return group;
        };
        self.look().await;
        let mut inside = Vec::with_capacity(group.len());
        for newcomer in group {
            let model = models.iter().find(|model| model.card.name == newcomer.job.model);
            match model.map_or(Ok(()), |model| self.room(&newcomer.job, model)) {
                Ok(()) => inside.push(newcomer),
                // Whoever asked may have hung up.
                Err(refused) => drop(newcomer.answer.send(Err(refused))),
            }
        }
        inside
    }

    /// Counts the job in, or says why not.
    fn room(&mut self, job: &NewJob, model: &Model) -> Result<(), Unstored> {
        if model.draining {
            return Err(Unstored::Draining(job.model.clone()));
        }
        let limits = job.key.map(|key| self.keyring.limits(key)).unwrap_or_default();
        self.waiting.admit(job, model, &self.bounds, limits).map_err(Unstored::Full)
    }

    /// Asks the database what waits, unless it was asked a moment ago.
    async fn look(&mut self) {
        // What this replica let in before stands in the database by now: one group follows the other.
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        match tokio::time::timeout(PATIENCE, self.store.loads()).await {
            Ok(Ok(loads)) => self.waiting.refresh(&loads),
            Ok(Err(error)) => tracing::warn!(%error, "the bounds go by what was known before"),
            Err(_) => tracing::warn!("the database does not say what waits"),
        }
        self.looked = Some(Instant::now());
    }

    async fn admit(&mut self, group: Vec<Newcomer>) {
        let group = self.bounded(group).await;
        if group.is_empty() {
            return;
        }
        let (mut jobs, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|newcomer| (newcomer.job, newcomer.answer)).unzip();
        for job in &mut jobs {
            // What is to run later is handed over when it is due; of a key with a limit, when that permits.
            let limited = job.key.is_some_and(|key| self.keyring.limits(key).max_running.is_some());
            job.published = job.run_at.is_none() && !limited && self.filler.admit(&route(job), job.cost);
        }
        // A connection that has died without a word must not keep everybody at the door. What became of these jobs is not
        // known then; a row that was made after all is handed over by the repair.
        let stored = tokio::time::timeout(PATIENCE, self.store.submit(&jobs)).await;
        let stored = stored.map_or_else(
            |_| {
                tracing::warn!(jobs = jobs.len(), "the database does not answer");
                Err(Unstored::Unanswered)
            },
            |stored| stored.map_err(|error| Unstored::Refused(Arc::new(error))),
        );
        match stored {
            Ok(submitted) => {
                let created = created(&jobs, &submitted);
                for (job, submitted) in jobs.iter().zip(&submitted) {
                    if !matches!(submitted, Submitted::Created(_)) {
                        self.waiting.forget(job);
                    }
                }
                for (answer, submitted) in answers.into_iter().zip(submitted) {
                    // Whoever asked may have hung up; the job counts all the same.
                    let _ = answer.send(Ok(submitted));
                }
                self.filler.publish(created);
                if jobs.iter().any(|job| !job.published) {
                    self.filler.ask();
                }
            }
            Err(unstored) => {
                for answer in answers {
                    let _ = answer.send(Err(unstored.clone()));
                }
            }
        }
    }
}

/// Messages for the jobs that are new and were admitted. A repeated or refused submission made no row of its own.
fn created(jobs: &[NewJob], submitted: &[Submitted]) -> HashMap<Route, Vec<Message>> {
    let mut messages: HashMap<Route, Vec<Message>> = HashMap::new();
    for (job, submitted) in jobs.iter().zip(submitted) {
        if !matches!(submitted, Submitted::Created(_)) {
            continue;
        }
        metrics::counter!(
            "forebay_jobs_submitted_total", "model" => job.model.clone(), "class" => job.class.as_str()
        )
        .increment(1);
        if job.published {
            let message = Message { job_id: job.id, owner: job.owner.clone(), trace: job.trace.clone() };
            messages.entry(route(job)).or_default().push(message);
        }
    }
    messages
}

fn route(job: &NewJob) -> Route {
    Route { model: job.model.clone(), class: job.class }
}
