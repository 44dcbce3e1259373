//! Who may bring more: an owner whose files, models and jobs fill its room submits nothing until some of it is gone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use forebay_shared::clock::{Clock, Timestamp};
use forebay_shared::config::Size;
use forebay_shared::store::{Store, StoreResult};

use crate::problem::{Code, Problem};

/// How old an answer may be.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// Owners that are remembered: about a megabyte.
const REMEMBERED: usize = 10_000;

/// Who has no room left, as of a moment ago.
#[derive(Debug)]
pub struct Room {
    /// What an owner may keep; none: whatever it likes.
    bytes: Option<u64>,
    seen: Mutex<HashMap<String, (Timestamp, bool)>>,
}

impl Room {
    /// Room of so many bytes for each owner.
    pub fn new(bytes: Option<u64>) -> Self {
        Self { bytes, seen: Mutex::default() }
    }

    /// Lets the owner bring more, unless what it keeps fills its room. A job's own size is not known before it has run, so
    /// an owner may keep more than its room by what it had submitted before it was full.
    pub async fn enter(&self, store: &dyn Store, clock: &dyn Clock, owner: &str) -> Result<(), Problem> {
        let Some(bytes) = self.bytes else { return Ok(()) };
        if !self.is_full(store, clock.now(), owner, bytes).await? {
            return Ok(());
        }
        let room = Size::new(bytes);
        let detail = format_args!(
            "what your files, models and jobs keep fills the {room} that you may have; delete some, or wait until they expire"
        );
        Err(Problem::new(Code::StorageFull, detail).limit(bytes))
    }

    async fn is_full(&self, store: &dyn Store, now: Timestamp, owner: &str, bytes: u64) -> StoreResult<bool> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(owner).copied();
        if let Some((at, full)) = seen
            && (at..at.plus(KNOWN_FOR)).contains(&now)
        {
            return Ok(full);
        }
        let full = store.is_full(owner, bytes).await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(owner.to_owned(), (now, full));
        Ok(full)
    }
}
