//! Whoever asked is told what happened: events become messages, and messages are sent.
//!
//! The leader makes messages; every replica sends. What makes them reads events after a cursor that moves in the same
//! transaction, so whoever dies has done it or not.

mod sender;

use crate::Chores;
pub(crate) use sender::Sender;

/// Events of one transaction.
const CHUNK: u32 = 1000;
/// Deliveries of one statement.
const PURGE: u32 = 1000;

impl Chores {
    /// Makes messages of all events that were not looked at.
    pub(crate) async fn fan_out(&self) {
        let round = || async {
            let fanned = self.parts.store.fan_out(CHUNK, &self.parts.ids).await?;
            if fanned.deliveries > 0 {
                self.sender.wake();
            }
            Ok(fanned.events)
        };
        self.in_rounds(CHUNK, "events cannot be made messages", round).await;
    }

    /// Forgets deliveries that ended long ago.
    pub(crate) async fn purge_deliveries(&self) {
        let before = self.parts.store.now().minus(self.parts.webhooks.keep.get());
        let round = || self.parts.store.purge_deliveries(before, PURGE);
        self.in_rounds(PURGE, "deliveries cannot be purged", round).await;
    }
}

#[cfg(test)]
mod tests;
