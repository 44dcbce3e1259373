//! Events through RabbitMQ: one exclusive queue per process, and one exchange that reaches them all.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, ExchangeKind};
use tokio::sync::{Mutex, broadcast};
use uuid::Uuid;

use super::{BACKLOG, Event, Events};
use crate::amqp::{Link, LinkError};
use crate::config::QueueConfig;
use crate::shutdown::Tasks;

/// How long to wait before listening again after the broker went away.
const RELISTEN: Duration = Duration::from_millis(500);
/// How long the broker may take to accept events. Whoever sends them has work to do, and whoever waits looks at the rows.
const PATIENCE: Duration = Duration::from_secs(2);

/// Events through RabbitMQ.
#[derive(Debug)]
pub struct AmqpEvents {
    link: Link,
    address: String,
    exchange: String,
    publisher: Mutex<Option<Channel>>,
    heard: broadcast::Sender<Arc<Event>>,
}

impl AmqpEvents {
    /// Listens under `name` for as long as `tasks` run. A broker that is away is asked again.
    pub fn listen(config: &QueueConfig, link: Link, name: Uuid, tasks: &Tasks) -> Arc<Self> {
        let events = Self::send_only(config, link, name);
        let listener = events.clone();
        let stopped = tasks.stopped();
        tasks.spawn("events", async move {
            let listen_for_ever = async {
                loop {
                    if let Err(error) = listener.listen_once().await {
                        tracing::debug!(%error, "events are not heard at the moment");
                    }
                    tokio::time::sleep(RELISTEN).await;
                }
            };
            tokio::select! {
                () = listen_for_ever => {}
                () = stopped => {}
            }
        });
        events
    }

    /// Only sends: for processes that wait for nothing.
    pub fn send_only(config: &QueueConfig, link: Link, name: Uuid) -> Arc<Self> {
        Arc::new(Self {
            link,
            address: format!("{}.events.{name}", config.prefix),
            exchange: format!("{}.events", config.prefix),
            publisher: Mutex::new(None),
            heard: broadcast::Sender::new(BACKLOG),
        })
    }

    async fn listen_once(&self) -> Result<(), LinkError> {
        let channel = self.link.channel().await?;
        // Exclusive: it lives and dies with this process's connection. A transient queue of any other kind is refused
        // by brokers from 4.3 on.
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        channel.queue_declare(self.address.as_str().into(), options, FieldTable::default()).await?;
        self.declare_exchange(&channel).await?;
        channel
            .queue_bind(
                self.address.as_str().into(),
                self.exchange.as_str().into(),
                "".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        // Nothing is acknowledged: a lost event costs its listener one look at the row.
        let options = BasicConsumeOptions { no_ack: true, exclusive: true, ..Default::default() };
        let mut deliveries = channel
            .basic_consume(self.address.as_str().into(), "".into(), options, FieldTable::default())
            .await?;
        while let Some(delivery) = deliveries.next().await {
            match serde_json::from_slice::<Event>(&delivery?.data) {
                Ok(event) => drop(self.heard.send(Arc::new(event))),
                Err(error) => tracing::warn!(%error, "an event cannot be read"),
            }
        }
        Ok(())
    }

    async fn declare_exchange(&self, channel: &Channel) -> Result<(), LinkError> {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let name = self.exchange.as_str().into();
        channel.exchange_declare(name, ExchangeKind::Fanout, options, FieldTable::default()).await?;
        Ok(())
    }

    async fn channel(&self) -> Result<Channel, LinkError> {
        let mut slot = self.publisher.lock().await;
        if let Some(channel) = slot.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let channel = self.link.channel().await?;
        self.declare_exchange(&channel).await?;
        Ok(slot.insert(channel).clone())
    }

    async fn send(&self, exchange: &str, events: &[(String, Event)]) -> Result<(), LinkError> {
        let channel = self.channel().await?;
        for (address, event) in events {
            let body = serde_json::to_vec(event).expect("an event is numbers and strings");
            channel
                .basic_publish(
                    exchange.into(),
                    address.as_str().into(),
                    BasicPublishOptions::default(),
                    &body,
                    BasicProperties::default().with_content_type("application/json".into()),
                )
                .await?;
        }
        Ok(())
    }

    async fn send_or_tell(&self, exchange: &str, events: &[(String, Event)]) {
        match tokio::time::timeout(PATIENCE, self.send(exchange, events)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, events = events.len(), "events were not sent; those who wait will look");
            }
            Err(_) => tracing::debug!(events = events.len(), "the broker takes no events at the moment"),
        }
    }
}

#[async_trait]
impl Events for AmqpEvents {
    fn address(&self) -> &str {
        &self.address
    }

    async fn publish(&self, events: Vec<(String, Event)>) {
        // The default exchange routes by the name of the queue, which is the address.
        self.send_or_tell("", &events).await;
    }

    async fn announce(&self, event: Event) {
        self.send_or_tell(&self.exchange, &[(String::new(), event)]).await;
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.heard.subscribe()
    }
}

#[cfg(all(test, feature = "services"))]
mod tests {
    use std::sync::Arc;

    use super::AmqpEvents;
    use crate::amqp::Link;
    use crate::shutdown::Tasks;
    use crate::testing::{Services, fresh_ids};

    fn events() -> (Arc<AmqpEvents>, Tasks) {
        let config = Services::running().queue();
        let link = Link::new(config.url.clone(), "test");
        let tasks = Tasks::new();
        (AmqpEvents::listen(&config, link, fresh_ids().uuid(), &tasks), tasks)
    }

    crate::events_conformance!(super::events());
}
