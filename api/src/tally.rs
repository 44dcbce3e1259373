//! What has become of an owner's jobs lately, for whoever asks for statistics.
//!
//! Asked for as often as anybody likes, it costs an owner two statements a second.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use forebay_dialects::emotion::Lately;
use forebay_shared::clock::Timestamp;
use forebay_shared::job::Status;
use forebay_shared::model::Model;

use crate::problem::Problem;
use crate::state::State;

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(1);
/// How far back it looks: as far as jobs behind calls are kept, unless that is configured.
const WINDOW: Duration = Duration::from_hours(1);
/// Owners that are remembered, each with 16 KiB at most.
const REMEMBERED: usize = 256;

/// What was told of late.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<HashMap<String, (Timestamp, Lately)>>);

impl Tallies {
    /// What has become lately of the owner's jobs for these models, which are the same each time.
    pub async fn of(&self, app: &State, owner: &str, models: &[(String, &Model)]) -> Result<Lately, Problem> {
        let now = app.parts.clock.now();
        if let Some(lately) = self.remembered(owner, now) {
            return Ok(lately);
        }
        let lately = look(app, owner, |name| models.iter().any(|(_, model)| model.card.name == name)).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(owner.to_owned(), (now, lately.clone()));
        Ok(lately)
    }

    fn remembered(&self, owner: &str, now: Timestamp) -> Option<Lately> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, lately) = known.get(owner)?;
        (*at <= now && now < at.plus(FRESH)).then(|| lately.clone())
    }
}

async fn look(app: &State, owner: &str, is_asked: impl Fn(&str) -> bool) -> Result<Lately, Problem> {
    let store = &app.parts.store;
    let since = store.now().minus(WINDOW);
    let mut lately = Lately { window: WINDOW, ..Lately::default() };
    let loads = store.loads().await?;
    let own = loads.iter().filter(|load| load.owner == owner && is_asked(&load.route.model));
    lately.queued = own.map(|load| load.jobs).sum();
    for job in store.recent(owner).await? {
        if !is_asked(&job.model) || job.finished_at < since {
            continue;
        }
        match job.status {
            Status::Succeeded => {
                lately.done += 1;
                lately.latencies.push(job.finished_at.since(job.created_at));
            }
            Status::Failed | Status::Expired => lately.failed += 1,
            Status::Queued | Status::Running | Status::Cancelled => {}
        }
    }
    Ok(lately)
}
