//! A batch in the making.

use super::{Budget, CloseReason};
use crate::bucket;

/// A batch in the making: who joined so far, by their lengths.
pub(super) struct Group<'a> {
    budget: &'a Budget,
    count: u64,
    longest: u32,
    real: u64,
}

impl<'a> Group<'a> {
    pub(super) fn of(length: u32, budget: &'a Budget) -> Self {
        Self { budget, count: 1, longest: length, real: u64::from(length) }
    }

    /// How much padding there is once an item of this length has joined.
    pub(super) fn padding_with(&self, length: u32) -> u64 {
        self.padded_with(length) - (self.real + u64::from(length))
    }

    /// What the batch costs once an item of this length has joined.
    fn padded_with(&self, length: u32) -> u64 {
        u64::from(bucket::padded(self.longest.max(length))) * (self.count + 1)
    }

    pub(super) fn refuses(&self, length: u32) -> Option<CloseReason> {
        let padded = self.padded_with(length);
        let padding = self.padding_with(length);
        if self.count >= self.budget.items as u64 {
            return Some(CloseReason::Items);
        }
        let bearable = (self.budget.padding * padded as f64).max(self.budget.slack as f64);
        if padding as f64 > bearable {
            return Some(CloseReason::Padding);
        }
        (padded > self.budget.cost).then_some(CloseReason::Budget)
    }

    /// Whether no item could join, however short.
    pub(super) fn is_full(&self) -> bool {
        self.count >= self.budget.items as u64 || self.padded_with(0) > self.budget.cost
    }

    pub(super) fn add(&mut self, length: u32) {
        self.count += 1;
        self.longest = self.longest.max(length);
        self.real += u64::from(length);
    }
}
