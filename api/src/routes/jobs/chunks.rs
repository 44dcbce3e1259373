//! Many jobs in one request, a chunk at a time.

use std::time::Duration;

use forebay_shared::job::Job;
use forebay_shared::store::StoreResult;
use tokio::time::Instant;

use crate::problem::Problem;

/// Jobs of one statement, so that it locks few rows.
pub const CHUNK: u32 = 500;
/// How long one request goes on; then it says that there are more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Chunk after chunk, as long as there are more and the request may go on.
#[derive(Debug)]
pub struct Chunks {
    started: Instant,
    more: bool,
}

impl Chunks {
    /// From now on.
    pub fn begin() -> Self {
        Self { started: Instant::now(), more: true }
    }

    /// The next chunk, of [`CHUNK`] jobs unless it is the last.
    pub async fn next(
        &mut self,
        chunk: impl Future<Output = StoreResult<Vec<Job>>>,
    ) -> Result<Option<Vec<Job>>, Problem> {
        if !self.more || self.started.elapsed() >= PATIENCE {
            return Ok(None);
        }
        let jobs = chunk.await?;
        self.more = jobs.len() == CHUNK as usize;
        Ok(Some(jobs))
    }

    /// Whether jobs are left because it took too long.
    pub fn more(&self) -> bool {
        self.more
    }
}
