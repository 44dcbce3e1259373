//! Those who wait for jobs to end, or follow them, woken by events and not by reading the database.
//!
//! Events are best effort. While anybody waits, a slow look at the rows finds what no event told, all ids in one
//! statement.

mod feed;
mod tail;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_shared::events::{Ended, Event};
use forebay_shared::id::JobId;
use forebay_shared::job::Job;
use forebay_shared::store::Store;
use tokio::sync::{Notify, broadcast, oneshot};

pub use feed::{Feed, News};
pub use tail::{Batch, OwnerGuard, Tail};

use crate::state::Parts;
use feed::Feeds;

/// How often the rows are looked at while somebody waits: a lost event costs two seconds, a look one statement.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Those who wait.
#[derive(Clone, Debug)]
pub struct Follower(Arc<Waiters>);

/// Waits by job, each with its number.
type Waits = HashMap<JobId, Vec<(u64, oneshot::Sender<Arc<Event>>)>>;

#[derive(Debug, Default)]
struct Waiters {
    by_job: Mutex<Waits>,
    feeds: Feeds,
    /// Numbers the waits, so that one that gives up takes no other along.
    last: AtomicU64,
    /// Somebody has begun to wait.
    arrived: Notify,
    /// Events were missed.
    doubt: Notify,
}

impl Follower {
    /// Begins to listen, until a hard stop.
    pub fn start(parts: &Parts) -> Self {
        let waiters = Arc::new(Waiters::default());
        // Listening begins before this returns, so that no wait is older than it.
        let news = parts.events.subscribe();
        let (listening, stopped) = (waiters.clone(), parts.tasks.stopped());
        parts.tasks.spawn("follow events", async move {
            tokio::select! {
                () = listening.listen(news) => {}
                () = stopped => {}
            }
        });
        let (looking, stopped, store) = (waiters.clone(), parts.tasks.stopped(), parts.store.clone());
        parts.tasks.spawn("follow rows", async move {
            tokio::select! {
                () = looking.look(store) => {}
                () = stopped => {}
            }
        });
        Self(waiters)
    }

    /// Begins to wait for a job.
    ///
    /// Begin before the job is submitted or read: a job that ends between the two would otherwise be waited for in vain.
    pub fn wait_for(&self, job: JobId) -> Wait {
        let (sender, ending) = oneshot::channel();
        let number = self.0.last.fetch_add(1, Ordering::Relaxed);
        self.0.lock().entry(job).or_default().push((number, sender));
        self.0.arrived.notify_one();
        metrics::gauge!("forebay_waiting_calls").increment(1);
        Wait { waiters: self.0.clone(), job, number, ending }
    }

    /// Begins to follow a job. As with a wait: begin before the job is read.
    pub fn feed(&self, job: JobId) -> Feed {
        let feed = self.0.feeds.open(job);
        self.0.arrived.notify_one();
        feed
    }

    /// Says that something happened to a job; who follows it will look.
    pub fn moved(&self, job: JobId) {
        self.0.feeds.tell(job, |news| news.moved = true);
    }

    /// The jobs that are followed.
    pub fn followed(&self) -> Vec<JobId> {
        self.0.feeds.jobs()
    }
}

/// One wait for one job. Dropping it ends the wait.
#[derive(Debug)]
pub struct Wait {
    waiters: Arc<Waiters>,
    job: JobId,
    number: u64,
    ending: oneshot::Receiver<Arc<Event>>,
}

impl Wait {
    /// Waits until the job ends, `patience` is over or `stopping` resolves. `None`: it has not ended.
    pub async fn ended(
        mut self,
        patience: Duration,
        stopping: impl Future<Output = ()>,
    ) -> Option<Arc<Event>> {
        tokio::select! {
            biased;
            ended = &mut self.ending => ended.ok(),
            () = tokio::time::sleep(patience) => None,
            () = stopping => None,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        metrics::gauge!("forebay_waiting_calls").decrement(1);
        if let Entry::Occupied(mut waits) = self.waiters.lock().entry(self.job) {
            waits.get_mut().retain(|(number, _)| *number != self.number);
            if waits.get().is_empty() {
                waits.remove();
            }
        }
    }
}

impl Waiters {
    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.by_job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(&self, mut news: broadcast::Receiver<Arc<Event>>) {
        loop {
            match news.recv().await {
                Ok(event) => match &*event {
                    Event::Ended(ended) => self.tell(ended.id, &event),
                    Event::Progress(progress) => {
                        self.feeds.tell(progress.id, |news| news.progress = Some(progress.clone()));
                    }
                    Event::Room(_) | Event::Watched { .. } | Event::Wished | Event::Registered => {}
                },
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "events were missed; looking at the rows instead");
                    self.doubt.notify_one();
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    fn tell(&self, job: JobId, event: &Arc<Event>) {
        let waits = self.lock().remove(&job).unwrap_or_default();
        for (_, wait) in waits {
            // Whoever waited may just have given up.
            let _ = wait.send(event.clone());
        }
        self.feeds.tell(job, |news| news.ended = Some(event.clone()));
    }

    async fn look(&self, store: Arc<dyn Store>) {
        loop {
            self.arrived.notified().await;
            while self.is_anybody_waiting() {
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = self.doubt.notified() => {}
                }
                self.look_once(&*store).await;
            }
        }
    }

    async fn look_once(&self, store: &dyn Store) {
        let mut ids: Vec<JobId> = self.lock().keys().copied().collect();
        ids.extend(self.feeds.jobs());
        if ids.is_empty() {
            return;
        }
        match store.ended(&ids).await {
            Ok(jobs) => {
                for job in jobs {
                    self.tell(job.id, &Arc::new(ended(&job)));
                }
            }
            Err(error) => tracing::warn!(%error, "waiting jobs cannot be looked at; trying again"),
        }
    }

    fn is_anybody_waiting(&self) -> bool {
        !self.lock().is_empty() || !self.feeds.is_empty()
    }
}

/// What would have been told had the event come.
pub fn ended(job: &Job) -> Event {
    Event::Ended(Box::new(Ended::of(job, None)))
}
