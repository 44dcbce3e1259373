//! Tasks that are all tracked, and a stop in two phases.
//!
//! *Stopping* is soft: intake ends, what runs is settled, what has not begun is given back. *Stopped* is hard: whatever
//! still runs is dropped. Background keepers (clocks, connections) live until the hard stop, since settling needs them.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

/// The tasks of one process, or of one test.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task; a panic in it is logged under `name` and stops the rest, since half a house is no house.
    #[expect(clippy::disallowed_methods, reason = "this is the door through which tasks are started")]
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        let guarded = self.tracker.track_future(task);
        tokio::spawn(async move {
            let alarm = Alarm { name, tasks };
            guarded.await;
            std::mem::forget(alarm);
        })
    }

    /// Runs work that blocks, on a thread where it may.
    pub fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.tracker.spawn_blocking(work)
    }

    /// Asks for a soft stop.
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Asks for a hard stop, which is a soft stop too.
    pub fn halt(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Resolves when a soft stop has been asked for.
    pub fn stopping(&self) -> WaitForCancellationFutureOwned {
        self.soft.clone().cancelled_owned()
    }

    /// Resolves when a hard stop has been asked for.
    pub fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.hard.clone().cancelled_owned()
    }

    /// Whether a soft stop has been asked for.
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Waits until every task has ended. Tasks may still be added meanwhile.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Dropped while armed only by a panic.
struct Alarm {
    name: &'static str,
    tasks: Tasks,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "a task panicked; stopping");
            self.tasks.stop();
        }
    }
}

/// Resolves on the first SIGTERM or SIGINT.
pub async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("a process may listen to SIGTERM");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
