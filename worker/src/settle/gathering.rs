//! Which finished jobs are settled together, and when they go.
//!
//! A job waits for nobody while no group is on its way. Else it waits for those that are, for a moment at most, and
//! whatever finishes meanwhile goes with it; so the slower the database is, the more share a statement. Many do not wait:
//! they are worth a group of their own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Groups on their way at once.
const UNSETTLED: u32 = 4;
/// Jobs, and items of jobs, that are worth a group beside others; of embeddings that many items are some 4 MiB.
const WORTH: (usize, usize) = (32, 1024);
/// How long jobs wait for groups that are on their way: one of them may be stuck.
const PATIENCE: Duration = Duration::from_millis(100);

/// Gathers what comes into groups.
pub(super) struct Gathering<T> {
    coming: mpsc::Receiver<T>,
    group: Vec<T>,
    /// How many go together at most.
    most: usize,
    /// How many items one has.
    items: fn(&T) -> usize,
    on_their_way: Arc<Semaphore>,
}

impl<T> Gathering<T> {
    pub(super) fn new(coming: mpsc::Receiver<T>, most: usize, items: fn(&T) -> usize) -> Self {
        let on_their_way = Arc::new(Semaphore::new(UNSETTLED as usize));
        Self { coming, group: Vec::new(), most, items, on_their_way }
    }

    /// The next group. It is on its way until the permit is dropped. `None`: nothing can come any more.
    pub(super) async fn next(&mut self) -> Option<(Vec<T>, OwnedSemaphorePermit)> {
        if self.take().await == 0 {
            return None;
        }
        self.gather().await;
        // Nobody closes it.
        let permit = self.on_their_way.clone().acquire_owned().await.ok()?;
        while self.group.len() < self.most
            && let Ok(one) = self.coming.try_recv()
        {
            self.group.push(one);
        }
        Some((std::mem::take(&mut self.group), permit))
    }

    /// Waits until no group is on its way, or no longer.
    async fn gather(&mut self) {
        // It stands in line for all permits, so it must be gone before one is asked for.
        let others = self.on_their_way.clone();
        let alone = tokio::time::timeout(PATIENCE, others.acquire_many(UNSETTLED));
        tokio::pin!(alone);
        while !self.is_worth_it() {
            tokio::select! {
                // What has finished already goes along.
                biased;
                came = self.take() => if came == 0 {
                    break;
                },
                _ = &mut alone => break,
            }
        }
    }

    async fn take(&mut self) -> usize {
        let room = self.most - self.group.len();
        self.coming.recv_many(&mut self.group, room).await
    }

    fn is_worth_it(&self) -> bool {
        self.group.len() >= WORTH.0 || self.group.iter().map(self.items).sum::<usize>() >= WORTH.1
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;

    use super::*;

    const MOST: usize = 50;

    /// What comes is its own number of items.
    fn gathering() -> (mpsc::Sender<usize>, Gathering<usize>) {
        let (sender, coming) = mpsc::channel(100);
        (sender, Gathering::new(coming, MOST, |items| *items))
    }

    /// One job is on its way as long as the permit is kept.
    async fn busy() -> (mpsc::Sender<usize>, Gathering<usize>, OwnedSemaphorePermit) {
        let (jobs, mut gathering) = gathering();
        jobs.send(1).await.unwrap();
        let (group, on_its_way) = gathering.next().await.unwrap();
        assert_eq!(group, [1]);
        (jobs, gathering, on_its_way)
    }

    #[tokio::test]
    async fn who_finishes_first_waits_for_nobody() {
        let (jobs, mut gathering) = gathering();
        jobs.send(1).await.unwrap();
        assert!(poll!(pin!(gathering.next())).is_ready());
    }

    #[tokio::test]
    async fn who_finishes_beside_others_goes_when_those_are_settled() {
        let (jobs, mut gathering, on_its_way) = busy().await;
        let mut next = pin!(gathering.next());
        for job in 2..5 {
            jobs.send(job).await.unwrap();
            assert!(poll!(&mut next).is_pending());
        }
        drop(on_its_way);
        assert_eq!(next.await.unwrap().0, [2, 3, 4]);
    }

    #[tokio::test]
    async fn many_do_not_wait_for_others() {
        let (jobs, mut gathering, _on_its_way) = busy().await;
        let mut next = pin!(gathering.next());
        jobs.send(2).await.unwrap();
        assert!(poll!(&mut next).is_pending());
        for _ in 0..60 {
            jobs.send(0).await.unwrap();
        }
        assert_eq!(next.await.unwrap().0.len(), MOST, "no group has more");
    }

    #[tokio::test]
    async fn large_ones_do_not_wait_for_others() {
        let (jobs, mut gathering, _on_its_way) = busy().await;
        jobs.send(WORTH.1).await.unwrap();
        assert!(poll!(pin!(gathering.next())).is_ready());
    }

    #[tokio::test]
    async fn a_group_that_is_stuck_holds_up_others_for_a_moment_only() {
        let (jobs, mut gathering, _stuck) = busy().await;
        jobs.send(2).await.unwrap();
        assert_eq!(gathering.next().await.unwrap().0, [2]);
    }

    #[tokio::test]
    async fn the_last_go_when_nothing_can_come_any_more() {
        let (jobs, mut gathering, _on_its_way) = busy().await;
        jobs.send(2).await.unwrap();
        drop(jobs);
        assert_eq!(gathering.next().await.unwrap().0, [2]);
        assert!(gathering.next().await.is_none());
    }
}
