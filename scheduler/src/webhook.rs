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
    /// Makes messages of all events that were not looked at, or until a soft stop.
    pub(crate) async fn fan_out(&self) {
        loop {
            match self.parts.store.fan_out(CHUNK, &self.parts.ids).await {
                Ok(fanned) => {
                    if fanned.deliveries > 0 {
                        self.sender.wake();
                    }
                    if fanned.events < u64::from(CHUNK) || self.parts.tasks.is_stopping() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "events cannot be made messages at the moment");
                    return;
                }
            }
        }
    }

    /// Forgets deliveries that ended long ago, until there are none or a soft stop.
    pub(crate) async fn purge_deliveries(&self) {
        let before = self.parts.store.now().minus(self.parts.webhooks.keep.get());
        loop {
            match self.parts.store.purge_deliveries(before, PURGE).await {
                Ok(purged) if purged == u64::from(PURGE) && !self.parts.tasks.is_stopping() => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "deliveries cannot be purged at the moment");
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
