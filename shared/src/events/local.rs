//! Events inside the process, for `forebay serve`.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{BACKLOG, Event, Events};

/// The one address there is.
const HERE: &str = "here";

/// Events inside the process.
#[derive(Clone, Debug)]
pub struct LocalEvents(broadcast::Sender<Arc<Event>>);

impl LocalEvents {
    /// Nobody listens yet.
    pub fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Default for LocalEvents {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Events for LocalEvents {
    fn address(&self) -> &str {
        HERE
    }

    async fn publish(&self, events: Vec<(String, Event)>) {
        for (_, event) in events.into_iter().filter(|(address, _)| address == HERE) {
            self.announce(event).await;
        }
    }

    async fn announce(&self, event: Event) {
        // Nobody listening is no error.
        let _ = self.0.send(Arc::new(event));
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    crate::events_conformance!((std::sync::Arc::new(crate::events::LocalEvents::new()), ()));
}
