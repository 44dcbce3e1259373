//! What a job's batches were like: the worker's account of one attempt.

use serde::{Deserialize, Serialize};

use super::Isolation;
use crate::words::words;

/// Batches that are told of one attempt; more are only counted. About 200 bytes each, so 6 KiB of a row at most.
pub const TOLD: usize = 32;

/// What one attempt's batches were like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The first batches that items of the job ran in, at most [`TOLD`].
    pub batches: Vec<BatchAccount>,
    /// How many there were in all.
    pub count: u32,
}

/// One batch, as one of its jobs sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchAccount {
    /// Its number in the worker's lane for the model.
    pub number: u64,
    /// How many items it had.
    pub items: u32,
    /// How many of them were the job's own.
    pub own: u32,
    /// What it cost, in the unit that fills the device, padding included.
    pub cost: u64,
    /// How much of that was padding.
    pub padding: u64,
    /// How long the job's own items waited at most, once they were ready, because the device was busy.
    pub device_ms: f64,
    /// And because more items could have joined them.
    pub company_ms: f64,
    /// Why no more items joined.
    pub closed: CloseReason,
    /// What its items were suspected of.
    #[serde(default, skip_serializing_if = "Apart::is_none")]
    pub isolation: Apart,
    /// How long it ran, answers included; none if it never ran to its end.
    pub run_ms: Option<f64>,
    /// Whether it failed as a whole, so that its items ran one by one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub split: bool,
}

/// Why a batch was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Another item would exceed the cost budget.
    Budget,
    /// It has as many items as it may have.
    Items,
    /// What is left differs too much in length.
    Padding,
    /// Nothing was left.
    Drained,
    /// It holds an item that must run alone.
    Alone,
}

words!(
    CloseReason,
    "reason to close a batch",
    Budget = "budget",
    Items = "items",
    Padding = "padding",
    Drained = "drained",
    Alone = "alone",
);

/// Whom the items of a batch may hurt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Apart {
    /// Nobody that is known.
    #[default]
    None,
    /// They were with a worker when it died, and ran apart from healthy items.
    Apart,
    /// One item, with which a worker died while it ran apart.
    Alone,
}

impl Apart {
    /// Whether they are healthy.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl From<Isolation> for Apart {
    fn from(isolation: Isolation) -> Self {
        match isolation {
            Isolation::None => Self::None,
            Isolation::Apart => Self::Apart,
            Isolation::Alone(_) => Self::Alone,
        }
    }
}

impl Account {
    /// Notes a batch, if there is room for it.
    pub fn note(&mut self, batch: BatchAccount) {
        self.count += 1;
        if self.batches.len() < TOLD {
            self.batches.push(batch);
        }
    }

    /// A batch has run for so long; again, if its items ran one by one.
    pub fn ran(&mut self, number: u64, ms: f64, split: bool) {
        if let Some(batch) = self.batches.iter_mut().rev().find(|batch| batch.number == number) {
            *batch.run_ms.get_or_insert_default() += ms;
            batch.split |= split;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64) -> BatchAccount {
        BatchAccount {
            number,
            items: u32::MAX,
            own: u32::MAX,
            cost: u64::MAX,
            padding: u64::MAX,
            device_ms: 123_456_789.123,
            company_ms: 123_456_789.123,
            closed: CloseReason::Drained,
            isolation: Apart::Alone,
            run_ms: None,
            split: true,
        }
    }

    #[test]
    fn what_is_told_is_bounded_and_all_is_counted() {
        let mut account = Account::default();
        for number in 0..1000 {
            account.note(batch(number));
            account.ran(number, 123_456_789.123, true);
        }
        assert_eq!((account.batches.len(), account.count), (TOLD, 1000));
        assert!(serde_json::to_string(&account).unwrap().len() < 12 * 1024);
    }

    #[test]
    fn a_batch_whose_items_run_one_by_one_runs_for_the_sum() {
        let mut account = Account::default();
        account.note(batch(7));
        account.ran(7, 1.5, true);
        account.ran(7, 2.0, true);
        assert_eq!(account.batches[0].run_ms, Some(3.5));
    }
}
