//! Messages that the broker has lost are found by counting, and handed over again.
//!
//! A job that was handed over long ago and not claimed must have its message in the queue. If there are more such jobs than
//! messages, the oldest of them have lost theirs: the queue was deleted, a broker forgot, a process died between row and
//! message. A message that a worker holds just now is counted as lost too; the worst that follows is a second message,
//! which is refused.

use forebay_shared::handover::OVERDUE;
use forebay_shared::store::{RouteState, StoreResult};

use crate::Chores;

impl Chores {
    pub(crate) async fn recover(&self) {
        if let Err(error) = self.try_recover().await {
            tracing::warn!(%error, "lost messages cannot be looked for at the moment");
        }
    }

    async fn try_recover(&self) -> StoreResult<()> {
        let mut recovered = 0;
        for state in self.parts.store.routes(OVERDUE).await? {
            if state.overdue > 0 {
                recovered += self.recover_route(&state).await?;
            }
        }
        if recovered > 0 {
            tracing::warn!(jobs = recovered, "messages were lost; their jobs are handed over again");
            metrics::counter!("forebay_messages_recovered_total").increment(recovered);
            self.parts.filler.fill().await?;
        }
        Ok(())
    }

    async fn recover_route(&self, state: &RouteState) -> StoreResult<u64> {
        match self.parts.producer.depth(&state.route).await {
            Ok(depth) if depth < state.overdue => {
                self.parts.store.recover(&state.route, OVERDUE, depth).await
            }
            Ok(_) => Ok(0),
            Err(error) => {
                tracing::debug!(%error, "a queue's depth is not known at the moment");
                Ok(0)
            }
        }
    }
}
