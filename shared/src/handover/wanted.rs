//! Which routes are to be looked at next: pure accounting.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::Route;

/// How long a look at all routes is relied on: models, workers and jobs whose time has come are seen within this.
const FRESH: Duration = Duration::from_secs(1);

/// What is wanted since the last round.
#[derive(Debug, Default)]
pub struct Wanted {
    routes: BTreeSet<Route>,
    /// When all routes are to be looked at again; `None`: at once.
    stale_at: Option<Instant>,
}

impl Wanted {
    /// One route is wanted.
    pub fn ask(&mut self, route: &Route) {
        self.routes.insert(route.clone());
    }

    /// All routes are wanted.
    pub fn ask_everywhere(&mut self) {
        self.stale_at = None;
    }

    /// What to look at now: these routes, or all of them if there is none.
    pub fn take(&mut self, now: Instant) -> Option<BTreeSet<Route>> {
        let routes = std::mem::take(&mut self.routes);
        if self.stale_at.is_some_and(|at| now < at) {
            return Some(routes);
        }
        self.stale_at = Some(now + FRESH);
        None
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
        wanted.ask(&route());
        assert_eq!(wanted.take(now), None);
        assert_eq!(wanted.take(now + FRESH / 2), Some(BTreeSet::new()));
        assert_eq!(wanted.take(now + FRESH), None);
    }

    #[test]
    fn between_those_each_route_that_was_asked_for_comes_once() {
        let (mut wanted, now) = (Wanted::default(), Instant::now());
        wanted.take(now);
        wanted.ask(&route());
        wanted.ask(&route());
        assert_eq!(wanted.take(now), Some(BTreeSet::from([route()])));
        wanted.ask_everywhere();
        assert_eq!(wanted.take(now), None);
    }
}
