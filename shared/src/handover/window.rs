//! How much of each route may be with the broker: pure accounting.

use std::collections::{HashMap, HashSet};

use crate::job::{Class, Cost};
use crate::model::Model;
use crate::store::{Handed, Route, RouteState};

/// Batches per living worker that may wait in the broker: one to take, one so that the next look is not late.
const BATCHES: u64 = 2;

/// What is known of every route since the last look at the database.
#[derive(Debug, Default)]
pub struct Windows(HashMap<Route, Window>);

#[derive(Debug, Default)]
struct Window {
    /// How much may be with the broker.
    size: Cost,
    /// How much was there at the last look, and what was admitted since.
    published: Cost,
    /// What was admitted here since the last look. Other replicas admit as well, and do not see it.
    admitted: Cost,
    /// Whether jobs wait in the database: a newcomer does not overtake them.
    waiting: bool,
    /// Owners for whom there was no room at the last look.
    held_up: HashSet<String>,
}

impl Windows {
    /// Takes in what the database says.
    pub fn refresh(&mut self, models: &[Model], routes: &[RouteState]) {
        self.0.clear();
        for model in models {
            let size = model.card.budget().times(BATCHES * u64::from(model.workers.max(1)));
            for class in Class::ALL {
                let route = Route { model: model.card.name.clone(), class };
                self.0.insert(route, Window { size, ..Window::default() });
            }
        }
        for state in routes {
            if let Some(window) = self.0.get_mut(&state.route) {
                window.published = state.published;
                window.waiting = state.waiting;
            }
        }
    }

    /// Takes in how a route stands after what waited there was handed over.
    pub fn handed_over(&mut self, route: &Route, handed: &Handed) {
        if let Some(window) = self.0.get_mut(route) {
            *window = Window {
                published: handed.published,
                waiting: handed.waiting,
                held_up: handed.held_up.clone(),
                size: window.size,
                admitted: Cost::default(),
            };
        }
    }

    /// Whether jobs of the owner are known to wait for room on the route.
    pub fn holds_up(&self, route: &Route, owner: &str) -> bool {
        self.0.get(route).is_some_and(|window| window.held_up.contains(owner))
    }

    /// Whether a job of this cost may be handed over at once; it is then counted. An empty window takes any job. Half a
    /// window is the most between two looks, so that replicas which are all stormed at once do not fill many windows.
    pub fn admit(&mut self, route: &Route, cost: Cost) -> bool {
        let Some(window) = self.0.get_mut(route) else { return false };
        let fits = window.published == Cost::default()
            || (window.published + cost <= window.size && window.admitted.times(2) < window.size);
        if window.waiting || !fits {
            window.waiting = true;
            return false;
        }
        window.published = window.published + cost;
        window.admitted = window.admitted + cost;
        true
    }

    /// How much may be with the broker, if the route is known.
    pub fn size(&self, route: &Route) -> Option<Cost> {
        Some(self.0.get(route)?.size)
    }

    /// Whether all of these routes are known.
    pub fn know(&self, routes: &[Route]) -> bool {
        routes.iter().all(|route| self.0.contains_key(route))
    }

    /// Whether jobs are known to wait in the database, or the route is not known at all.
    pub fn is_waiting(&self, route: &Route) -> bool {
        self.0.get(route).is_none_or(|window| window.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::job::Kind;
    use crate::testing::card;

    fn route() -> Route {
        Route { model: "m".into(), class: Class::Interactive }
    }

    fn windows(workers: u32, published: u64, waiting: bool) -> Windows {
        let model = Model {
            card: card("m", Kind::Echo),
            created_at: Timestamp::from_micros(0),
            workers,
            draining: false,
            loaded: None,
            rate: 0.0,
        };
        let state = RouteState { route: route(), published: Cost::new(published), overdue: 0, waiting };
        let mut windows = Windows::default();
        windows.refresh(&[model], &[state]);
        windows
    }

    fn handed(waiting: bool) -> Handed {
        Handed { published: Cost::new(120), waiting, ..Handed::default() }
    }

    #[test]
    fn two_batches_for_each_worker() {
        assert_eq!(windows(1, 0, false).size(&route()), Some(Cost::new(128)));
        assert_eq!(windows(3, 28, false).size(&route()), Some(Cost::new(384)));
        let nobody = windows(0, 0, false);
        assert_eq!(nobody.size(&route()), Some(Cost::new(128)), "work is taken while no worker lives");
    }

    #[test]
    fn what_is_admitted_counts_at_once() {
        let mut windows = windows(1, 100, false);
        assert!(windows.admit(&route(), Cost::new(20)));
        assert!(!windows.admit(&route(), Cost::new(20)));
    }

    #[test]
    fn half_a_window_is_admitted_between_two_looks() {
        let mut windows = windows(1, 0, false);
        assert_eq!((0..200).filter(|_| windows.admit(&route(), Cost::new(1))).count(), 64);
    }

    #[test]
    fn nobody_overtakes_those_who_wait() {
        let mut windows = windows(1, 0, true);
        assert!(!windows.admit(&route(), Cost::new(1)));
    }

    #[test]
    fn after_one_refusal_all_wait_until_the_next_look() {
        let mut windows = windows(1, 100, false);
        assert!(!windows.admit(&route(), Cost::new(40)));
        assert!(!windows.admit(&route(), Cost::new(1)), "it would overtake the one that was refused");
        assert!(windows.is_waiting(&route()));
    }

    #[test]
    fn an_empty_window_takes_any_job() {
        let mut windows = windows(1, 0, false);
        assert!(windows.admit(&route(), Cost::new(1_000_000)));
        assert!(!windows.admit(&route(), Cost::new(1)));
    }

    #[test]
    fn after_a_hand_over_newcomers_go_to_the_broker_again() {
        let mut windows = windows(1, 0, true);
        windows.handed_over(&route(), &handed(false));
        assert!(windows.admit(&route(), Cost::new(8)));
        assert!(!windows.admit(&route(), Cost::new(8)), "the window is full");
        windows.handed_over(&route(), &handed(true));
        assert!(!windows.admit(&route(), Cost::new(1)), "somebody waits still");
    }

    #[test]
    fn who_was_held_up_is_known_until_the_next_look() {
        let mut windows = windows(1, 0, true);
        let alice = HashSet::from(["alice".to_owned()]);
        windows.handed_over(&route(), &Handed { held_up: alice, ..handed(true) });
        assert!(windows.holds_up(&route(), "alice") && !windows.holds_up(&route(), "bob"));
        windows.handed_over(&route(), &handed(true));
        assert!(!windows.holds_up(&route(), "alice"));
    }

    #[test]
    fn an_unknown_route_waits() {
        let mut windows = Windows::default();
        assert!(!windows.admit(&route(), Cost::new(1)));
        assert!(windows.is_waiting(&route()));
        assert!(!windows.know(&[route()]));
    }
}
