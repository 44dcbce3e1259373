//! What this replica has leased of everybody's limits.
//!
//! Whoever comes while the store is asked for its subject waits for that answer, and its wish is part of the question: a
//! crowd costs a statement, not one each. While the database is away nothing more can be leased, and who has nothing left is
//! answered 503: a limit that went when the database is slow would be none, and nothing could be stored anyway.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forebay_shared::rate::{Ask, Lease, Purse, Rate, Spent, Standing};
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::Store;
use tokio::sync::Mutex as Turn;

use super::meter::Limit;
use crate::problem::{Code, Problem};
use crate::state::Parts;

/// Limits of subjects that are remembered: about 4 MB. Who was seen least recently costs a statement more.
const REMEMBERED: usize = 10_000;
/// How long the database may take to answer: a thousand times what it usually takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What this replica has leased of everybody's limits.
#[derive(Debug)]
pub struct Purses {
    store: Arc<dyn Store>,
    tasks: Tasks,
    known: Mutex<Known>,
}

/// The purses, and how often one was asked for.
#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<Arc<str>, (u64, Arc<Held>)>,
    asked: u64,
}

/// One subject's purse.
#[derive(Debug)]
struct Held {
    purse: Mutex<Purse>,
    /// Whose turn it is to ask the store.
    turn: Arc<Turn<()>>,
    /// Units that are waited for.
    crowd: AtomicU64,
}

/// Units that are waited for, until this is dropped.
struct Waiting<'a>(&'a AtomicU64, u64);

impl Purses {
    /// Nothing is leased yet.
    pub fn new(parts: &Parts) -> Self {
        Self { store: parts.store.clone(), tasks: parts.tasks.clone(), known: Mutex::default() }
    }

    /// Spends `units` of a limit, all or none; no more than its burst can be had. Never answers [`Spent::Short`].
    pub async fn spend(&self, limit: &Limit, units: u64) -> Result<Spent, Problem> {
        let held = self.held(limit);
        let spent = held.purse().spend(units, self.store.now());
        match spent {
            // Boxed: most requests do not ask, and need not carry what asking takes.
            Spent::Short => Box::pin(self.ask(limit, &held, units)).await,
            Spent::Paid => {
                self.ask_ahead(limit, held);
                Ok(spent)
            }
            Spent::Refused(_) => Ok(spent),
        }
    }

    /// How the subject stands, as far as this replica knows.
    pub fn standing(&self, limit: &Limit) -> Standing {
        self.held(limit).purse().standing(self.store.now())
    }

    /// Spends what only the store can give.
    async fn ask(&self, limit: &Limit, held: &Held, units: u64) -> Result<Spent, Problem> {
        held.crowd.fetch_add(units, Ordering::Relaxed);
        let waiting = Waiting(&held.crowd, units);
        let _turn = held.turn.lock().await;
        loop {
            let now = self.store.now();
            let ask = {
                let mut purse = held.purse();
                match purse.spend(units, now) {
                    Spent::Short => purse.ask(units, waiting.others(), now),
                    spent => return Ok(spent),
                }
            };
            let lease = lease(self.store.as_ref(), &limit.name, ask).await?;
            let mut purse = held.purse();
            purse.receive(lease, now);
            // Spent under the same lock, so that what was leased for this one is not another's.
            match purse.spend(units, self.store.now()) {
                Spent::Short => {}
                spent => return Ok(spent),
            }
        }
    }

    /// Takes the next lease beside the request that has all but used up the last, unless somebody asks already.
    fn ask_ahead(&self, limit: &Limit, held: Arc<Held>) {
        if held.purse().ask_ahead(self.store.now()).is_none() {
            return;
        }
        let Ok(turn) = held.turn.clone().try_lock_owned() else { return };
        let (store, name) = (self.store.clone(), limit.name.clone());
        self.tasks.spawn("rate lease", async move {
            let _turn = turn;
            let now = store.now();
            let Some(ask) = held.purse().ask_ahead(now) else { return };
            // Whoever needs it asks again, and is told what is wrong.
            if let Ok(lease) = lease(store.as_ref(), &name, ask).await {
                held.purse().receive(lease, now);
            }
        });
    }

    /// The subject's purse; a new one if it was not seen lately, or under another rate.
    fn held(&self, limit: &Limit) -> Arc<Held> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.asked += 1;
        let asked = known.asked;
        if let Some((seen, held)) = known.by_name.get_mut(&limit.name)
            && held.purse().rate() == limit.rate
        {
            *seen = asked;
            return held.clone();
        }
        if known.by_name.len() >= REMEMBERED {
            known.forget_half();
        }
        let held = Arc::new(Held::new(limit.rate));
        known.by_name.insert(limit.name.clone(), (asked, held.clone()));
        held
    }
}

impl Known {
    /// Forgets the half that was seen least recently; so much at once that it is seldom done.
    fn forget_half(&mut self) {
        let mut seen: Vec<u64> = self.by_name.values().map(|(seen, _)| *seen).collect();
        let half = seen.len() / 2;
        let (_, median, _) = seen.select_nth_unstable(half);
        let median = *median;
        self.by_name.retain(|_, (seen, _)| *seen >= median);
    }
}

impl Held {
    fn new(rate: Rate) -> Self {
        Self { purse: Mutex::new(Purse::new(rate)), turn: Arc::default(), crowd: AtomicU64::new(0) }
    }

    fn purse(&self) -> MutexGuard<'_, Purse> {
        self.purse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting<'_> {
    /// What others wait for.
    fn others(&self) -> u64 {
        self.0.load(Ordering::Relaxed).saturating_sub(self.1)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

async fn lease(store: &dyn Store, name: &str, ask: Ask) -> Result<Lease, Problem> {
    let Ok(lease) = tokio::time::timeout(PATIENCE, store.lease_rate(name, ask)).await else {
        return Err(Problem::new(Code::Unavailable, "the database does not answer; ask again in a moment"));
    };
    Ok(lease?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_seen_least_recently_is_forgotten() {
        let rate: Rate = "1/s".parse().unwrap();
        let mut known = Known::default();
        for seen in 0..10 {
            known.by_name.insert(seen.to_string().into(), (seen, Arc::new(Held::new(rate))));
        }
        known.forget_half();
        let mut left: Vec<_> = known.by_name.keys().map(ToString::to_string).collect();
        left.sort();
        assert_eq!(left, ["5", "6", "7", "8", "9"]);
    }
}
