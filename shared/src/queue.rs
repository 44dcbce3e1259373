//! The ordered hand-over between api and worker. It is a hint: the row repairs what it loses or repeats.
//!
//! A message says which job and whose, nothing more; whoever takes it asks the store for the right to run it. There is one queue
//! for each model and class, declared in one place. Retries, delays and repairs are the store's, never the broker's.

mod amqp;
#[cfg(feature = "testing")]
pub mod conformance;
mod local;
mod message;

use std::fmt;

use async_trait::async_trait;

pub use amqp::AmqpQueue;
pub use local::LocalQueue;
pub use message::Message;

use crate::id::JobId;
use crate::store::Route;

/// What can go wrong with a queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The broker cannot be reached, or refused: try again later.
    #[error("the broker cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a queue answers.
pub type QueueResult<T> = Result<T, QueueError>;

/// Hands messages over.
#[async_trait]
pub trait Producer: Send + Sync + fmt::Debug + 'static {
    /// Sends all messages and waits until the broker has them safe. Answers with those it has not taken.
    async fn publish(&self, route: &Route, messages: &[Message]) -> Vec<JobId>;

    /// How many messages wait in the queue, those not counted that a consumer holds.
    async fn depth(&self, route: &Route) -> QueueResult<u64>;
}

/// Both ends of the hand-over.
#[async_trait]
pub trait Queue: Producer {
    /// Begins to consume `route`. The broker sends ahead up to `prefetch` messages that are not acknowledged.
    async fn consume(&self, route: &Route, prefetch: u16) -> QueueResult<Box<dyn Consumer>>;
}

/// Takes messages from one queue. Dropping it gives back what is not acknowledged.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for a message and takes what is there, up to `most`.
    ///
    /// Cancel-safe: a message that was not returned is given back or returned next time.
    async fn receive(&mut self, most: usize) -> QueueResult<Delivery>;

    /// Acknowledges a delivery: from now on the lease decides.
    async fn ack(&mut self, delivery: Delivery) -> QueueResult<()>;
}

/// Messages that came together, to be acknowledged together.
#[derive(Debug)]
pub struct Delivery {
    /// What came.
    pub messages: Vec<Message>,
    /// The broker's name for the last of them.
    pub(crate) tag: u64,
}
