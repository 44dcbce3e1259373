//! Which items may have taken a worker down, and how they run from then on.
//!
//! A worker that dies says nothing. All it held is suspect at first and runs **apart** from the rest, in batches that the
//! worker notes in its row before it runs them; what was noted when the next worker dies runs **alone**; what dies alone
//! five times is the cause and fails. Healthy batches are never noted, so they cost no statement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// After so many crashes of its own an item is failed with `worker_crashed`.
///
/// Five, beside the two that only raise suspicion, so that a healthy item survives six killed workers in a row.
pub const OWN_CRASHES: u16 = 5;

/// What is suspected of one job's items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspects {
    /// All its items run apart from other jobs' healthy ones.
    #[serde(default)]
    apart: bool,
    /// These items run alone; the number counts the crashes that each has caused alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    alone: BTreeMap<u32, u16>,
}

/// How an item may be batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// With anything.
    None,
    /// With other suspects only.
    Apart,
    /// By itself, after so many crashes of its own.
    Alone(u16),
}

impl Suspects {
    /// Whether nothing is suspected.
    pub fn is_none(&self) -> bool {
        !self.apart && self.alone.is_empty()
    }

    /// Whether some of its items were seen at a death.
    pub fn names_any(&self) -> bool {
        !self.alone.is_empty()
    }

    /// How the item may be batched.
    pub fn isolation(&self, item: u32) -> Isolation {
        match self.alone.get(&item) {
            Some(crashes) => Isolation::Alone(*crashes),
            None if self.apart => Isolation::Apart,
            None => Isolation::None,
        }
    }

    /// What is suspected after the worker that held the job died. `noted` are the job's items that its worker had noted
    /// as running, if any.
    #[must_use]
    pub fn after_crash(mut self, noted: &[u32]) -> Self {
        for item in noted {
            self.alone.entry(*item).and_modify(|crashes| *crashes += 1).or_insert(0);
        }
        self.apart = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_crash_sets_all_items_apart() {
        let suspects = Suspects::default().after_crash(&[]);
        assert_eq!(suspects.isolation(0), Isolation::Apart);
        assert_eq!(suspects.isolation(7), Isolation::Apart);
    }

    #[test]
    fn what_was_running_apart_runs_alone() {
        let suspects = Suspects::default().after_crash(&[]).after_crash(&[1, 2]);
        assert_eq!(suspects.isolation(0), Isolation::Apart);
        assert_eq!(suspects.isolation(1), Isolation::Alone(0));
    }

    #[test]
    fn a_healthy_item_survives_six_killed_workers() {
        let mut suspects = Suspects::default().after_crash(&[]);
        for _ in 1..6 {
            suspects = suspects.after_crash(&[0]);
        }
        let Isolation::Alone(crashes) = suspects.isolation(0) else { panic!("it was noted") };
        assert!(crashes < OWN_CRASHES);
    }

    #[test]
    fn the_seventh_crash_convicts() {
        let suspects =
            (0..6).fold(Suspects::default().after_crash(&[]), |suspects, _| suspects.after_crash(&[3]));
        assert_eq!(suspects.isolation(3), Isolation::Alone(OWN_CRASHES));
        assert_eq!(suspects.isolation(4), Isolation::Apart);
    }

    #[test]
    fn suspicion_survives_the_row() {
        let suspects = Suspects::default().after_crash(&[]).after_crash(&[4]);
        let stored = serde_json::to_string(&suspects).unwrap();
        assert_eq!(serde_json::from_str::<Suspects>(&stored).unwrap(), suspects);
    }
}
