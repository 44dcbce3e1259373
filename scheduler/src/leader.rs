//! Who does what must be done once.

use std::sync::Arc;
use std::time::Duration;

use forebay_shared::clock::Timestamp;
use forebay_shared::store::Store;
use tokio::sync::Mutex;

use crate::Chores;

/// The lease's name in the database.
const NAME: &str = "scheduler";
/// How long one answer serves: all tasks of a tick, and no tick after it.
const SERVES: Duration = Duration::from_millis(500);

/// This replica's part in choosing a leader.
#[derive(Debug)]
pub(crate) struct Leader {
    store: Arc<dyn Store>,
    holder: String,
    life: Duration,
    /// The last answer, and when it was asked for.
    known: Mutex<Option<(bool, Timestamp)>>,
}

impl Leader {
    pub(crate) fn new(store: Arc<dyn Store>, holder: String, life: Duration) -> Self {
        Self { store, holder, life, known: Mutex::default() }
    }

    /// Takes or renews the lease, unless that was done for another task a moment ago. Whatever follows is safe even if the
    /// lease lapses meanwhile: each statement guards itself, so two leaders waste work and break nothing.
    pub(crate) async fn leads(&self) -> bool {
        let (mut known, now) = (self.known.lock().await, self.store.now());
        if let Some((leads, at)) = *known
            && at <= now
            && now < at.plus(SERVES)
        {
            return leads;
        }
        match self.store.lead(NAME, &self.holder, self.life).await {
            Ok(leads) => {
                *known = Some((leads, now));
                leads
            }
            Err(error) => {
                tracing::warn!(%error, "no leader can be chosen at the moment");
                false
            }
        }
    }

    /// Lets another lead at once.
    pub(crate) async fn resign(&self) {
        let mut known = self.known.lock().await;
        *known = None;
        if let Err(error) = self.store.resign(NAME, &self.holder).await {
            tracing::debug!(%error, "the lease could not be given up; it will lapse");
        }
    }
}

impl Chores {
    /// Forgets leases that have lapsed. A reader's bears its bulk's name: if the bulk was cancelled when its reader died,
    /// nobody takes it again.
    pub(crate) async fn forget_leases(&self) {
        if let Err(error) = self.parts.store.forget_lapsed().await {
            tracing::warn!(%error, "lapsed leases cannot be forgotten at the moment");
        }
    }
}
