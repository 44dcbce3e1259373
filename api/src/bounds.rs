//! How much may wait: who is refused at the door.
//!
//! The database keeps the sums; the door looks at them every 100 ms while jobs come, and counts what it lets in between. So
//! a bound holds within one look of each replica. Work counts by cost as well as by jobs, so one job of many items and
//! many jobs of one are bounded alike. A queue with nothing in it takes any job, or a large one would never come in.

use std::collections::HashMap;
use std::time::Duration;

use forebay_shared::id::KeyId;
use forebay_shared::job::{Cost, NewJob};
use forebay_shared::model::Model;
use forebay_shared::store::{KeyLimits, Load, Route};

/// The longest that somebody is told to stay away: measured rates do not say more.
const LONGEST: Duration = Duration::from_mins(10);

/// How much may wait on a route, in all and of one owner. `[limits]` of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Jobs.
    pub jobs: u64,
    /// Jobs of one owner.
    pub jobs_per_owner: u64,
    /// Batches' worth of work.
    pub batches: u64,
    /// Batches' worth of one owner's work.
    pub batches_per_owner: u64,
}

/// What waits, as of the last look, and what was let in since.
#[derive(Debug, Default)]
pub struct Waiting {
    routes: HashMap<Route, Sum>,
    owners: HashMap<(Route, String), Sum>,
    keys: HashMap<KeyId, Sum>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    jobs: u64,
    cost: Cost,
}

impl Sum {
    fn add(&mut self, jobs: u64, cost: Cost) {
        self.jobs += jobs;
        self.cost = self.cost + cost;
    }

    fn subtract(&mut self, cost: Cost) {
        self.jobs = self.jobs.saturating_sub(1);
        self.cost = self.cost.less(cost);
    }
}

/// Why a job is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// Whose queue is full.
    pub whose: Whose,
    /// The number that would be exceeded.
    pub limit: u64,
    /// What it counts.
    pub unit: Unit,
    /// The model.
    pub model: String,
    /// When there is probably room.
    pub retry_after: Duration,
}

/// Whose bound it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The model's, whoever submits.
    Model,
    /// The owner's on this model.
    Owner,
    /// The key's, on all models.
    Key,
}

/// What a bound counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Jobs.
    Jobs,
    /// Batches' worth of work.
    Batches,
    /// Cost: tokens, pictures, items.
    Cost,
}

impl Waiting {
    /// Takes in what the database says.
    pub fn refresh(&mut self, loads: &[Load]) {
        *self = Self::default();
        for load in loads {
            self.routes.entry(load.route.clone()).or_default().add(load.jobs, load.cost);
            self.owners
                .entry((load.route.clone(), load.owner.clone()))
                .or_default()
                .add(load.jobs, load.cost);
            self.keys.entry(load.key).or_default().add(load.jobs, load.cost);
        }
    }

    /// Lets a job in, which is then counted, or says why not.
    pub fn admit(
        &mut self,
        job: &NewJob,
        model: &Model,
        bounds: &Bounds,
        limits: KeyLimits,
    ) -> Result<(), Full> {
        let route = Route { model: job.model.clone(), class: job.class };
        let owner = (route.clone(), job.owner.clone());
        let all = self.routes.get(&route).copied().unwrap_or_default();
        let own = self.owners.get(&owner).copied().unwrap_or_default();
        let budget = model.card.budget();
        over(all, job.cost, bounds.jobs, bounds.batches, budget)
            .map_err(|over| over.full(Whose::Model, model))?;
        over(own, job.cost, bounds.jobs_per_owner, bounds.batches_per_owner, budget)
            .map_err(|over| over.full(Whose::Owner, model))?;
        if let (Some(most), Some(key)) = (limits.max_queued, job.key) {
            let keys = self.keys.get(&key).copied().unwrap_or_default();
            if keys.cost > Cost::default() && keys.cost + job.cost > most {
                let too_much = (keys.cost + job.cost).less(most);
                let over = Over { limit: most.units(), unit: Unit::Cost, cost: too_much };
                return Err(over.full(Whose::Key, model));
            }
        }
        self.routes.entry(route).or_default().add(1, job.cost);
        self.owners.entry(owner).or_default().add(1, job.cost);
        if let Some(key) = job.key {
            self.keys.entry(key).or_default().add(1, job.cost);
        }
        Ok(())
    }

    /// A job that was let in made no row of its own.
    pub fn forget(&mut self, job: &NewJob) {
        let route = Route { model: job.model.clone(), class: job.class };
        if let Some(sum) = self.routes.get_mut(&route) {
            sum.subtract(job.cost);
        }
        if let Some(sum) = self.owners.get_mut(&(route, job.owner.clone())) {
            sum.subtract(job.cost);
        }
        if let Some(sum) = job.key.and_then(|key| self.keys.get_mut(&key)) {
            sum.subtract(job.cost);
        }
    }
}

/// By how much a bound would be exceeded.
struct Over {
    limit: u64,
    unit: Unit,
    cost: Cost,
}

impl Over {
    fn full(self, whose: Whose, model: &Model) -> Full {
        let seconds = if model.rate > 0.0 { self.cost.units() as f64 / model.rate } else { 1.0 };
        let retry_after = Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST);
        Full {
            whose,
            limit: self.limit,
            unit: self.unit,
            model: model.card.name.clone(),
            retry_after: retry_after.clamp(Duration::from_secs(1), LONGEST),
        }
    }
}

fn over(waiting: Sum, cost: Cost, jobs: u64, batches: u64, budget: Cost) -> Result<(), Over> {
    if waiting.jobs == 0 {
        return Ok(());
    }
    if waiting.jobs >= jobs {
        // One job has to go first, of the cost that jobs here have.
        let usual = Cost::new(waiting.cost.units() / waiting.jobs * (waiting.jobs - jobs + 1));
        return Err(Over { limit: jobs, unit: Unit::Jobs, cost: usual });
    }
    let most = budget.times(batches);
    if waiting.cost + cost > most {
        let cost = (waiting.cost + cost).less(most);
        return Err(Over { limit: batches, unit: Unit::Batches, cost });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use forebay_shared::clock::Timestamp;
    use forebay_shared::job::Kind;
    use forebay_shared::testing::{card, fresh_ids, sample_job};

    use super::*;

    const BOUNDS: Bounds = Bounds { jobs: 10, jobs_per_owner: 5, batches: 4, batches_per_owner: 2 };

    fn model() -> Model {
        Model {
            card: card("echo", Kind::Echo),
            created_at: Timestamp::from_micros(0),
            workers: 1,
            draining: false,
            loaded: None,
            rate: 8.0,
        }
    }

    fn job(owner: &str, cost: u64) -> NewJob {
        NewJob { cost: Cost::new(cost), ..sample_job(&fresh_ids(), owner) }
    }

    fn admit(waiting: &mut Waiting, job: &NewJob) -> Result<(), Full> {
        waiting.admit(job, &model(), &BOUNDS, KeyLimits::default())
    }

    #[test]
    fn jobs_are_bounded_for_one_owner_and_for_all() {
        let mut waiting = Waiting::default();
        for owner in ["alice", "bob"] {
            (0..5).for_each(|_| admit(&mut waiting, &job(owner, 1)).unwrap());
        }
        let full = admit(&mut waiting, &job("alice", 1)).unwrap_err();
        assert_eq!((full.whose, full.limit, full.unit), (Whose::Model, 10, Unit::Jobs));
        waiting.forget(&job("bob", 1));
        assert_eq!(admit(&mut waiting, &job("alice", 1)).unwrap_err().whose, Whose::Owner);
        admit(&mut waiting, &job("bob", 1)).unwrap();
    }

    #[test]
    fn one_job_of_many_items_is_bounded_like_many_jobs_of_one() {
        let mut waiting = Waiting::default();
        admit(&mut waiting, &job("alice", 1000)).expect("an empty queue takes any job");
        let full = admit(&mut waiting, &job("alice", 1)).unwrap_err();
        assert_eq!((full.limit, full.unit), (4, Unit::Batches));
        // 1001 − 4 × 64 = 745 over, at 8 a second.
        assert_eq!(full.retry_after.as_secs(), 93);
    }

    #[test]
    fn a_keys_queued_cost_is_bounded() {
        let mut waiting = Waiting::default();
        let key = Some(fresh_ids().key());
        let limits = KeyLimits { max_queued: Some(Cost::new(50)), ..KeyLimits::default() };
        let mut admit =
            |cost| waiting.admit(&NewJob { key, ..job("alice", cost) }, &model(), &BOUNDS, limits);
        admit(40).unwrap();
        assert_eq!(admit(11).unwrap_err().whose, Whose::Key);
        admit(10).unwrap();
    }
}
