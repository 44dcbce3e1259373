//! Which routes are to be looked at next, and when: pure accounting.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::Route;

/// How long a look at all routes is relied on: models, workers and jobs whose time has come are seen within this. A moment
/// longer than the scheduler's ticks are apart, so that one look serves both.
const FRESH: Duration = Duration::from_millis(1100);

/// What is wanted since the last round.
#[derive(Debug, Default)]
pub struct Wanted {
    /// From when on.
    routes: BTreeMap<Route, Instant>,
    /// When all routes are to be looked at again; `None`: at once.
    stale_at: Option<Instant>,
}

impl Wanted {
    /// One route is wanted, from `at` on. If it was wanted earlier anyway, that counts.
    pub fn ask(&mut self, route: &Route, at: Instant) {
        let wanted = self.routes.entry(route.clone()).or_insert(at);
        *wanted = at.min(*wanted);
    }

    /// All routes are wanted.
    pub fn ask_everywhere(&mut self) {
        self.stale_at = None;
    }

    /// All routes are being looked at.
    pub fn looking_everywhere(&mut self, now: Instant) {
        self.routes.clear();
        self.stale_at = Some(now + FRESH);
    }

    /// What to look at now: these routes, or all of them if there is none.
    pub fn take(&mut self, now: Instant) -> Option<Vec<Route>> {
        if self.stale_at.is_none_or(|at| at <= now) {
            return None;
        }
        let due: Vec<_> =
            self.routes.iter().filter(|(_, at)| **at <= now).map(|(route, _)| route.clone()).collect();
        self.routes.retain(|_, at| *at > now);
        Some(due)
    }

    /// When the next of them is wanted.
    pub fn next(&self) -> Option<Instant> {
        self.routes.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Class;

    fn route() -> Route {
        Route { model: "m".into(), class: Class::Bulk }
    }

    #[test]
    fn all_routes_come_first_and_after_a_second() {
        let (mut wanted, now) = (Wanted::default(), Instant::now());
        wanted.ask(&route(), now);
        assert_eq!(wanted.take(now), None);
        wanted.looking_everywhere(now);
        assert_eq!(wanted.take(now + FRESH / 2), Some(vec![]));
        assert_eq!(wanted.take(now + FRESH), None);
    }

    #[test]
    fn between_those_each_route_that_was_asked_for_comes_once() {
        let (mut wanted, now) = (Wanted::default(), Instant::now());
        wanted.looking_everywhere(now);
        wanted.ask(&route(), now);
        wanted.ask(&route(), now);
        assert_eq!(wanted.take(now), Some(vec![route()]));
        assert_eq!(wanted.take(now), Some(vec![]));
        wanted.ask_everywhere();
        assert_eq!(wanted.take(now), None);
    }

    #[test]
    fn a_route_comes_when_it_was_wanted_first() {
        let (mut wanted, now) = (Wanted::default(), Instant::now());
        let soon = now + FRESH / 4;
        wanted.looking_everywhere(now);
        wanted.ask(&route(), soon);
        wanted.ask(&route(), soon + FRESH / 4);
        assert_eq!((wanted.take(now), wanted.next()), (Some(vec![]), Some(soon)));
        assert_eq!((wanted.take(soon), wanted.next()), (Some(vec![route()]), None));
    }
}
