//! What a stream about one job is woken by.
//!
//! A feed holds the latest word only, so a reader who is slow costs no memory; what it missed stands in the database.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use forebay_shared::events::{Event, Progress};
use forebay_shared::id::JobId;
use tokio::sync::Notify;

/// What happened since the last look.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Its row has moved.
    pub moved: bool,
    /// How far it has come.
    pub progress: Option<Progress>,
    /// It has ended.
    pub ended: Option<Arc<Event>>,
}

/// One stream's ear on one job. Dropping it ends the following.
#[derive(Debug)]
pub struct Feed {
    feeds: Feeds,
    job: JobId,
    slot: Arc<Slot>,
}

/// Feeds by job.
#[derive(Clone, Debug, Default)]
pub(super) struct Feeds(Arc<Mutex<HashMap<JobId, Vec<Arc<Slot>>>>>);

#[derive(Debug, Default)]
struct Slot {
    news: Mutex<News>,
    came: Notify,
}

impl Feed {
    /// Waits for news.
    pub async fn next(&self) -> News {
        loop {
            let news = std::mem::take(&mut *lock(&self.slot.news));
            if news.moved || news.progress.is_some() || news.ended.is_some() {
                return news;
            }
            self.slot.came.notified().await;
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Entry::Occupied(mut slots) = lock(&self.feeds.0).entry(self.job) {
            slots.get_mut().retain(|slot| !Arc::ptr_eq(slot, &self.slot));
            if slots.get().is_empty() {
                slots.remove();
            }
        }
    }
}

impl Feeds {
    pub(super) fn open(&self, job: JobId) -> Feed {
        let slot = Arc::new(Slot::default());
        lock(&self.0).entry(job).or_default().push(slot.clone());
        Feed { feeds: self.clone(), job, slot }
    }

    pub(super) fn tell(&self, job: JobId, note: impl Fn(&mut News)) {
        for slot in lock(&self.0).get(&job).into_iter().flatten() {
            note(&mut lock(&slot.news));
            slot.came.notify_one();
        }
    }

    pub(super) fn jobs(&self) -> Vec<JobId> {
        lock(&self.0).keys().copied().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use forebay_shared::clock::ManualClock;
    use forebay_shared::testing::fixed_ids;
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_feed_tells_the_latest_only_and_ends_with_its_reader() {
        let (feeds, ids) = (Feeds::default(), fixed_ids(&ManualClock::default()));
        let (one, other) = (ids.job(), ids.job());
        let feed = feeds.open(one);
        let progress = |done| Progress { id: one, attempt: 1, done, total: 9, transfer: None };
        for done in 1..=3 {
            feeds.tell(one, |news| news.progress = Some(progress(done)));
        }
        feeds.tell(other, |news| news.moved = true);
        let news = feed.next().now_or_never().unwrap();
        assert_eq!((news.moved, news.progress), (false, Some(progress(3))));
        assert!(feed.next().now_or_never().is_none());
        drop(feed);
        assert!(feeds.is_empty());
    }
}
