//! A queue that loses, repeats and refuses messages.

use std::sync::Arc;

use forebay_shared::id::JobId;
use forebay_shared::queue::{Consumer, Message, Producer, Queue, QueueError, QueueResult};
use forebay_shared::store::Route;

use super::Trouble;

#[derive(Debug)]
pub(super) struct Flaky {
    behind: Arc<dyn Queue>,
    trouble: Arc<Trouble>,
}

impl Flaky {
    pub(super) fn new(behind: Arc<dyn Queue>, trouble: Arc<Trouble>) -> Self {
        Self { behind, trouble }
    }
}

/// What becomes of a message.
enum Fate {
    Sent,
    Lost,
    Repeated,
    Refused,
    /// It is there, but the broker's word was not heard.
    Unconfirmed,
}

impl Flaky {
    fn fate(&self) -> Fate {
        if !self.trouble.strikes(6) {
            return Fate::Sent;
        }
        match self.trouble.pick(4) {
            0 => Fate::Lost,
            1 => Fate::Repeated,
            2 => Fate::Refused,
            _ => Fate::Unconfirmed,
        }
    }
}

#[async_trait::async_trait]
impl Producer for Flaky {
    async fn publish(&self, route: &Route, messages: &[Message]) -> Vec<JobId> {
        let (mut sent, mut refused) = (Vec::new(), Vec::new());
        for message in messages {
            let fate = self.fate();
            match fate {
                Fate::Sent | Fate::Unconfirmed => sent.push(message.clone()),
                Fate::Repeated => sent.extend([message.clone(), message.clone()]),
                Fate::Lost | Fate::Refused => {}
            }
            if matches!(fate, Fate::Refused | Fate::Unconfirmed) {
                refused.push(message.job_id);
            }
        }
        if !sent.is_empty() {
            refused.extend(self.behind.publish(route, &sent).await);
        }
        refused
    }

    async fn depth(&self, route: &Route) -> QueueResult<u64> {
        if self.trouble.strikes(6) {
            return Err(QueueError::Unavailable("the broker does not say".into()));
        }
        self.behind.depth(route).await
    }
}

#[async_trait::async_trait]
impl Queue for Flaky {
    async fn consume(&self, route: &Route, prefetch: u16) -> QueueResult<Box<dyn Consumer>> {
        self.behind.consume(route, prefetch).await
    }
}
