//! A queue inside the process, for `forebay serve`.
//!
//! It forgets everything when the process ends; whoever starts it clears the marks of what had been handed over.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Consumer, Delivery, Message, Producer, Queue, QueueResult};
use crate::id::JobId;
use crate::store::Route;

/// Messages of one route at most; what is over is refused and waits in the database. An envelope is about 150 bytes.
const CAPACITY: usize = 65_536;

/// A queue inside the process.
#[derive(Clone, Debug, Default)]
pub struct LocalQueue {
    routes: Arc<Mutex<HashMap<Route, Arc<Line>>>>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: Mutex<VecDeque<Message>>,
    arrived: Notify,
}

impl LocalQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    fn line(&self, route: &Route) -> Arc<Line> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.entry(route.clone()).or_default().clone()
    }
}

#[async_trait]
impl Producer for LocalQueue {
    async fn publish(&self, route: &Route, messages: &[Message]) -> Vec<JobId> {
        let line = self.line(route);
        let mut waiting = line.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = CAPACITY - waiting.len();
        let (taken, refused) = messages.split_at(room.min(messages.len()));
        waiting.extend(taken.iter().cloned());
        drop(waiting);
        line.arrived.notify_one();
        refused.iter().map(|message| message.job_id).collect()
    }

    async fn depth(&self, route: &Route) -> QueueResult<u64> {
        let line = self.line(route);
        let waiting = line.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(waiting.len() as u64)
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn consume(&self, route: &Route, prefetch: u16) -> QueueResult<Box<dyn Consumer>> {
        Ok(Box::new(LocalConsumer {
            line: self.line(route),
            held: VecDeque::new(),
            prefetch: usize::from(prefetch),
            last_tag: 0,
        }))
    }
}

struct LocalConsumer {
    line: Arc<Line>,
    /// Taken and not acknowledged, oldest first, under the tag of their delivery.
    held: VecDeque<(u64, Message)>,
    prefetch: usize,
    last_tag: u64,
}

impl LocalConsumer {
    fn take(&mut self, most: usize) -> Vec<Message> {
        let mut waiting = self.line.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = most.min(self.prefetch.saturating_sub(self.held.len())).min(waiting.len());
        let taken: Vec<_> = waiting.drain(..count).collect();
        if !waiting.is_empty() {
            // Another consumer of the same route may be asleep.
            self.line.arrived.notify_one();
        }
        taken
    }
}

#[async_trait]
impl Consumer for LocalConsumer {
    async fn receive(&mut self, most: usize) -> QueueResult<Delivery> {
        let line = self.line.clone();
        if self.held.len() >= self.prefetch {
            // Only an acknowledgement makes room, and that cannot come while this borrows the consumer.
            return std::future::pending().await;
        }
        loop {
            let messages = self.take(most);
            if !messages.is_empty() {
                self.last_tag += 1;
                let tag = self.last_tag;
                self.held.extend(messages.iter().map(|message| (tag, message.clone())));
                return Ok(Delivery { messages, tag });
            }
            line.arrived.notified().await;
        }
    }

    async fn ack(&mut self, delivery: Delivery) -> QueueResult<()> {
        self.held.retain(|(tag, _)| *tag > delivery.tag);
        Ok(())
    }
}

impl Drop for LocalConsumer {
    fn drop(&mut self) {
        let mut waiting = self.line.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, message) in self.held.drain(..).rev() {
            waiting.push_front(message);
        }
        drop(waiting);
        self.line.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    crate::queue_conformance!(crate::queue::LocalQueue::new());
}
