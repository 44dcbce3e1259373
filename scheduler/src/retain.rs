//! What is past its retention goes: rows, then objects.

use forebay_shared::segment::{self, CleanError};

use crate::Chores;

/// Jobs or files of one statement, so that it locks few rows.
const PURGE: u32 = 500;
/// Events of one statement.
const EVENTS: u32 = 5000;
/// Kept answers of one statement.
const ANSWERS: u32 = 1000;
/// Files of models of one statement.
const CONTENTS: u32 = 500;
/// Objects of one round.
const OBJECTS: u32 = 500;

impl Chores {
    /// Removes jobs past their retention.
    pub(crate) async fn purge(&self) {
        let round = || async {
            let purged = self.parts.store.purge(PURGE).await?;
            metrics::counter!("forebay_jobs_purged_total").increment(purged);
            Ok(purged)
        };
        self.in_rounds(PURGE, "jobs cannot be purged", round).await;
    }

    /// Forgets events that are old.
    pub(crate) async fn purge_events(&self) {
        let before = self.parts.store.now().minus(self.parts.keep_events);
        let round = || async move {
            let purged = self.parts.store.purge_events(before, EVENTS).await?;
            metrics::counter!("forebay_events_purged_total").increment(purged);
            Ok(purged)
        };
        self.in_rounds(EVENTS, "events cannot be purged", round).await;
    }

    /// Removes files past their expiry, with uploads that were not completed in time.
    pub(crate) async fn expire_files(&self) {
        let round = || async {
            let files = self.parts.store.expire_files(PURGE).await?;
            metrics::counter!("forebay_files_expired_total").increment(files);
            let uploads = self.parts.store.expire_uploads(PURGE).await?;
            metrics::counter!("forebay_uploads_expired_total").increment(uploads);
            Ok(files.max(uploads))
        };
        self.in_rounds(PURGE, "files cannot be expired", round).await;
    }

    /// Forgets kept answers whose time is over, then the oldest if they take too much. What is left of a cache that was
    /// turned off goes with the sweep.
    pub(crate) async fn forget_answers(&self) {
        if self.parts.cache.enabled {
            self.expire_answers().await;
            let most = self.parts.cache.max_bytes.bytes();
            let round = || async move {
                let forgotten = self.parts.store.trim_cached(most, ANSWERS).await?;
                metrics::counter!("forebay_cache_forgotten_total", "reason" => "room").increment(forgotten);
                Ok(forgotten)
            };
            self.in_rounds(ANSWERS, "kept answers cannot be trimmed", round).await;
        }
    }

    /// Forgets kept answers whose time is over.
    pub(crate) async fn expire_answers(&self) {
        let round = || async {
            let forgotten = self.parts.store.expire_cached(ANSWERS).await?;
            metrics::counter!("forebay_cache_forgotten_total", "reason" => "time").increment(forgotten);
            Ok(forgotten)
        };
        self.in_rounds(ANSWERS, "kept answers cannot be expired", round).await;
    }

    /// Forgets files of models that no model has had for as long as an object without a row is spared. Who brings one in
    /// finds what it has stored, or touched, until its model names it.
    pub(crate) async fn forget_contents(&self) {
        let age = self.config.sweep_age.get();
        let round = || async move {
            let forgotten = self.parts.store.forget_contents(age, CONTENTS).await?;
            metrics::counter!("forebay_registry_files_forgotten_total").increment(forgotten);
            Ok(forgotten)
        };
        self.in_rounds(CONTENTS, "files of models cannot be forgotten", round).await;
    }

    /// Counts what owners' jobs keep, after what is past its time is gone.
    pub(crate) async fn count_storage(&self) {
        if self.parts.count_storage
            && let Err(error) = self.parts.store.count_storage().await
        {
            tracing::warn!(%error, "what jobs keep cannot be counted at the moment");
        }
    }

    /// Forgets who has all of its limits again.
    pub(crate) async fn forget_rates(&self) {
        if let Err(error) = self.parts.store.forget_idle_rates().await {
            tracing::warn!(%error, "limits that nobody uses cannot be forgotten at the moment");
        }
    }

    /// Does what is to be done to objects: segments are blanked or removed, garbage is removed.
    pub(crate) async fn clean(&self) {
        if let Err(error) = self.try_clean().await {
            tracing::warn!(%error, "objects cannot be removed at the moment");
        }
    }

    async fn try_clean(&self) -> Result<(), CleanError> {
        for key in self.parts.store.pending_segments(OBJECTS).await? {
            // One that cannot be cleaned must not keep the others, which hold what somebody deleted.
            if let Err(error) = segment::clean(self.parts.store.as_ref(), &self.parts.blobs, &key).await {
                tracing::warn!(%error, key, "a segment cannot be cleaned at the moment");
            }
        }
        let garbage = self.parts.store.garbage(OBJECTS).await?;
        if !garbage.is_empty() {
            self.parts.blobs.delete(&garbage).await?;
            self.parts.store.forget_garbage(&garbage).await?;
        }
        Ok(())
    }
}
