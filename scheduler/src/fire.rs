//! Schedules whose ticks have come make their jobs.
//!
//! Every replica does this, since each tick is recorded once by whoever is first; so one that dies delays nothing. A tick
//! is awaited from up to [`AHEAD`] before, and therefore dealt with when it comes, not with the next look.

use std::time::Duration;

use forebay_shared::clock::Timestamp;
use forebay_shared::model::Model;
use forebay_shared::schedule::{Cron, Fired, NewFiring, Schedule, plan};
use forebay_shared::store::StoreResult;

use crate::Chores;

/// Schedules that are looked at together.
const CHUNK: u32 = 100;
/// How far ahead a look reaches. Looks are a second apart, give or take half of one.
const AHEAD: Duration = Duration::from_secs(2);
/// How long a tick is awaited without another look: a schedule may be made meanwhile that ticks before it.
const PATIENCE: Duration = Duration::from_millis(500);
/// Firings of one statement that are forgotten.
const FORGET: u32 = 1000;

impl Chores {
    /// Fires what is due, and what is about to be when it is, until there is nothing of both.
    pub(crate) async fn fire(&self) {
        let stopping = self.parts.tasks.stopping();
        let fire_what_comes = async {
            while let Some(wait) = self.fire_due().await {
                tokio::time::sleep(wait.min(PATIENCE)).await;
            }
        };
        tokio::select! {
            () = fire_what_comes => {}
            () = stopping => {}
        }
    }

    /// Fires what is due, and answers how long it is until the next tick, if that is soon.
    pub(crate) async fn fire_due(&self) -> Option<Duration> {
        match self.try_fire().await {
            Ok(next) => next.map(|tick| tick.since(self.parts.store.now())),
            Err(error) => {
                tracing::warn!(%error, "schedules cannot be fired at the moment");
                None
            }
        }
    }

    async fn try_fire(&self) -> StoreResult<Option<Timestamp>> {
        let store = &self.parts.store;
        loop {
            let now = store.now();
            let schedules = store.schedules_until(now.plus(AHEAD), CHUNK).await?;
            let (due, soon): (Vec<_>, Vec<_>) =
                schedules.into_iter().partition(|schedule| schedule.next_at.is_some_and(|tick| tick <= now));
            let mut jobs = 0;
            for schedule in &due {
                jobs += self.fire_one(schedule, now).await?;
            }
            if jobs > 0 {
                metrics::counter!("forebay_schedules_fired_total").increment(jobs);
                self.parts.filler.fill().await?;
            }
            if due.len() < CHUNK as usize {
                return Ok(soon.first().and_then(|schedule| schedule.next_at));
            }
        }
    }

    /// Deals with the ticks of one schedule up to `now`; answers how many jobs that made.
    async fn fire_one(&self, schedule: &Schedule, now: Timestamp) -> StoreResult<u64> {
        let Some(first) = schedule.next_at else { return Ok(0) };
        let (firings, next_at) = match schedule.clockwork() {
            Ok(cron) => self.firings(schedule, &cron, first, now).await?,
            Err(error) => {
                // It could be read when it was made; a release that reads it otherwise must not be silent about it.
                tracing::error!(%error, schedule.id = %schedule.id, "a schedule cannot be read any more and rests");
                (Vec::new(), None)
            }
        };
        let Some(made) = self.parts.store.fire(schedule, &firings, next_at).await? else { return Ok(0) };
        Ok(made.len() as u64)
    }

    async fn firings(
        &self,
        schedule: &Schedule,
        cron: &Cron,
        first: Timestamp,
        now: Timestamp,
    ) -> StoreResult<(Vec<NewFiring>, Option<Timestamp>)> {
        let plan = plan(cron, schedule.missed, first, now);
        let model = if plan.fire.is_empty() {
            None
        } else {
            self.parts.catalog.find(&schedule.owner, &schedule.template.model).await?
        };
        let mut firings: Vec<_> = plan
            .fire
            .into_iter()
            .map(|fire_at| NewFiring {
                fire_at,
                passed_from: None,
                fired: self.fired(schedule, model.as_ref(), now),
            })
            .collect();
        firings.extend(plan.skip.map(|fire_at| NewFiring {
            fire_at,
            passed_from: None,
            fired: Fired::Skipped,
        }));
        if let Some(earliest) = firings.first_mut() {
            earliest.passed_from = plan.passed_from;
        }
        Ok((firings, plan.next_at))
    }

    fn fired(&self, schedule: &Schedule, model: Option<&Model>, now: Timestamp) -> Fired {
        let id = self.parts.ids.job();
        match schedule.template.job(id, schedule.id, &schedule.owner, model, now) {
            Ok(job) => Fired::Job(Box::new(job)),
            Err(unfit) => {
                tracing::warn!(error = %unfit, schedule.id = %schedule.id, "a schedule makes no job any more");
                metrics::counter!("forebay_schedules_unfit_total", "code" => unfit.code.as_str())
                    .increment(1);
                Fired::Failed(unfit)
            }
        }
    }

    /// Forgets firings that are past their retention.
    pub(crate) async fn forget_firings(&self) {
        let before = self.parts.store.now().minus(self.config.firings.get());
        let round = || self.parts.store.forget_firings(before, FORGET);
        self.in_rounds(FORGET, "old firings cannot be forgotten", round).await;
    }
}
