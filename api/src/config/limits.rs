//! `[limits]`: how much one request may ask for.

use std::time::Duration;

use forebay_shared::config::{Size, Span, complaints};
use serde::Deserialize;

use crate::bounds::Bounds;
use crate::limits::JSON_COPIES;

/// Attempts that a submission may ask for at most; more only hide a defect.
pub const MOST_ATTEMPTS: u16 = 10;

/// `[limits]`: how much one request may ask for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitConfig {
    /// A JSON body.
    pub max_body: Size,
    /// A multipart body, all pictures together.
    pub max_upload: Size,
    /// Memory for bodies that are being read, all together; more wait. A JSON body of more than 64 KiB takes three times
    /// its size, a multipart body 28 MiB however large it is.
    pub bodies_in_memory: Size,
    /// Items of one job.
    pub max_items: u32,
    /// One picture, encoded.
    pub max_image_bytes: Size,
    /// One picture, decoded.
    pub max_image_pixels: u64,
    /// What stands in the database; larger inputs stand in the object store.
    pub inline_input: Size,
    /// How long a request may wait for a job to end.
    pub max_wait: Span,
    /// Schedules of one owner.
    pub max_schedules: u32,
    /// The shortest time between two ticks of a schedule.
    pub schedule_interval: Span,
    /// Failed attempts that end a job, unless the submission says otherwise.
    pub max_attempts: u16,
    /// Jobs that may wait for a model, in each class; of one owner.
    pub max_queued_jobs: u64,
    /// Of these, one owner's.
    pub max_queued_jobs_per_owner: u64,
    /// The same in batches' worth of work.
    pub max_queued_batches: u64,
    /// Of these, one owner's.
    pub max_queued_batches_per_owner: u64,
    /// Streams of events that are open in this process.
    pub max_streams: u32,
    /// Of these, one owner's.
    pub max_streams_per_owner: u32,
    /// Files and parts of uploads of one owner together; nothing: no bound.
    pub owner_storage: Size,
}

impl LimitConfig {
    /// How much may wait.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            jobs: self.max_queued_jobs,
            jobs_per_owner: self.max_queued_jobs_per_owner,
            batches: self.max_queued_batches,
            batches_per_owner: self.max_queued_batches_per_owner,
        }
    }

    /// What contradicts itself, by key.
    pub fn check(&self) -> Vec<String> {
        complaints([
            (self.max_items == 0, "limits.max_items must be at least 1"),
            (self.max_image_pixels == 0, "limits.max_image_pixels must be at least 1"),
            (
                self.max_upload < self.max_image_bytes,
                "limits.max_upload must be at least limits.max_image_bytes, or no picture of that size comes in",
            ),
            (self.inline_input > self.max_body, "limits.inline_input must be at most limits.max_body"),
            (
                self.bodies_in_memory.bytes() < self.max_body.bytes().saturating_mul(JSON_COPIES),
                "limits.bodies_in_memory must be at least three times limits.max_body, which such a body takes",
            ),
            (!(1..=MOST_ATTEMPTS).contains(&self.max_attempts), "limits.max_attempts must be from 1 to 10"),
            (
                self.max_queued_jobs_per_owner == 0 || self.max_queued_jobs_per_owner > self.max_queued_jobs,
                "limits.max_queued_jobs_per_owner must be from 1 to limits.max_queued_jobs",
            ),
            (
                self.max_queued_batches_per_owner == 0
                    || self.max_queued_batches_per_owner > self.max_queued_batches,
                "limits.max_queued_batches_per_owner must be from 1 to limits.max_queued_batches",
            ),
            (
                self.max_streams_per_owner == 0 || self.max_streams_per_owner > self.max_streams,
                "limits.max_streams_per_owner must be from 1 to limits.max_streams",
            ),
            (
                self.max_wait.get() > Duration::from_mins(10),
                "limits.max_wait must be at most 10m: proxies hang up earlier",
            ),
        ])
    }

    /// What all files of one owner may have together, if that is bounded.
    pub fn room(&self) -> Option<u64> {
        Some(self.owner_storage.bytes()).filter(|bytes| *bytes > 0)
    }
}
