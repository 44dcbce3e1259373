//! How fast each model works: cost per second of running, of late.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is left of the past with each batch: the last twenty or so count.
const MEMORY: f64 = 0.95;
/// A change that is worth telling, relative to what was told.
const WORTH: f64 = 0.05;

/// The rates of this process's models.
#[derive(Clone, Debug, Default)]
pub struct Rates(Arc<Mutex<BTreeMap<String, Ran>>>);

#[derive(Debug, Default)]
struct Ran {
    cost: f64,
    seconds: f64,
}

impl Rates {
    /// A batch of this cost ran so long.
    pub fn ran(&self, model: &str, cost: f64, took: Duration) {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ran = rates.entry(model.to_owned()).or_default();
        // Sums that fade, not a mean of quotients: a long batch says more than a short one.
        ran.cost = ran.cost * MEMORY + cost;
        ran.seconds = ran.seconds * MEMORY + took.as_secs_f64();
    }

    /// The model is not served any more.
    pub fn forget(&self, model: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(model);
    }

    /// The rates, if they differ from what was told.
    pub fn news(&self, told: &BTreeMap<String, f64>) -> Option<BTreeMap<String, f64>> {
        let rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rates: BTreeMap<String, f64> = rates
            .iter()
            .filter(|(_, ran)| ran.seconds > 0.0)
            .map(|(model, ran)| (model.clone(), ran.cost / ran.seconds))
            .collect();
        let differs = rates.iter().any(|(model, rate)| {
            told.get(model).is_none_or(|told| (rate - told).abs() > WORTH * told.max(*rate))
        });
        differs.then_some(rates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_batches_count_by_how_long_they_ran() {
        let rates = Rates::default();
        for _ in 0..200 {
            rates.ran("m", 10.0, Duration::from_secs(1));
        }
        let told = rates.news(&BTreeMap::new()).expect("nothing was told");
        assert!((told["m"] - 10.0).abs() < 0.01);
        assert_eq!(rates.news(&told), None);
        for _ in 0..200 {
            rates.ran("m", 40.0, Duration::from_secs(2));
        }
        assert!((rates.news(&told).expect("it is twice as fast")["m"] - 20.0).abs() < 0.01);
    }
}
