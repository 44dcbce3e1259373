//! Which of many replicas answers word of room: pure accounting.
//!
//! All hear it, and one is enough. Who looks, finds nothing to do, and sees that others had a turn since its last look,
//! steps back: it answers the next word a moment later, and each time twice as late. Who sees that nobody else had a turn
//! answers at once again. So one replica fills a route, whichever is quickest, and if it dies another does after a second
//! at most.

use std::collections::HashMap;
use std::time::Duration;

use crate::store::Route;

/// The first step back: longer than a hand-over takes.
const FIRST: Duration = Duration::from_millis(20);
/// As far back as anybody steps; all routes are looked at as often as that.
const FARTHEST: Duration = Duration::from_secs(1);

/// What is known of other replicas' turns.
#[derive(Debug, Default)]
pub struct Turns(HashMap<Route, Turn>);

#[derive(Debug)]
struct Turn {
    /// The route's virtual time after the last look: whoever hands over moves it.
    left_at: u64,
    back: Duration,
}

/// A route's virtual time, as a look found and left it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// Before.
    pub found: u64,
    /// After.
    pub left: u64,
}

impl Turns {
    /// How long this replica leaves word of room to others.
    pub fn back(&self, route: &Route) -> Duration {
        self.0.get(route).map_or(Duration::ZERO, |turn| turn.back)
    }

    /// Takes note of a look and of whether anything `went`.
    pub fn looked(&mut self, route: &Route, clock: Advance, went: bool) {
        let turn = self.0.entry(route.clone()).or_insert(Turn { left_at: clock.found, back: Duration::ZERO });
        if turn.left_at == clock.found {
            turn.back = Duration::ZERO;
        } else if !went {
            turn.back = (turn.back * 2).clamp(FIRST, FARTHEST);
        }
        turn.left_at = clock.left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Class;

    fn route() -> Route {
        Route { model: "m".into(), class: Class::Interactive }
    }

    fn vain(turns: &mut Turns, at: u64) -> Duration {
        turns.looked(&route(), Advance { found: at, left: at }, false);
        turns.back(&route())
    }

    #[test]
    fn who_is_alone_answers_at_once_even_if_it_looks_in_vain() {
        let mut turns = Turns::default();
        assert_eq!([vain(&mut turns, 7), vain(&mut turns, 7)], [Duration::ZERO; 2]);
        turns.looked(&route(), Advance { found: 7, left: 9 }, true);
        assert_eq!(vain(&mut turns, 9), Duration::ZERO, "it was its own turn");
    }

    #[test]
    fn who_comes_late_steps_back_farther_each_time() {
        let mut turns = Turns::default();
        let steps: Vec<_> = (0..9).map(|at| vain(&mut turns, at).as_millis()).collect();
        assert_eq!(steps, [0, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[test]
    fn who_finds_something_although_others_had_a_turn_stays_where_it_is() {
        let mut turns = Turns::default();
        vain(&mut turns, 0);
        turns.looked(&route(), Advance { found: 3, left: 5 }, true);
        assert_eq!(turns.back(&route()), Duration::ZERO);
        vain(&mut turns, 6);
        turns.looked(&route(), Advance { found: 8, left: 9 }, true);
        assert_eq!(turns.back(&route()), FIRST);
    }

    #[test]
    fn when_nobody_else_has_a_turn_any_more_it_answers_at_once() {
        let mut turns = Turns::default();
        for at in 0..9 {
            vain(&mut turns, at);
        }
        turns.looked(&route(), Advance { found: 8, left: 10 }, true);
        assert_eq!(turns.back(&route()), Duration::ZERO);
    }
}
