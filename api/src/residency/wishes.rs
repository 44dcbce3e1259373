//! What calls wish of their models besides their work: written down beside the calls, the latest about each model.
//!
//! However many calls wish something, a model costs one statement a second. What is not written down when the process dies is
//! forgotten: the work was done, and the next call says it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forebay_shared::events::{Event, Events};
use forebay_shared::residency::Wish;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use tokio::sync::Notify;

/// How long it is gathered after what was said was written down.
const GATHERED: Duration = Duration::from_secs(1);

/// Wishes that wait to be written down: as many as there are models.
#[derive(Clone, Debug, Default)]
pub struct Wishes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: Mutex<BTreeMap<String, Wish>>,
    said: Notify,
}

impl Wishes {
    /// Writes down what is said from now on, until a hard stop.
    pub fn start(store: Arc<dyn Store>, events: Arc<dyn Events>, tasks: &Tasks) -> Self {
        let (wishes, stopped) = (Self::default(), tasks.stopped());
        let writing = wishes.clone().write_down(store, events);
        tasks.spawn("wishes of calls", async move {
            tokio::select! {
                () = writing => {}
                () = stopped => {}
            }
        });
        wishes
    }

    /// Has a wish about the model with this name of its own written down, unless another comes before that.
    pub fn say(&self, model: &str, wish: Wish) {
        self.change(|waiting| waiting.insert(model.to_owned(), wish));
        self.0.said.notify_one();
    }

    /// What waits about the model is not wished any more.
    pub fn forget(&self, model: &str) {
        self.change(|waiting| waiting.remove(model));
    }

    async fn write_down(self, store: Arc<dyn Store>, events: Arc<dyn Events>) {
        loop {
            self.0.said.notified().await;
            let said = self.change(std::mem::take);
            for (model, wish) in &said {
                if let Err(error) = store.wish(model, *wish).await {
                    // How long a model stays is worth no more tries.
                    tracing::warn!(%error, model, "what is wished of a model's place in memory cannot be written down");
                }
            }
            if !said.is_empty() {
                events.announce(Event::Wished).await;
                tokio::time::sleep(GATHERED).await;
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Wish>) -> T) -> T {
        change(&mut self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use forebay_shared::clock::SystemClock;
    use forebay_shared::events::LocalEvents;
    use forebay_shared::residency::KeepAlive;
    use forebay_shared::store::Sqlite;
    use forebay_shared::testing::Watched;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn many_calls_that_wish_something_cost_one_statement_and_the_latest_stands() {
        let (data, tasks, events) = (tempfile::tempdir().unwrap(), Tasks::new(), LocalEvents::new());
        let file = data.path().join("forebay.db");
        let store = Sqlite::open(&file, Arc::new(SystemClock), &tasks).await.unwrap();
        let store = Arc::new(Watched::new(Arc::new(store)));
        let mut news = events.subscribe();
        let wishes = Wishes::start(store.clone(), Arc::new(events.clone()), &tasks);
        let keep = |minutes| Wish::Keep(KeepAlive::For(Duration::from_mins(minutes)));
        for _ in 0..500 {
            wishes.say("mood", keep(5));
            wishes.say("mood", keep(10));
            wishes.say("gone", keep(5));
        }
        wishes.forget("gone");
        for (statements, wish) in [(1, keep(10)), (2, Wish::Unload)] {
            let word = tokio::time::timeout(LIMIT, news.recv()).await.expect("workers are told").unwrap();
            assert_eq!(*word, Event::Wished);
            assert_eq!(store.calls("wish"), statements);
            let written = store.behind().wishes().await.unwrap().into_iter();
            let written: Vec<_> = written.map(|wished| (wished.model, wished.wish)).collect();
            assert_eq!(written, [("mood".to_owned(), wish)]);
            (0..500).for_each(|_| wishes.say("mood", Wish::Unload));
        }
        tasks.halt();
    }
}
