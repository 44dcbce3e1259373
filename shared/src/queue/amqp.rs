//! The queue on RabbitMQ: quorum queues and publisher confirms.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{FuturesOrdered, StreamExt};
use futures::{FutureExt, TryStreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Mutex;

use super::{Consumer, Delivery, Message, Producer, Queue, QueueError, QueueResult};
use crate::amqp::{Link, LinkError};
use crate::config::QueueConfig;
use crate::id::JobId;
use crate::store::Route;

/// A message is written to disk before it is confirmed.
const PERSISTENT: u8 = 2;

/// The queue on RabbitMQ.
#[derive(Debug)]
pub struct AmqpQueue {
    link: Link,
    prefix: String,
    publish_timeout: Duration,
    publisher: Mutex<Option<Publisher>>,
}

/// A channel with confirms, and the queues known to exist on it.
#[derive(Debug)]
struct Publisher {
    channel: Channel,
    declared: HashSet<Route>,
}

impl AmqpQueue {
    /// The queue that `config` names. Nothing is asked of the broker yet.
    pub fn new(config: &QueueConfig, link: Link) -> Self {
        Self {
            link,
            prefix: config.prefix.clone(),
            publish_timeout: config.publish_timeout.get(),
            publisher: Mutex::new(None),
        }
    }

    /// `forebay.jobs.interactive.org/model`
    fn name(&self, route: &Route) -> String {
        format!("{}.jobs.{}.{}", self.prefix, route.class, route.model)
    }

    async fn try_publish(&self, route: &Route, messages: &[Message]) -> Result<Vec<JobId>, LinkError> {
        let mut slot = self.publisher.lock().await;
        if slot.as_ref().is_none_or(|publisher| !publisher.channel.status().connected()) {
            let channel = self.link.channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            *slot = Some(Publisher { channel, declared: HashSet::new() });
        }
        let Some(publisher) = slot.as_mut() else { return Err(LinkError::Timeout) };
        let name = self.name(route);
        if !publisher.declared.contains(route) {
            declare(&publisher.channel, &name).await?;
            publisher.declared.insert(route.clone());
        }
        // Confirms are awaited after all is sent, so a group costs one round trip.
        let mut confirms = FuturesOrdered::new();
        for message in messages {
            let confirm = publisher
                .channel
                .basic_publish(
                    "".into(),
                    name.as_str().into(),
                    // A queue that is gone returns the message instead of losing it silently.
                    BasicPublishOptions { mandatory: true, ..Default::default() },
                    &message.encode(),
                    BasicProperties::default()
                        .with_delivery_mode(PERSISTENT)
                        .with_content_type("application/json".into()),
                )
                .await?;
            confirms.push_back(confirm);
        }
        let channel = publisher.channel.clone();
        drop(slot);
        let confirmed: Vec<Confirmation> = confirms.try_collect().await?;
        let refused: Vec<_> = messages
            .iter()
            .zip(confirmed)
            .filter(|(_, confirmation)| !matches!(confirmation, Confirmation::Ack(None)))
            .map(|(message, _)| message.job_id)
            .collect();
        if !refused.is_empty() {
            self.forget_topology(&channel).await;
        }
        Ok(refused)
    }

    /// The queue may have been deleted: it is declared again before the next publication.
    async fn forget_topology(&self, channel: &Channel) {
        if let Some(publisher) = self.publisher.lock().await.as_mut()
            && publisher.channel.id() == channel.id()
        {
            publisher.declared.clear();
        }
    }
}

#[async_trait]
impl Producer for AmqpQueue {
    async fn publish(&self, route: &Route, messages: &[Message]) -> Vec<JobId> {
        let all = || messages.iter().map(|message| message.job_id).collect();
        match tokio::time::timeout(self.publish_timeout, self.try_publish(route, messages)).await {
            Ok(Ok(refused)) => refused,
            Ok(Err(error)) => {
                tracing::warn!(%error, queue = self.name(route), "messages could not be published");
                *self.publisher.lock().await = None;
                all()
            }
            Err(_) => {
                tracing::warn!(queue = self.name(route), "the broker confirmed nothing in time");
                *self.publisher.lock().await = None;
                all()
            }
        }
    }

    async fn depth(&self, route: &Route) -> QueueResult<u64> {
        // Declaring answers with the depth, and makes good a queue that was deleted.
        let ask = async {
            let channel = self.link.channel().await?;
            let depth = declare(&channel, &self.name(route)).await;
            let _ = channel.close(200, "done".into()).await;
            Ok(u64::from(depth?))
        };
        self.in_time(ask).await
    }
}

#[async_trait]
impl Queue for AmqpQueue {
    async fn consume(&self, route: &Route, prefetch: u16) -> QueueResult<Box<dyn Consumer>> {
        let consume = async {
            let channel = self.link.channel().await?;
            let name = self.name(route);
            declare(&channel, &name).await?;
            channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            let deliveries = channel
                .basic_consume(
                    name.as_str().into(),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            Ok(AmqpConsumer { channel, deliveries })
        };
        Ok(Box::new(self.in_time(consume).await?))
    }
}

impl AmqpQueue {
    /// What the broker does not answer in the time of a publication has failed.
    async fn in_time<T>(&self, asked: impl Future<Output = Result<T, LinkError>>) -> QueueResult<T> {
        match tokio::time::timeout(self.publish_timeout, asked).await {
            Ok(answer) => Ok(answer?),
            Err(late) => Err(QueueError::Unavailable(late.into())),
        }
    }
}

/// Declares a queue as it must be; doing it twice is harmless. Answers with its depth.
async fn declare(channel: &Channel, name: &str) -> Result<u32, LinkError> {
    let mut arguments = FieldTable::default();
    // Quorum: a replicated log that survives the loss of a node; faster than a classic queue under pipelined confirms.
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    // No length, no age, no delivery limit, no dead letters: what a broker drops by itself, the rows repair.
    let queue = channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await?;
    Ok(queue.message_count())
}

struct AmqpConsumer {
    channel: Channel,
    deliveries: lapin::Consumer,
}

#[async_trait]
impl Consumer for AmqpConsumer {
    async fn receive(&mut self, most: usize) -> QueueResult<Delivery> {
        loop {
            let first = self.deliveries.next().await;
            let mut tag = 0;
            let mut messages = Vec::new();
            let mut next = Some(first);
            while let Some(came) = next {
                let Some(came) = came else { return Err(ended()) };
                let came = came.map_err(LinkError::from)?;
                tag = came.delivery_tag;
                match Message::decode(&came.data) {
                    Ok(message) => messages.push(message),
                    Err(error) => {
                        metrics::counter!("forebay_queue_unreadable_total").increment(1);
                        tracing::warn!(%error, "a message on the queue cannot be read; its row will repair it");
                    }
                }
                next = if messages.len() < most { self.deliveries.next().now_or_never() } else { None };
            }
            let delivery = Delivery { messages, tag };
            if !delivery.messages.is_empty() {
                return Ok(delivery);
            }
            self.ack(delivery).await?;
        }
    }

    async fn ack(&mut self, delivery: Delivery) -> QueueResult<()> {
        // Deliveries are claimed in order, so all before this one are claimed as well.
        self.channel
            .basic_ack(delivery.tag, BasicAckOptions { multiple: true })
            .await
            .map_err(LinkError::from)?;
        Ok(())
    }
}

fn ended() -> QueueError {
    QueueError::Unavailable("the broker ended the consumer".into())
}

impl From<LinkError> for QueueError {
    fn from(error: LinkError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

#[cfg(all(test, feature = "services"))]
mod tests {
    use super::AmqpQueue;
    use crate::amqp::Link;
    use crate::testing::Services;

    fn queue() -> AmqpQueue {
        let config = Services::running().queue();
        let link = Link::new(config.url.clone(), "test");
        AmqpQueue::new(&config, link)
    }

    crate::queue_conformance!(super::queue());
}
