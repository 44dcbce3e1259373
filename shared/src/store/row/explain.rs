//! A job and its attempts, with what their batches were like.

use serde::Deserialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use super::{AttemptRow, JobRow, Place};
use crate::clock::Timestamp;
use crate::id::WorkerId;
use crate::job::{Account, Suspects, Timings};
use crate::store::StoreResult;
use crate::store::explain::{Explained, ExplainedAttempt};

#[derive(FromRow)]
pub(in crate::store) struct ExplainRow {
    #[sqlx(flatten)]
    job: JobRow,
    worker: Option<WorkerId>,
    published_at: Option<Timestamp>,
    failures: i16,
    suspects: Option<Json<Value>>,
    paused_at: Option<Timestamp>,
}

#[derive(FromRow)]
pub(in crate::store) struct ExplainAttemptRow {
    #[sqlx(flatten)]
    attempt: AttemptRow,
    timings: Option<Json<Value>>,
}

/// The column `timings` holds the account, too.
#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    timings: Timings,
    account: Option<Account>,
}

impl ExplainRow {
    pub(in crate::store) fn explained(self, attempts: Vec<ExplainAttemptRow>) -> StoreResult<Explained> {
        let at = Place { table: "jobs", row: self.job.id.to_string() };
        let told: Option<Told> = self.job.timings.clone().map(|told| at.json("timings", told)).transpose()?;
        let suspects: Suspects = match self.suspects {
            Some(suspects) => at.json("suspects", suspects)?,
            None => Suspects::default(),
        };
        Ok(Explained {
            job: self.job.job()?,
            worker: self.worker,
            handed_over_at: self.published_at,
            paused_at: self.paused_at,
            failures: at.number("failures", self.failures)?,
            suspected: !suspects.is_none(),
            account: told.and_then(|told| told.account),
            attempts: attempts.into_iter().map(ExplainAttemptRow::explained).collect::<StoreResult<_>>()?,
        })
    }
}

impl ExplainAttemptRow {
    fn explained(self) -> StoreResult<ExplainedAttempt> {
        let attempt = self.attempt.attempt()?;
        let at = Place { table: "attempts", row: format!("{}", attempt.number) };
        let told: Option<Told> = self.timings.map(|told| at.json("timings", told)).transpose()?;
        let (timings, account) = told.map_or((None, None), |told| (Some(told.timings), told.account));
        Ok(ExplainedAttempt { attempt, timings, account })
    }
}
