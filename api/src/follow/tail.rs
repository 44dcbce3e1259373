//! This process's one reader of the log of events, for all streams together.
//!
//! While anybody follows, one statement every quarter of a second reads what happened to whatever is followed. Streams
//! about one job are woken; streams of an owner's events are handed them, and whoever cannot keep up, or came between two
//! reads, reads the log itself from where it stands. So a slow reader grows nothing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forebay_shared::id::JobId;
use forebay_shared::store::{Cursor, Followed, Logged, Store};
use tokio::sync::Notify;
use tokio::sync::broadcast::{Receiver, Sender};

use super::Follower;
use crate::state::Parts;

/// How often the log is read while anybody follows: a quarter of a second is "at once" for people, and four statements.
const TICK: Duration = Duration::from_millis(250);
/// Events of one read; if there are more, the next read follows at once.
const PAGE: u32 = 500;
/// Batches that a stream may lag behind before it reads the log itself: at most 16,000 events, about 8 MB for all streams
/// together.
const BACKLOG: usize = 32;
/// How long nothing may be handed out: so often, streams on which nothing happens move on in the log.
const SILENCE: Duration = Duration::from_secs(15);

/// What one read found.
#[derive(Debug)]
pub struct Batch {
    /// It holds everything after this place…
    pub from: Cursor,
    /// …up to this one…
    pub to: Cursor,
    /// …that happened to these owners' jobs.
    owners: BTreeSet<String>,
    events: Vec<Logged>,
}

impl Batch {
    /// Whether it holds all of the owner's events between its ends.
    pub fn covers(&self, owner: &str) -> bool {
        self.owners.contains(owner)
    }

    /// The owner's events after `after`.
    pub fn events<'a>(&'a self, owner: &'a str, after: Cursor) -> impl Iterator<Item = &'a Logged> {
        self.events.iter().filter(move |event| event.owner == owner && event.at > after)
    }
}

/// The one reader.
#[derive(Clone, Debug)]
pub struct Tail(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    follower: Follower,
    owners: Mutex<HashMap<String, usize>>,
    arrived: Notify,
    batches: Sender<Arc<Batch>>,
}

/// Keeps an owner's events coming. Dropping it ends that.
#[derive(Debug)]
pub struct OwnerGuard {
    shared: Arc<Shared>,
    owner: String,
}

impl Tail {
    /// Begins to read when somebody follows, until a hard stop.
    pub fn start(parts: &Parts, follower: &Follower) -> Self {
        let shared = Arc::new(Shared {
            follower: follower.clone(),
            owners: Mutex::default(),
            arrived: Notify::new(),
            batches: Sender::new(BACKLOG),
        });
        let (reader, stopped) =
            (Reader { shared: shared.clone(), store: parts.store.clone() }, parts.tasks.stopped());
        parts.tasks.spawn("follow log", async move {
            tokio::select! {
                () = reader.run() => {}
                () = stopped => {}
            }
        });
        Self(shared)
    }

    /// Begins to read a job's events, for a feed that is open.
    pub fn look(&self) {
        self.0.arrived.notify_one();
    }

    /// Begins to hand out an owner's events.
    ///
    /// Begin before the log is read: what happens between the two would otherwise be in neither.
    pub fn follow(&self, owner: &str) -> (OwnerGuard, Receiver<Arc<Batch>>) {
        let batches = self.0.batches.subscribe();
        *self.0.lock().entry(owner.to_owned()).or_default() += 1;
        self.0.arrived.notify_one();
        (OwnerGuard { shared: self.0.clone(), owner: owner.to_owned() }, batches)
    }
}

impl Drop for OwnerGuard {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.shared.lock().entry(self.owner.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is followed, if anything is.
    fn followed(&self) -> Option<Followed> {
        let followed =
            Followed { owners: self.lock().keys().cloned().collect(), jobs: self.follower.followed() };
        (!followed.owners.is_empty() || !followed.jobs.is_empty()).then_some(followed)
    }
}

struct Reader {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
}

impl Reader {
    async fn run(&self) {
        loop {
            self.shared.arrived.notified().await;
            self.read_while_followed().await;
        }
    }

    async fn read_while_followed(&self) {
        let (mut place, mut known): (Option<Place>, BTreeSet<JobId>) = Default::default();
        let mut away = false;
        while let Some(followed) = self.shared.followed() {
            let after = place.as_ref().map(|place| place.cursor);
            match self.store.tail(&followed, after, PAGE).await {
                Ok(page) => {
                    away = false;
                    let owners: BTreeSet<String> = followed.owners.into_iter().collect();
                    // What happened between a job's first look and the first read that asked for it is in neither.
                    let jobs: BTreeSet<JobId> = followed.jobs.into_iter().collect();
                    jobs.difference(&known).for_each(|job| self.shared.follower.moved(*job));
                    known = jobs;
                    for job in page.events.iter().filter_map(|event| event.job) {
                        self.shared.follower.moved(job);
                    }
                    match &mut place {
                        Some(place) => self.hand_out(place, owners, page.events, page.next),
                        None => place = Some(Place::new(page.next, owners)),
                    }
                    if page.more {
                        continue;
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::warn!(%error, "the log of events cannot be read; streams wait");
                    }
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    /// Hands out what was found. Nothing is handed out where there is nothing, so that a thousand quiet streams are not
    /// woken four times a second; unless owners came or went, since a batch can speak for those only that were read for
    /// all the time.
    fn hand_out(&self, place: &mut Place, owners: BTreeSet<String>, events: Vec<Logged>, to: Cursor) {
        place.cursor = to;
        let same = owners == place.owners;
        if same && events.is_empty() && place.handed_out.elapsed() < SILENCE {
            return;
        }
        let covered = if same { owners.clone() } else { &owners & &place.owners };
        let from = std::mem::replace(place, Place::new(to, owners)).since;
        // Nobody listening is no error: jobs may be followed, and no owner.
        let _ = self.shared.batches.send(Arc::new(Batch { from, to, owners: covered, events }));
    }
}

/// How far the log was read.
struct Place {
    cursor: Cursor,
    /// Up to where batches were handed out.
    since: Cursor,
    /// Whose events were read since then.
    owners: BTreeSet<String>,
    handed_out: Instant,
}

impl Place {
    fn new(cursor: Cursor, owners: BTreeSet<String>) -> Self {
        Self { cursor, since: cursor, owners, handed_out: Instant::now() }
    }
}
