//! The one door through which new jobs reach the store.
//!
//! Concurrent submissions share one statement: the first waits for nobody, and whatever arrives while it is being stored
//! forms the next group. Clients are answered when the store has answered, and only then are the jobs handed over, off
//! their path. What is in the store is never lost; the hand-over is a hint.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::catalog::Catalog;
use forebay_shared::handover::Filler;
use forebay_shared::job::NewJob;
use forebay_shared::queue::Message;
use forebay_shared::store::{Route, Store, StoreError, Submitted};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::problem::{Code, Problem};
use crate::state::Parts;

/// Submissions that wait for the door. Each holds at most the inline input, so 2048 are about 32 MiB; beyond it clients
/// are asked to come back.
const WAITING: usize = 2048;
/// Jobs of one statement: enough to share its cost, few enough to keep the first of a group waiting for little.
const GROUP: usize = 256;
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
    pub fn open(parts: &Parts) -> Self {
        let (sender, newcomers) = mpsc::channel(WAITING);
        let keeper = Keeper {
            store: parts.store.clone(),
            filler: parts.filler.clone(),
            catalog: parts.catalog.clone(),
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
            Err(_) => Err(stopping()),
        }
    }
}

fn stopping() -> Problem {
    Problem::new(Code::Unavailable, "the service is stopping")
}

/// The task behind the door.
struct Keeper {
    store: Arc<dyn Store>,
    filler: Arc<Filler>,
    catalog: Arc<Catalog>,
}

impl Keeper {
    async fn serve(&self, mut newcomers: mpsc::Receiver<Newcomer>) {
        let mut group = Vec::with_capacity(GROUP);
        while newcomers.recv_many(&mut group, GROUP).await > 0 {
            self.admit(std::mem::take(&mut group)).await;
        }
    }

    /// Refuses those whose model is being drained. A view that cannot be renewed now refuses nobody.
    async fn turn_away(&self, group: Vec<Newcomer>) -> Vec<Newcomer> {
        let Ok(Ok(models)) = tokio::time::timeout(PATIENCE, self.catalog.models()).await else {
            return group;
        };
        let is_draining = |name: &str| models.iter().any(|model| model.draining && model.card.name == name);
        let (refused, taken): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|newcomer| is_draining(&newcomer.job.model));
        for newcomer in refused {
            // Whoever asked may have hung up.
            let _ = newcomer.answer.send(Err(Unstored::Draining(newcomer.job.model)));
        }
        taken
    }

    async fn admit(&self, group: Vec<Newcomer>) {
        let group = self.turn_away(group).await;
        if group.is_empty() {
            return;
        }
        let (mut jobs, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|newcomer| (newcomer.job, newcomer.answer)).unzip();
        for job in &mut jobs {
            // What is to run later is handed over when it is due.
            job.published = job.run_at.is_none() && self.filler.admit(&route(job), job.cost);
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
