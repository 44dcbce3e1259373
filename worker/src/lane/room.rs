//! How much a lane holds: the intake claims only what there is room for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use forebay_shared::job::Cost;
use tokio::sync::Notify;

/// A lane's room, in cost.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    size: u64,
    held: AtomicU64,
    freed: Notify,
}

impl Room {
    /// An empty room of this size.
    pub fn new(size: Cost) -> Self {
        Self(Arc::new(Inside { size: size.units(), held: AtomicU64::new(0), freed: Notify::new() }))
    }

    /// What is free; zero if jobs that were claimed together overfilled it.
    pub fn free(&self) -> Cost {
        Cost::new(self.0.size.saturating_sub(self.0.held.load(Ordering::Acquire)))
    }

    /// Waits until something is free.
    pub async fn wait(&self) {
        self.wait_until(|held| held < self.0.size).await;
    }

    /// Waits until nothing is held.
    pub async fn wait_until_empty(&self) {
        self.wait_until(|held| held == 0).await;
    }

    async fn wait_until(&self, enough: impl Fn(u64) -> bool) {
        loop {
            // Registered before looking, so that what is freed between look and wait is not missed.
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if enough(self.0.held.load(Ordering::Acquire)) {
                return;
            }
            freed.await;
        }
    }

    /// Takes a part of the room, whether or not there is one.
    pub fn take(&self, cost: Cost) -> Held {
        self.0.held.fetch_add(cost.units(), Ordering::AcqRel);
        Held { room: self.clone(), cost }
    }
}

/// A part of a lane's room, given back when dropped: when its job is settled, or given up.
#[derive(Debug)]
pub struct Held {
    room: Room,
    cost: Cost,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.held.fetch_sub(self.cost.units(), Ordering::AcqRel);
        self.room.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_when_something_is_given_back() {
        let room = Room::new(Cost::new(10));
        let (large, small) = (room.take(Cost::new(7)), room.take(Cost::new(5)));
        assert_eq!(room.free(), Cost::default());
        tokio::join!(room.wait(), async { drop(small) });
        assert_eq!(room.free(), Cost::new(3));
        tokio::join!(room.wait_until_empty(), async { drop(large) });
        assert_eq!(room.free(), Cost::new(10));
    }
}
