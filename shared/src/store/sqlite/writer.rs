//! The one writer, which lets concurrent writes share a commit.
//!
//! A commit costs a disk flush; the writes in it cost almost nothing. Whatever has arrived while one group was being
//! flushed forms the next. Each write runs in a savepoint, so that one that fails takes nobody with it, and is answered
//! only after the commit.

use futures::future::BoxFuture;
use sqlx::{Executor, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::shutdown::Tasks;
use crate::store::{StoreError, StoreResult};

/// Writes that may wait for the writer. Beyond it writers wait themselves, so memory does not grow with load.
const WAITING: usize = 256;
/// Writes that share a commit at most, so that the first of a group does not wait for a crowd behind it.
const GROUP: usize = 128;

#[derive(Clone, Debug)]
pub(super) struct Writer(mpsc::Sender<Box<dyn Write>>);

impl Writer {
    pub(super) fn start(connection: SqliteConnection, tasks: &Tasks) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        let stopped = tasks.stopped();
        tasks.spawn("sqlite writer", async move {
            tokio::select! {
                () = serve(connection, waiting) => {}
                () = stopped => {}
            }
        });
        Self(sender)
    }

    pub(super) async fn write<T, F>(&self, op: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, StoreResult<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let pending = Pending { op: Some(op), outcome: None, reply };
        self.0.send(Box::new(pending)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn serve(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<Box<dyn Write>>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        let committed = commit_together(&mut connection, &mut group).await;
        if let Err(error) = &committed {
            tracing::error!(%error, writes = group.len(), "a group of writes could not be committed");
            // The connection may be inside a transaction still; outside of one this is refused, and that is as well.
            let _ = connection.execute("rollback").await;
        }
        for write in group.drain(..) {
            write.answer(committed.is_ok());
        }
    }
}

async fn commit_together(
    connection: &mut SqliteConnection,
    group: &mut [Box<dyn Write>],
) -> Result<(), sqlx::Error> {
    connection.execute("begin immediate").await?;
    for write in group {
        connection.execute("savepoint one").await?;
        if !write.run(connection).await {
            connection.execute("rollback to one").await?;
        }
        connection.execute("release one").await?;
    }
    connection.execute("commit").await?;
    Ok(())
}

/// A write of any type.
trait Write: Send {
    /// Runs the statements and keeps their outcome. `false`: undo them.
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, bool>;

    /// Tells whoever waits, once it is known whether the group was committed.
    fn answer(self: Box<Self>, committed: bool);
}

struct Pending<T, F> {
    op: Option<F>,
    outcome: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Write for Pending<T, F>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, StoreResult<T>> + Send + 'static,
{
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, bool> {
        Box::pin(async move {
            let Some(op) = self.op.take() else { return false };
            let outcome = op(connection).await;
            let keep = outcome.is_ok();
            self.outcome = Some(outcome);
            keep
        })
    }

    fn answer(self: Box<Self>, committed: bool) {
        let answer = match self.outcome {
            Some(Ok(_)) | None if !committed => Err(not_committed()),
            Some(outcome) => outcome,
            None => Err(not_committed()),
        };
        // Whoever asked may have given up waiting; the write counts all the same.
        let _ = self.reply.send(answer);
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable(sqlx::Error::WorkerCrashed)
}

fn not_committed() -> StoreError {
    StoreError::Unavailable(sqlx::Error::Protocol("the write's group could not be committed".into()))
}
