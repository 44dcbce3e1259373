//! Idempotency keys: which submission of a group is the first, and what an earlier one stands for.

use std::collections::{HashMap, HashSet};

use super::Submitted;
use crate::job::{Idempotency, Job, NewJob};

/// The jobs of a group that may be inserted together: of those under one key only the first, since one statement cannot
/// insert a key twice.
pub(super) fn firsts(jobs: &[NewJob]) -> Vec<&NewJob> {
    let mut seen = HashSet::new();
    jobs.iter()
        .filter(|job| job.idempotency.as_ref().is_none_or(|promise| seen.insert((&job.owner, &promise.key))))
        .collect()
}

/// Owner and key of the jobs that have a key.
pub(super) fn promises<'a>(jobs: &[&'a NewJob]) -> Vec<(&'a str, &'a str)> {
    jobs.iter().filter_map(|job| Some((job.owner.as_str(), job.idempotency.as_ref()?.key.as_str()))).collect()
}

/// What earlier submissions' keys stand for.
#[derive(Default)]
pub(super) struct Standing(HashMap<(String, String), (Vec<u8>, Job)>);

impl Standing {
    pub(super) fn add(&mut self, owner: String, key: String, fingerprint: Vec<u8>, job: Job) {
        self.0.insert((owner, key), (fingerprint, job));
    }

    /// The answer to a submission whose key was taken.
    pub(super) fn answer(&self, owner: &str, promise: &Idempotency) -> Submitted {
        match self.0.get(&(owner.to_owned(), promise.key.clone())) {
            Some((fingerprint, job)) if *fingerprint == promise.fingerprint => {
                Submitted::Repeated(Box::new(job.clone()))
            }
            _ => Submitted::Mismatch,
        }
    }
}
