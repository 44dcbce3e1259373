//! Whether and when a failed attempt is followed by another.

use std::time::Duration;

use super::{Failure, FailureCode};

/// What kind of thing went wrong: what fails alike is tried again alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Something of ours was away: the object store, a worker. It is back soon, or an operator sees to it.
    Infrastructure,
    /// Somebody else's server did not give what it should. It may say itself when to come again.
    Fetch,
    /// The model could not be loaded, or failed while running.
    Model,
    /// What the client gave. It stays as it is.
    Input,
    /// The item took its worker down, which the crash rule has tried again often enough.
    Crash,
}

impl FailureCode {
    /// What kind of thing went wrong.
    pub const fn class(self) -> ErrorClass {
        match self {
            Self::StorageUnavailable | Self::LeaseLost | Self::Internal => ErrorClass::Infrastructure,
            Self::FetchFailed => ErrorClass::Fetch,
            Self::ModelUnavailable | Self::InferenceFailed | Self::OutOfMemory => ErrorClass::Model,
            Self::WorkerCrashed => ErrorClass::Crash,
            Self::ImageUndecodable
            | Self::ImageTooLarge
            | Self::InputTooLong
            | Self::UnknownToken
            | Self::FetchRefused
            | Self::InputMissing
            | Self::InvalidParams
            | Self::WrongTensors
            | Self::AllItemsFailed
            | Self::Cancelled
            | Self::Expired
            | Self::StartByPassed
            | Self::FinishByPassed
            | Self::HubRefused
            | Self::NotInHub
            | Self::UnfitModel
            | Self::WrongChecksum
            | Self::DiskFull => ErrorClass::Input,
        }
    }
}

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The delay after the first failure.
    pub base: Duration,
    /// The longest delay.
    pub max: Duration,
    /// The share of a delay that chance may take away or add, 0…1.
    pub jitter: f64,
}

/// Backoff by class of error. What came of the input, or of a crash, is never tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// After something of ours was away.
    pub infrastructure: Backoff,
    /// After a fetch; its longest delay also bounds what a server may ask for.
    pub fetch: Backoff,
    /// After the model.
    pub model: Backoff,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict<'a> {
    /// Another attempt, not before the delay, because of this.
    RetryAfter(&'a Failure, Duration),
    /// Nothing: the job is `failed`.
    GiveUp,
}

impl RetryPolicy {
    /// Decides after the `failures`-th failed attempt (this one counted), in which items failed of `why`; `chance` is in
    /// 0…1. One item that could end differently is reason enough; of several, the one that takes longest is waited for.
    pub fn decide<'a>(
        &self,
        why: impl IntoIterator<Item = &'a Failure>,
        (failures, max_attempts): (u16, u16),
        chance: f64,
    ) -> Verdict<'a> {
        if failures >= max_attempts {
            return Verdict::GiveUp;
        }
        let delays =
            why.into_iter().filter_map(|failure| Some((failure, self.delay(failure, failures, chance)?)));
        // Of equals the first.
        let longest = delays.reduce(|longest, next| if next.1 > longest.1 { next } else { longest });
        longest.map_or(Verdict::GiveUp, |(failure, delay)| Verdict::RetryAfter(failure, delay))
    }

    /// How long to wait before an attempt that could end differently; `None` if none could.
    fn delay(&self, failure: &Failure, failures: u16, chance: f64) -> Option<Duration> {
        let backoff = match failure.code.class() {
            _ if !failure.retryable => return None,
            ErrorClass::Infrastructure => self.infrastructure,
            ErrorClass::Fetch => self.fetch,
            ErrorClass::Model => self.model,
            ErrorClass::Input | ErrorClass::Crash => return None,
        };
        let delay = backoff.delay(failures, chance);
        // Whoever asks for patience is given it, within reason; never less than anybody else.
        Some(failure.retry_after.map_or(delay, |wish| delay.max(wish.min(backoff.max))))
    }
}

impl Backoff {
    /// The delay after the `failures`-th failure: it doubles each time.
    fn delay(&self, failures: u16, chance: f64) -> Duration {
        let doublings = u32::from(failures.saturating_sub(1)).min(31);
        let plain = self.base.saturating_mul(1 << doublings).min(self.max);
        plain.mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0)).min(self.max)
    }
}

#[cfg(test)]
mod tests;
