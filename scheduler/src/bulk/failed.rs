//! Which lines of an earlier bulk failed.

use std::collections::HashSet;

use forebay_shared::bulk::{Bulk, LineId, Lines};
use futures::TryStreamExt;
use serde::Deserialize;

use super::StuckError;
use crate::Chores;

impl Chores {
    /// The numbers of lines that failed in the bulk that is to be run again. `None`: they are not known any more.
    pub(super) async fn failed_lines(&self, bulk: &Bulk) -> Result<Option<HashSet<u64>>, StuckError> {
        #[derive(Deserialize)]
        struct Failed {
            #[serde(default)]
            line: Option<u64>,
            #[serde(default)]
            id: Option<String>,
        }
        let Some(earlier) = bulk.retry_of else { return Ok(None) };
        let Some(earlier) = self.parts.store.bulk(&bulk.owner, earlier).await? else { return Ok(None) };
        let Some(errors) = earlier.error_file else {
            return Ok((earlier.counts.failed == 0).then(HashSet::new));
        };
        let Some((file, pieces)) = self.parts.store.content(&bulk.owner, errors).await? else {
            return Ok(None);
        };
        let mut content = self.parts.blobs.content(&pieces, 0..file.bytes).await?;
        let mut lines = Lines::new(self.parts.bulk.longest_line.as_usize());
        let mut failed = HashSet::new();
        let number = |bytes: &[u8]| {
            let told: Failed = serde_json::from_slice(bytes).ok()?;
            let name = told.id.as_deref().and_then(|id| id.strip_prefix("batch_req_"));
            told.line.or_else(|| name.and_then(|name| name.parse::<LineId>().ok()).map(|id| id.line))
        };
        while let Some(chunk) = content.try_next().await? {
            let told = lines.push(&chunk);
            failed.extend(told.iter().filter_map(|line| number(line.bytes.as_ref()?)));
        }
        failed.extend(lines.finish().and_then(|line| number(line.bytes.as_ref()?)));
        Ok(Some(failed))
    }
}
