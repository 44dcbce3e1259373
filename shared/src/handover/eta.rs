//! When a job that waits will probably have run: an estimate, from counts and measured rates.

use std::time::Duration;

use crate::job::{Class, Cost};
use crate::store::{Ahead, Load};

/// Of a busy device bulk gets one part and interactive work nine.
const INTERACTIVE_PARTS: u64 = 9;

/// Where a job that waits stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many jobs probably go before it.
    pub position: u64,
    /// Whether there may be more: what stands before it in its own line is counted up to a bound.
    pub at_least: bool,
    /// What those cost.
    pub cost: Cost,
    /// When it will probably have run, if it is known how fast its model works.
    pub eta: Option<Duration>,
}

/// Where the job stands behind `ahead` of its own line, given what waits everywhere and its model's rate in cost a second.
///
/// Owners share by cost: while a line has so much served, every other line has at most as much. What runs already is not
/// counted.
pub fn place(ahead: &Ahead, loads: &[Load], rate: Option<f64>) -> Place {
    let own = ahead.cost + ahead.own;
    let (mut jobs, mut cost, mut other_class) = (ahead.jobs, ahead.cost, Cost::default());
    for load in loads.iter().filter(|load| load.route.model == ahead.route.model) {
        if load.route.class != ahead.route.class {
            other_class = other_class + load.cost;
        } else if load.owner != ahead.owner || load.key != ahead.key {
            let share = load.cost.min(own);
            cost = cost + share;
            // Of alike jobs, as many as that part of the cost is; at least one of whoever waits.
            jobs += (load.jobs * share.units()).div_ceil(load.cost.units().max(1));
        }
    }
    let most = match ahead.route.class {
        Class::Interactive => Cost::new((cost + ahead.own).units() / INTERACTIVE_PARTS),
        Class::Bulk => (cost + ahead.own).times(INTERACTIVE_PARTS),
    };
    let cost = cost + other_class.min(most);
    let seconds = rate.filter(|rate| *rate > 0.0).map(|rate| (cost + ahead.own).units() as f64 / rate);
    Place {
        position: jobs,
        at_least: ahead.at_least,
        cost,
        eta: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::KeyId;
    use crate::store::Route;

    fn route(class: Class) -> Route {
        Route { model: "m".into(), class }
    }

    fn ahead(jobs: u64, cost: u64) -> Ahead {
        Ahead {
            route: route(Class::Interactive),
            owner: "alice".into(),
            key: KeyId::default(),
            own: Cost::new(10),
            jobs,
            cost: Cost::new(cost),
            at_least: false,
        }
    }

    fn load(owner: &str, class: Class, jobs: u64, cost: u64) -> Load {
        Load { route: route(class), owner: owner.into(), key: KeyId::default(), jobs, cost: Cost::new(cost) }
    }

    #[test]
    fn a_newcomer_waits_for_no_more_of_anybody_than_it_asks_for() {
        let loads =
            [load("alice", Class::Interactive, 1, 10), load("bob", Class::Interactive, 100_000, 1_000_000)];
        let place = place(&ahead(0, 0), &loads, Some(5.0));
        assert_eq!((place.position, place.cost), (1, Cost::new(10)));
        assert_eq!(place.eta, Some(Duration::from_secs(4)), "bob's part and its own");
    }

    #[test]
    fn who_has_little_is_counted_with_what_it_has() {
        let loads = [load("alice", Class::Interactive, 21, 210), load("bob", Class::Interactive, 3, 30)];
        let place = place(&ahead(20, 200), &loads, None);
        assert_eq!((place.position, place.cost, place.eta), (23, Cost::new(230), None));
    }

    #[test]
    fn interactive_work_goes_before_bulk_but_for_a_tenth() {
        let loads = [load("alice", Class::Interactive, 1, 10), load("bob", Class::Bulk, 9, 900)];
        assert_eq!(place(&ahead(0, 0), &loads, None).cost, Cost::new(1));
        let bulk = Ahead { route: route(Class::Bulk), ..ahead(0, 0) };
        assert_eq!(place(&bulk, &loads[..1], None).cost, Cost::new(10));
    }
}
