//! How much a lane holds: the intake claims only what there is room for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forebay_shared::job::{Class, Cost};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// What of a job's room stays taken until it is settled, however many of its items have ended: an eighth, since what they
/// gave is held.
const KEPT: u64 = 8;

/// A lane's room, in cost: each class has as much of its own, so that a long slice of a bulk keeps no interactive work out.
/// When it is full, an owner of whom it holds nothing still gets in, so that nobody waits until
/// somebody else's work has gone; all those together have as much room again.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    size: u64,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// By those who came while there was room: interactive work, and bulk work.
    ordinary: [u64; 2],
    /// By those who came when there was none.
    extra: u64,
    /// How many jobs each owner has here.
    jobs: HashMap<(Class, Arc<str>), u32>,
}

impl Room {
    /// An empty room of this size.
    pub fn new(size: Cost) -> Self {
        Self(Arc::new(Inside { size: size.units(), taken: Mutex::default(), freed: Notify::new() }))
    }

    /// What is free for a class; zero if jobs that were claimed together overfilled it.
    pub fn free(&self, class: Class) -> Cost {
        Cost::new(self.0.size.saturating_sub(self.taken().ordinary[class as usize]))
    }

    /// Whether a job of this owner's gets in although nothing is free.
    pub fn welcomes(&self, class: Class, owner: &str) -> bool {
        let taken = self.taken();
        taken.extra < self.0.size && !taken.jobs.contains_key(&(class, Arc::from(owner)))
    }

    /// Waits until something is free for some class.
    pub async fn wait(&self) {
        self.wait_until(|taken| taken.ordinary.iter().any(|taken| *taken < self.0.size)).await;
    }

    /// Ends when something is given back after it was enabled.
    pub fn freed(&self) -> Notified<'_> {
        self.0.freed.notified()
    }

    /// Waits until nothing is held.
    pub async fn wait_until_empty(&self) {
        self.wait_until(|taken| taken.ordinary == [0, 0] && taken.extra == 0).await;
    }

    async fn wait_until(&self, enough: impl Fn(&Taken) -> bool) {
        loop {
            // Registered before looking, so that what is freed between look and wait is not missed.
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if enough(&self.taken()) {
                return;
            }
            freed.await;
        }
    }

    /// Takes a part of the room, whether or not there is one.
    pub fn take(&self, cost: Cost, class: Class, owner: Arc<str>) -> Held {
        let mut taken = self.taken();
        let extra = taken.ordinary[class as usize] >= self.0.size;
        *taken.part(extra, class) += cost.units();
        *taken.jobs.entry((class, owner.clone())).or_default() += 1;
        drop(taken);
        Held { room: self.clone(), cost: cost.units(), left: cost.units(), extra, whose: (class, owner) }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn part(&mut self, extra: bool, class: Class) -> &mut u64 {
        if extra { &mut self.extra } else { &mut self.ordinary[class as usize] }
    }
}

/// A job's part of a lane's room. Given back as its items end, and wholly when dropped: when the job is settled or given
/// up.
#[derive(Debug)]
pub struct Held {
    room: Room,
    cost: u64,
    left: u64,
    extra: bool,
    whose: (Class, Arc<str>),
}

impl Held {
    /// So many of the job's items have not ended yet.
    pub fn shrink(&mut self, open: usize, of: usize) {
        let open = u128::from(self.cost) * open as u128 / of.max(1) as u128;
        let left = u64::try_from(open).unwrap_or(self.cost).max(self.cost / KEPT).min(self.left);
        let freed = self.left - left;
        if freed > 0 {
            self.left = left;
            *self.room.taken().part(self.extra, self.whose.0) -= freed;
            self.room.0.freed.notify_waiters();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        *taken.part(self.extra, self.whose.0) -= self.left;
        if let Some(jobs) = taken.jobs.get_mut(&self.whose) {
            *jobs -= 1;
            if *jobs == 0 {
                taken.jobs.remove(&self.whose);
            }
        }
        drop(taken);
        self.room.0.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(room: &Room, cost: u64, owner: &str) -> Held {
        room.take(Cost::new(cost), Class::Interactive, owner.into())
    }

    #[tokio::test]
    async fn waiting_ends_when_something_is_given_back() {
        let room = Room::new(Cost::new(10));
        let (large, small) = (take(&room, 7, "alice"), take(&room, 5, "alice"));
        assert_eq!(room.free(Class::Interactive), Cost::default());
        tokio::join!(room.wait(), async { drop(small) });
        assert_eq!(room.free(Class::Interactive), Cost::new(3));
        tokio::join!(room.wait_until_empty(), async { drop(large) });
        assert_eq!(room.free(Class::Interactive), Cost::new(10));
    }

    #[test]
    fn a_job_gives_back_room_as_its_items_end() {
        let room = Room::new(Cost::new(1000));
        let mut held = take(&room, 800, "alice");
        held.shrink(60, 100);
        assert_eq!(room.free(Class::Interactive), Cost::new(520));
        held.shrink(0, 100);
        assert_eq!(room.free(Class::Interactive), Cost::new(900), "an eighth stays until it is settled");
        drop(held);
        assert_eq!(room.free(Class::Interactive), Cost::new(1000));
    }

    #[test]
    fn a_slice_of_a_bulk_takes_no_room_from_interactive_work() {
        let room = Room::new(Cost::new(10));
        let _slice = room.take(Cost::new(1000), Class::Bulk, "alice".into());
        assert_eq!((room.free(Class::Bulk), room.free(Class::Interactive)), (Cost::default(), Cost::new(10)));
    }

    #[test]
    fn a_full_room_welcomes_whoever_has_nothing_there() {
        let room = Room::new(Cost::new(10));
        let alices = take(&room, 100, "alice");
        assert!(!room.welcomes(Class::Interactive, "alice"));
        assert!(
            room.welcomes(Class::Bulk, "alice"),
            "what somebody waits for is not held up by the same owner's bulk"
        );
        let bobs = take(&room, 9, "bob");
        assert!(room.welcomes(Class::Interactive, "carol"));
        let carols = take(&room, 5, "carol");
        assert!(!room.welcomes(Class::Interactive, "dora"), "as much again is the bound");
        drop((bobs, carols));
        assert!(room.welcomes(Class::Interactive, "dora"));
        assert_eq!(room.free(Class::Interactive), Cost::default());
        drop(alices);
        assert_eq!(room.free(Class::Interactive), Cost::new(10));
    }
}
