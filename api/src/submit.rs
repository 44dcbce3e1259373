//! The one door through which new jobs reach the store.
//!
//! Concurrent submissions share one statement: the first waits for nobody, and whatever arrives while it is being stored
//! forms the next group. Clients are answered when the store has answered, and only then are the jobs handed over, off
//! their path. What is in the store is never lost; the hand-over is a hint. Past the bounds of what may wait, jobs are
//! refused here, unless they are there already.

mod keeper;

use std::sync::Arc;

use forebay_shared::job::NewJob;
use forebay_shared::model::Model;
use forebay_shared::store::{StoreError, Submitted};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::auth::Keyring;
use crate::bounds::{Full, Unit, Waiting, Whose};
use crate::config::LimitConfig;
use crate::problem::{Code, Problem};
use crate::state::{App, Parts};
use keeper::Keeper;

/// Submissions that wait for the door. Each holds at most the inline input, so 2048 are about 32 MiB; beyond it clients
/// are asked to come back.
const WAITING: usize = 2048;

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
        let keeper = Keeper::new(parts, limits, keyring);
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
