//! All that happens to an owner's jobs, from the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use forebay_shared::store::{Cursor, EventFilter, EventPage, Followed, Logged, Standing};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::{Closed, EventView, Tells, Told};
use crate::follow::{Batch, OwnerGuard};
use crate::problem::{Code, Problem};
use crate::seats::Seat;
use crate::state::App;

/// Events that are read of the log at once, and so all that one stream holds.
pub const PAGE: u32 = 256;
/// How long to wait before asking a database that was away again.
const AGAIN: Duration = Duration::from_secs(1);

/// All that happens to an owner's jobs, in the log's order.
#[derive(Debug)]
pub struct OwnerStream {
    app: App,
    owner: String,
    filter: EventFilter,
    batches: Receiver<Arc<Batch>>,
    /// Everything up to here is told or pending.
    read: Cursor,
    pending: VecDeque<Logged>,
    /// Whether the log may hold what no batch will bring.
    behind: bool,
    closed: Closed,
    _guard: OwnerGuard,
    _seat: Option<Seat>,
}

impl OwnerStream {
    /// Begins after the cursor, or with what happens from now on.
    pub async fn open(
        app: &App,
        owner: &str,
        filter: EventFilter,
        after: Option<Cursor>,
        seat: Option<Seat>,
    ) -> Result<Self, Problem> {
        // Listening begins before the log is read: what happens between the two would otherwise be told by nobody.
        let (guard, batches) = app.tail.follow(owner);
        let page = match after {
            Some(after) => read(app, owner, &filter, after, PAGE).await?,
            None => app.parts.store.tail(&Followed::default(), None, 0).await?,
        };
        Ok(Self {
            app: app.clone(),
            owner: owner.to_owned(),
            filter,
            batches,
            read: page.next,
            pending: page.events.into(),
            behind: page.more,
            closed: Closed::not_yet("owner"),
            _guard: guard,
            _seat: seat,
        })
    }

    /// Reads on in the log. An error that will not pass ends the stream.
    async fn catch_up(&mut self) -> Option<Told> {
        match read(&self.app, &self.owner, &self.filter, self.read, PAGE).await {
            Ok(page) => {
                self.read = page.next;
                self.pending.extend(page.events);
                self.behind = page.more;
                None
            }
            Err(problem) if problem.code() == Code::CursorExpired => {
                self.closed.set("cursor_expired");
                Some(Told::Broken(problem))
            }
            Err(problem) => {
                tracing::debug!(%problem, "the log cannot be read for a stream; trying again");
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    () = self.app.parts.tasks.stopping() => self.closed.set("stopping"),
                }
                Some(Told::Quiet { id: None })
            }
        }
    }

    async fn wait(&mut self) -> Option<Told> {
        let quiet = self.app.config.api.keep_alive.get();
        tokio::select! {
            batch = self.batches.recv() => match batch {
                Ok(batch) => self.take(&batch),
                // It was slow. Nothing is lost: the log has it.
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => self.closed.set("stopping"),
            },
            () = tokio::time::sleep(quiet) => return Some(Told::Quiet { id: Some(self.read.to_string()) }),
            () = self.app.parts.tasks.stopping() => self.closed.set("stopping"),
        }
        None
    }

    fn take(&mut self, batch: &Batch) {
        if !batch.covers(&self.owner) {
            return;
        }
        if batch.from > self.read {
            self.behind = true;
            return;
        }
        let meant = batch.events(&self.owner, self.read).filter(|event| self.filter.admits(event));
        self.pending.extend(meant.cloned());
        self.read = self.read.max(batch.to);
    }
}

impl Tells for OwnerStream {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                let (id, kind) = (event.at.to_string(), event.kind);
                return Some(Told::event(Some(id), kind, &EventView::from(event)));
            }
            if self.closed.is_set() {
                return None;
            }
            let told = if self.behind { self.catch_up().await } else { self.wait().await };
            if told.is_some() {
                return told;
            }
        }
    }
}

/// A page of the owner's events; refuses cursors behind which something is missing.
pub async fn read(
    app: &App,
    owner: &str,
    filter: &EventFilter,
    after: Cursor,
    limit: u32,
) -> Result<EventPage, Problem> {
    let page = app.parts.store.events(owner, filter, after, limit).await?;
    match page.standing {
        Standing::Kept => Ok(page),
        Standing::Forgotten => {
            let detail = "events after the cursor are forgotten already; begin again without it, or with `0-0` for \
                          all that is kept";
            Err(Problem::new(Code::CursorExpired, detail).at("after"))
        }
        Standing::Ahead => Err(not_ours()),
    }
}

/// The cursor is none that an event has borne.
pub fn not_ours() -> Problem {
    Problem::new(Code::InvalidCursor, "the cursor is none that an event has borne").at("after")
}
