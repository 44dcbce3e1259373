//! What work costs, in the unit that fills the device.

use std::iter::Sum;
use std::ops::Add;

/// Tokens for text, pictures for images, elements for tensors, items for echo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u64);

impl Cost {
    /// So many units.
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// How many units.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// What is left after spending `other`; never below zero.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This many times as much.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}
