//! How much stands on each route, as gauges.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use forebay_shared::job::Cost;
use forebay_shared::model::Model;
use forebay_shared::store::{Depth, Load, Route};

use crate::Chores;

/// The routes whose gauges say something else than nothing.
#[derive(Debug, Default)]
pub(crate) struct Measured(Mutex<BTreeSet<Route>>);

impl Measured {
    /// Takes note of the routes that stand there now; answers with those that stood there before and do not any more.
    fn gone(&self, depths: &[Depth]) -> Vec<Route> {
        let now: BTreeSet<Route> = depths.iter().map(|depth| depth.route.clone()).collect();
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = before.difference(&now).cloned().collect();
        *before = now;
        gone
    }
}

impl Chores {
    pub(crate) async fn measure_queues(&self) {
        let (depths, loads) = (self.parts.store.depths().await, self.parts.store.loads().await);
        match (depths, loads, self.parts.store.models().await) {
            (Ok(depths), Ok(loads), Ok(models)) => {
                self.show(&depths);
                show_backlog(&depths, &loads, &models);
            }
            (Err(error), ..) | (_, Err(error), _) | (_, _, Err(error)) => {
                tracing::warn!(%error, "queues cannot be measured at the moment");
            }
        }
    }

    /// What has changed of what waits is added up, so that whoever reads it reads little.
    pub(crate) async fn fold(&self) {
        if let Err(error) = self.parts.store.fold_loads().await {
            tracing::warn!(%error, "what waits cannot be added up at the moment");
        }
    }

    /// Another replica measures: what this one showed last must not be counted twice.
    pub(crate) fn measure_nothing(&self) {
        self.show(&[]);
    }

    fn show(&self, depths: &[Depth]) {
        let now = self.parts.store.now();
        for depth in depths {
            let age = depth.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
            set(&depth.route, depth.queued, depth.running, age);
        }
        for route in self.measured.gone(depths) {
            set(&route, 0, 0, 0.0);
            set_backlog(&route, Cost::default(), 0.0);
        }
    }
}

/// What waits, in cost, and how long that takes at the measured rate: zero while none is known.
fn show_backlog(depths: &[Depth], loads: &[Load], models: &[Model]) {
    for Depth { route, .. } in depths {
        let cost: Cost = loads.iter().filter(|load| load.route == *route).map(|load| load.cost).sum();
        let rate = models.iter().find(|model| model.card.name == route.model).map_or(0.0, |model| model.rate);
        set_backlog(route, cost, rate);
    }
}

fn set_backlog(route: &Route, cost: Cost, rate: f64) {
    let labels = [("model", route.model.clone()), ("class", route.class.as_str().to_owned())];
    metrics::gauge!("forebay_queue_cost", &labels).set(cost.units() as f64);
    let seconds = if rate > 0.0 { cost.units() as f64 / rate } else { 0.0 };
    metrics::gauge!("forebay_backlog_seconds", &labels).set(seconds);
}

fn set(route: &Route, queued: u64, running: u64, oldest_age: f64) {
    let labels = [("model", route.model.clone()), ("class", route.class.as_str().to_owned())];
    metrics::gauge!("forebay_jobs_queued", &labels).set(queued as f64);
    metrics::gauge!("forebay_jobs_running", &labels).set(running as f64);
    metrics::gauge!("forebay_oldest_job_age_seconds", &labels).set(oldest_age);
}

#[cfg(test)]
mod tests {
    use forebay_shared::job::Class;

    use super::*;

    #[test]
    fn a_route_that_has_emptied_is_told_of_once_more() {
        let depth = |model: &str| Depth {
            route: Route { model: model.to_owned(), class: Class::Interactive },
            queued: 1,
            running: 0,
            oldest: None,
        };
        let measured = Measured::default();
        assert!(measured.gone(&[depth("a"), depth("b")]).is_empty());
        assert_eq!(measured.gone(&[depth("b")]), [depth("a").route]);
        assert_eq!(measured.gone(&[]), [depth("b").route]);
        assert!(measured.gone(&[]).is_empty());
    }
}
