//! Keeps each route's queue filled up to its window, and no further.
//!
//! Up to a window of cost, jobs are handed over as they are submitted; beyond it they wait in the database, owner by owner,
//! and are handed over as workers take what was there. Broker queues so stay short and cancelling stays cheap. Every api
//! and scheduler replica does this, for one route one after the other; of those that hear of room one answers at once.

pub mod eta;
mod turns;
mod wanted;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;
pub use turns::Advance;
use turns::Turns;
use wanted::Wanted;
pub use window::Windows;

use crate::catalog::Catalog;
use crate::events::{Event, Events};
use crate::id::JobId;
use crate::job::Cost;
use crate::queue::{Message, Producer};
use crate::shutdown::Tasks;
use crate::store::{Route, Store, StoreResult};

/// A mark this old is looked at: longer than any healthy hand-over takes.
pub const OVERDUE: Duration = Duration::from_secs(5);
/// Jobs of one hand-over at most, so that one statement locks few rows.
const LIMIT: u32 = 500;
/// The shortest time between two rounds: a hundred statements a second are enough to keep any queue filled.
const PACE: Duration = Duration::from_millis(10);

/// Keeps the queues filled.
#[derive(Debug)]
pub struct Filler {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    producer: Arc<dyn Producer>,
    windows: Mutex<Windows>,
    wanted: Mutex<Wanted>,
    turns: Mutex<Turns>,
    asked: Notify,
    tasks: Tasks,
}

impl Filler {
    /// A filler that knows nothing yet.
    pub fn new(
        store: Arc<dyn Store>,
        catalog: Arc<Catalog>,
        producer: Arc<dyn Producer>,
        tasks: Tasks,
    ) -> Arc<Self> {
        let (windows, wanted, turns) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { store, catalog, producer, windows, wanted, turns, asked: Notify::new(), tasks })
    }

    /// Whether a new job may be handed over at once. If not, it waits in the database for its turn; once it stands there,
    /// its submitter [asks](Self::ask) for it to be looked at.
    pub fn admit(&self, route: &Route, cost: Cost) -> bool {
        self.windows().admit(route, cost)
    }

    /// Asks for a look at the route soon: something of the owner's waits there now. While its earlier jobs wait for room,
    /// there is none for this one either, and word of room will come.
    pub fn ask(&self, route: &Route, owner: &str) {
        if !self.windows().holds_up(route, owner) {
            self.wanted().ask(route, Instant::now());
        }
        self.asked.notify_one();
    }

    /// Asks for a look at all routes soon: something waits now, who knows where.
    pub fn ask_everywhere(&self) {
        self.wanted().ask_everywhere();
        self.asked.notify_one();
    }

    /// Hands over jobs that are marked as handed over, off the caller's path. What the queue does not take is unmarked.
    pub fn publish(self: &Arc<Self>, messages: HashMap<Route, Vec<Message>>) {
        if messages.is_empty() {
            return;
        }
        let filler = self.clone();
        self.tasks.spawn("publish", async move {
            for (route, messages) in messages {
                filler.hand_over(&route, &messages).await;
            }
        });
    }

    /// Fills the queues until a soft stop: when a job was not admitted, and when workers make room where jobs wait.
    pub async fn run(self: Arc<Self>, events: Arc<dyn Events>) {
        let stopping = self.tasks.stopping();
        let fill_for_ever = async {
            let mut news = events.subscribe();
            loop {
                let started = Instant::now();
                if let Err(error) = self.round().await {
                    self.wanted().ask_everywhere();
                    tracing::warn!(%error, "queues cannot be filled at the moment");
                }
                tokio::time::sleep_until(started + PACE).await;
                self.wait(&mut news).await;
            }
        };
        tokio::select! {
            () = fill_for_ever => {}
            () = stopping => {}
        }
    }

    /// Fills what was asked for; all routes, if they were not looked at for a while.
    async fn round(&self) -> StoreResult<()> {
        let routes = self.wanted().take(Instant::now());
        // Of a model that came a moment ago the window is not known before all are looked at.
        let Some(routes) = routes.filter(|routes| self.windows().know(routes)) else {
            return self.fill().await;
        };
        for route in routes {
            self.fill_route(&route).await?;
        }
        Ok(())
    }

    /// Looks at every route and fills those where jobs wait.
    pub async fn fill(&self) -> StoreResult<()> {
        self.wanted().looking_everywhere(Instant::now());
        let filled = self.fill_everywhere().await;
        if filled.is_err() {
            self.wanted().ask_everywhere();
        }
        filled
    }

    async fn fill_everywhere(&self) -> StoreResult<()> {
        let (models, routes) = (self.catalog.all().await?, self.store.routes(OVERDUE).await?);
        self.windows().refresh(&models, &routes);
        for state in routes.iter().filter(|state| state.waiting) {
            self.fill_route(&state.route).await?;
        }
        Ok(())
    }

    /// Hands over what waits on the route and has room. It is asked for even when the window is used up: somebody may be
    /// new.
    async fn fill_route(&self, route: &Route) -> StoreResult<()> {
        let Some(window) = self.windows().size(route) else { return Ok(()) };
        let handed = self.store.due(route, window, LIMIT).await?;
        self.windows().handed_over(route, &handed);
        if let Some(clock) = handed.clock {
            self.turns().looked(route, clock, !handed.jobs.is_empty());
        }
        let messages: Vec<_> = handed
            .jobs
            .into_iter()
            .map(|due| Message { job_id: due.id, owner: due.owner, trace: due.trace })
            .collect();
        self.hand_over(route, &messages).await;
        Ok(())
    }

    async fn hand_over(&self, route: &Route, messages: &[Message]) {
        let refused = self.producer.publish(route, messages).await;
        metrics::counter!("forebay_messages_published_total")
            .increment((messages.len() - refused.len()) as u64);
        if !refused.is_empty() {
            self.take_back(&refused).await;
        }
    }

    /// A mark that cannot be cleared now is cleared later, when the queue is found without its message.
    async fn take_back(&self, refused: &[JobId]) {
        tracing::warn!(jobs = refused.len(), "the queue did not take all jobs; they wait in the database");
        if let Err(error) = self.store.unpublish(refused).await {
            tracing::warn!(%error, "the jobs stay marked as handed over until that is found wrong");
        }
    }

    /// Waits for a reason to fill: somebody asked, or room was made where jobs wait. What was said meanwhile counts once.
    async fn wait(&self, news: &mut broadcast::Receiver<Arc<Event>>) {
        let room = async {
            loop {
                match news.recv().await {
                    Ok(event) if self.note_room(&event) => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return self.wanted().ask_everywhere(),
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let next = self.wanted().next();
        let later = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.asked.notified() => {}
            () = room => {}
            () = later => {}
        }
        loop {
            match news.try_recv() {
                Ok(event) => drop(self.note_room(&event)),
                Err(TryRecvError::Lagged(_)) => self.wanted().ask_everywhere(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Whether the event tells of room where jobs wait. If so, its route will be looked at, unless others do it first.
    fn note_room(&self, event: &Event) -> bool {
        let Event::Room(route) = event else { return false };
        let waiting = self.windows().is_waiting(route);
        if waiting {
            let back = self.turns().back(route);
            self.wanted().ask(route, Instant::now() + back);
        }
        waiting
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
