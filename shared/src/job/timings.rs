//! Where a job's time went.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the latest attempt's time went, in milliseconds, and what its batches looked like.
///
/// For a job whose items ran in several batches the waits are the longest, the work is the sum, and the batch size is
/// that of its largest batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timings {
    /// From being due to being claimed by a worker.
    pub queue_wait_ms: f64,
    /// From being prepared to leaving in a batch.
    pub batch_wait_ms: f64,
    /// Items of any jobs in the batch.
    pub batch_size: u32,
    /// Over how many batches the job was spread.
    pub batches: u32,
    /// The share of the batch that was padding, 0…1.
    pub padding: f64,
    /// Reading, tokenising, decoding.
    pub prepare_ms: f64,
    /// Items whose answers were kept from earlier and did not run; left out where there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    #[schema(required = false)]
    pub cached: u32,
    /// The model's run, and making answers of what it gave.
    pub run_ms: f64,
    /// Writing the result.
    pub store_ms: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it like this")]
const fn is_none(items: &u32) -> bool {
    *items == 0
}
