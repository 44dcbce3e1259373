//! The task behind the door: who comes in, group by group.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::catalog::Catalog;
use forebay_shared::handover::Filler;
use forebay_shared::job::NewJob;
use forebay_shared::model::Model;
use forebay_shared::queue::Message;
use forebay_shared::store::{Route, Store, StoreResult, Submitted};
use tokio::sync::mpsc;

use super::{Newcomer, Unstored};
use crate::auth::Keyring;
use crate::bounds::{Bounds, Waiting};
use crate::config::LimitConfig;
use crate::state::Parts;

/// Jobs of one statement: enough to share its cost, few enough to keep the first of a group waiting for little.
const GROUP: usize = 256;
/// How old what is known of the queues may be while jobs come: the bounds hold within this.
const LOOK: Duration = Duration::from_millis(100);
/// How long the database may take to store a group: a thousand times what it usually takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The task behind the door.
pub(super) struct Keeper {
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
    pub(super) fn new(parts: &Parts, limits: &LimitConfig, keyring: Arc<Keyring>) -> Self {
        Self {
            store: parts.store.clone(),
            catalog: parts.catalog.clone(),
            filler: parts.filler.clone(),
            keyring,
            bounds: limits.bounds(),
            waiting: Waiting::default(),
            looked: None,
        }
    }

    /// Takes in who comes, group by group.
    pub(super) async fn serve(mut self, mut newcomers: mpsc::Receiver<Newcomer>) {
        let mut group = Vec::with_capacity(GROUP);
        while newcomers.recv_many(&mut group, GROUP).await > 0 {
            self.admit(std::mem::take(&mut group)).await;
        }
    }

    /// Takes in those that there is room for, and tells the others.
    async fn admit(&mut self, group: Vec<Newcomer>) {
        let (inside, outside) = self.bounded(group).await;
        if !inside.is_empty() {
            self.store(inside).await;
        }
        // Now that those who came with them are stored: one may be the same.
        if !outside.is_empty() {
            self.recognise(outside).await;
        }
    }

    /// Those that there is room for, and those that there is none for though they may need none. The others are told.
    async fn bounded(&mut self, group: Vec<Newcomer>) -> (Vec<Newcomer>, Vec<(Newcomer, Unstored)>) {
        // A view that cannot be renewed now refuses nobody.
        let Ok(Ok(models)) = tokio::time::timeout(PATIENCE, self.catalog.all()).await else {
            return (group, Vec::new());
        };
        self.look().await;
        let (mut inside, mut outside) = (Vec::with_capacity(group.len()), Vec::new());
        for newcomer in group {
            let model = models.iter().find(|model| model.card.name == newcomer.job.model);
            match model.map_or(Ok(()), |model| self.room(&newcomer.job, model)) {
                Ok(()) => inside.push(newcomer),
                Err(refused) if newcomer.job.is_named() => outside.push((newcomer, refused)),
                // Whoever asked may have hung up.
                Err(refused) => drop(newcomer.answer.send(Err(refused))),
            }
        }
        (inside, outside)
    }

    /// Answers those whose name stands for a job already, which takes no room: with that job. The others are refused.
    async fn recognise(&self, outside: Vec<(Newcomer, Unstored)>) {
        let (jobs, answers): (Vec<_>, Vec<_>) =
            outside.into_iter().map(|(newcomer, refused)| (newcomer.job, (newcomer.answer, refused))).unzip();
        match answered(self.store.standing(&jobs)).await {
            Ok(standing) => {
                for ((answer, refused), standing) in answers.into_iter().zip(standing) {
                    drop(answer.send(standing.ok_or(refused)));
                }
            }
            Err(unstored) => {
                for (answer, _) in answers {
                    drop(answer.send(Err(unstored.clone())));
                }
            }
        }
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

    async fn store(&mut self, group: Vec<Newcomer>) {
        let (mut jobs, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|newcomer| (newcomer.job, newcomer.answer)).unzip();
        for job in &mut jobs {
            // What is to run later is handed over when it is due; of a key with a limit, when that permits.
            let limited = job.key.is_some_and(|key| self.keyring.limits(key).max_running.is_some());
            job.published = job.run_at.is_none() && !limited && self.filler.admit(&route(job), job.cost);
        }
        match answered(self.store.submit(&jobs)).await {
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
                for job in jobs.iter().filter(|job| !job.published) {
                    self.filler.ask(&route(job), &job.owner);
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

/// What the store says. A connection that has died without a word must not keep everybody at the door. What became of the
/// jobs is not known then; a row that was made after all is handed over by the repair.
async fn answered<T>(asked: impl Future<Output = StoreResult<T>>) -> Result<T, Unstored> {
    let Ok(answer) = tokio::time::timeout(PATIENCE, asked).await else {
        tracing::warn!("the database does not answer the door");
        return Err(Unstored::Unanswered);
    };
    answer.map_err(|error| Unstored::Refused(Arc::new(error)))
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
