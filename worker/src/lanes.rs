//! The lanes of a worker, which come and go while it runs.
//!
//! A lane that leaves takes no more work, but stays here until it is empty, so that its jobs still hear when they are to stop,
//! or when the lease is gone.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use crate::lane::{LaneHandle, Order};

/// The lanes that there are. Clones see the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lanes(Arc<RwLock<Vec<Entry>>>);

#[derive(Clone, Debug)]
struct Entry {
    lane: LaneHandle,
    leaves: bool,
}

impl Lanes {
    /// One more, which takes work.
    pub(crate) fn add(&self, lane: LaneHandle) {
        self.write().push(Entry { lane, leaves: false });
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<LaneHandle> {
        self.some(|_| true)
    }

    /// Those that take work.
    pub(crate) fn taking(&self) -> Vec<LaneHandle> {
        self.some(|entry| !entry.leaves)
    }

    /// The models that are served.
    pub(crate) fn models(&self) -> Vec<String> {
        self.taking().into_iter().map(|lane| lane.model).collect()
    }

    /// The model's lane is to take no more work. `None`: there is none that does.
    pub(crate) fn leave(&self, model: &str) -> Option<LaneHandle> {
        let mut entries = self.write();
        let entry = entries.iter_mut().find(|entry| !entry.leaves && entry.lane.model == model)?;
        entry.leaves = true;
        Some(entry.lane.clone())
    }

    /// The lane is empty: it ends when nobody else has a handle of it.
    pub(crate) fn remove(&self, lane: &LaneHandle) {
        self.write().retain(|entry| !entry.lane.is(lane));
    }

    /// Gives an order to all of them.
    pub(crate) async fn order(&self, order: impl Fn() -> Order) {
        for lane in self.all() {
            lane.order(order()).await;
        }
    }

    fn some(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<LaneHandle> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.lane.clone()).collect()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Entry>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
