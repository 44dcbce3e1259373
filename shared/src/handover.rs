//! Keeps each route's queue filled up to its window, and no further.
//!
//! Up to a window of cost, jobs are handed over as they are submitted; beyond it they wait in the database, owner by owner,
//! and are handed over as workers take what was there. Broker queues so stay short and cancelling stays cheap. Every api
//! and scheduler replica does this, for one route one after the other.

pub mod eta;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;

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
    wanted: Notify,
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
        Arc::new(Self { store, catalog, producer, windows: Mutex::default(), wanted: Notify::new(), tasks })
    }

    /// Whether a new job may be handed over at once. If not, it waits in the database for its turn; once it stands there,
    /// its submitter [asks](Self::ask) for it to be looked at.
    pub fn admit(&self, route: &Route, cost: Cost) -> bool {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).admit(route, cost)
    }

    /// Asks for a look at the database soon: something waits there now.
    pub fn ask(&self) {
        self.wanted.notify_one();
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
                if let Err(error) = self.fill().await {
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

    /// One round: looks at every route and fills those that have room.
    pub async fn fill(&self) -> StoreResult<()> {
        let (models, routes) = (self.catalog.models().await?, self.store.routes(OVERDUE).await?);
        let open = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.refresh(&models, &routes);
            routes
                .iter()
                .filter(|state| state.waiting)
                .filter_map(|state| Some((state.route.clone(), windows.size(&state.route)?)))
                .collect::<Vec<_>>()
        };
        for (route, window) in open {
            let due = self.store.due(&route, window, LIMIT).await?;
            let messages: Vec<_> = due
                .into_iter()
                .map(|due| Message { job_id: due.id, owner: due.owner, trace: due.trace })
                .collect();
            self.hand_over(&route, &messages).await;
        }
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

    /// Waits for a reason to fill: somebody asked, or room was made where jobs wait.
    async fn wait(&self, news: &mut broadcast::Receiver<Arc<Event>>) {
        let room = async {
            loop {
                match news.recv().await {
                    Ok(event) => match &*event {
                        Event::Room(route) if self.is_waiting(route) => return,
                        _ => {}
                    },
                    Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = self.wanted.notified() => {}
            () = room => {}
        }
    }

    fn is_waiting(&self, route: &Route) -> bool {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).is_waiting(route)
    }
}
