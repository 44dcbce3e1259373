//! One bulk, told whenever it has come further, until it ends.

use std::time::Duration;

use forebay_shared::bulk::{Bulk, Counts};
use forebay_shared::id::BulkId;
use forebay_shared::job::EventType;
use tokio::time::Instant;

use super::{Closed, Tells, Told};
use crate::bulk::not_found;
use crate::problem::Problem;
use crate::routes::bulk::BulkView;
use crate::seats::Seat;
use crate::state::App;

/// How often the row is read: a bulk runs for minutes or days, and its answers come slice by slice.
const LOOK: Duration = Duration::from_secs(1);

/// One bulk, told whenever it has come further, until it ends.
///
/// The id of an event is the bulk's version, which grows with its status; what is told in between has the same.
#[derive(Debug)]
pub struct BulkStream {
    app: App,
    owner: String,
    id: BulkId,
    /// The version and the lines that were told.
    told: Option<(i64, Counts)>,
    told_at: Instant,
    closed: Closed,
    _seat: Seat,
}

impl BulkStream {
    /// Begins with the bulk as it stands. `None`: it has ended, and the client has seen that.
    pub async fn open(
        app: &App,
        (owner, id): (&str, BulkId),
        after: Option<i64>,
        seat: Seat,
    ) -> Result<Option<Self>, Problem> {
        let bulk = app.parts.store.bulk(owner, id).await?.ok_or_else(not_found)?;
        if bulk.status.is_terminal() && after == Some(bulk.version) {
            return Ok(None);
        }
        Ok(Some(Self {
            app: app.clone(),
            owner: owner.to_owned(),
            id,
            told: None,
            told_at: Instant::now(),
            closed: Closed::not_yet("bulk"),
            _seat: seat,
        }))
    }

    /// The bulk, if it has come further since it was told.
    fn tell(&mut self, bulk: Bulk) -> Option<Told> {
        let now = (bulk.version, bulk.counts);
        if self.told == Some(now) {
            return None;
        }
        let kind = EventType::of_bulk(bulk.status);
        if bulk.status.is_terminal() {
            self.closed.set("ended");
        }
        self.told = Some(now);
        self.told_at = Instant::now();
        let id = bulk.version.to_string();
        Some(Told::event(Some(id), kind, &BulkView::new(bulk, self.app.parts.store.now())))
    }
}

impl Tells for BulkStream {
    async fn next(&mut self) -> Option<Told> {
        while !self.closed.is_set() {
            match self.app.parts.store.bulk(&self.owner, self.id).await {
                Ok(Some(bulk)) => {
                    if let Some(told) = self.tell(bulk) {
                        return Some(told);
                    }
                }
                Ok(None) => self.closed.set("deleted"),
                // The next look may find the database back.
                Err(error) => tracing::debug!(%error, bulk.id = %self.id.0, "a followed bulk cannot be read"),
            }
            let quiet = self.app.config.api.keep_alive.get();
            if self.told_at.elapsed() >= quiet {
                self.told_at = Instant::now();
                return Some(Told::Quiet { id: None });
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK.min(quiet)) => {}
                () = self.app.parts.tasks.stopping() => self.closed.set("stopping"),
            }
        }
        None
    }
}
