//! Names of submissions: idempotency keys, clients' own ids.
//!
//! Of a group the first under a name counts; a name that is taken stands for an earlier job.

use std::collections::{HashMap, HashSet};

use super::Submitted;
use crate::job::{Job, NewJob};

/// The jobs of a group that may be inserted together: of those under one name only the first, since one statement cannot
/// insert it twice.
pub(super) fn firsts(jobs: &[NewJob]) -> Vec<&NewJob> {
    let (mut keys, mut ids) = (HashSet::new(), HashSet::new());
    jobs.iter()
        .filter(|job| job.idempotency.as_ref().is_none_or(|promise| keys.insert((&job.owner, &promise.key))))
        .filter(|job| job.client_id.as_ref().is_none_or(|client| ids.insert((&job.owner, &client.id))))
        .collect()
}

/// Owner and key of the jobs that have a key.
pub(super) fn promises<'a>(jobs: &[&'a NewJob]) -> Vec<(&'a str, &'a str)> {
    jobs.iter().filter_map(|job| Some((job.owner.as_str(), job.idempotency.as_ref()?.key.as_str()))).collect()
}

/// Owner and client's id of the jobs that have one.
pub(super) fn client_ids<'a>(jobs: &[&'a NewJob]) -> Vec<(&'a str, &'a str)> {
    jobs.iter().filter_map(|job| Some((job.owner.as_str(), job.client_id.as_ref()?.id.as_str()))).collect()
}

/// What earlier submissions' names stand for.
#[derive(Default)]
pub(super) struct Standing {
    keys: Names,
    client_ids: Names,
}

/// By owner and name: the submission's fingerprint and the job.
type Names = HashMap<(String, String), (Vec<u8>, Job)>;

impl Standing {
    /// An idempotency key stands for this job.
    pub(super) fn add(&mut self, owner: String, key: String, fingerprint: Vec<u8>, job: Job) {
        self.keys.insert((owner, key), (fingerprint, job));
    }

    /// A client's id stands for this job.
    pub(super) fn add_client_id(&mut self, fingerprint: Vec<u8>, job: Job) {
        if let Some(id) = &job.client_id {
            self.client_ids.insert((job.owner.clone(), id.clone()), (fingerprint, job));
        }
    }

    /// The answer to a submission that made no row: its name was taken.
    pub(super) fn answer(&self, job: &NewJob) -> Submitted {
        self.find(job).unwrap_or(Submitted::Mismatch)
    }

    /// The answer to a submission whose name is taken.
    pub(super) fn find(&self, job: &NewJob) -> Option<Submitted> {
        let owner = job.owner.clone();
        let taken = match (&job.client_id, &job.idempotency) {
            (Some(client), _) => {
                self.client_ids.get(&(owner, client.id.clone())).map(|taken| (taken, client.fingerprint))
            }
            (None, Some(promise)) => {
                self.keys.get(&(owner, promise.key.clone())).map(|taken| (taken, promise.fingerprint))
            }
            (None, None) => None,
        };
        taken.map(|((before, job), now)| {
            if *before == now { Submitted::Repeated(Box::new(job.clone())) } else { Submitted::Mismatch }
        })
    }
}
