//! Messages of one queue that came and are not claimed yet.

use std::collections::{HashSet, VecDeque};

use forebay_shared::job::Class;
use forebay_shared::queue::{Consumer, Delivery, Message, QueueResult};

/// One class's messages, in the order of their coming.
pub(super) struct Line {
    class: Class,
    consumer: Box<dyn Consumer>,
    /// Deliveries that are not acknowledged, each without what was claimed of it.
    deliveries: VecDeque<Delivery>,
}

impl Line {
    pub(super) fn new(class: Class, consumer: Box<dyn Consumer>) -> Self {
        Self { class, consumer, deliveries: VecDeque::new() }
    }

    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// Whether nothing waits to be claimed.
    pub(super) fn is_empty(&self) -> bool {
        self.deliveries.iter().all(|delivery| delivery.messages.is_empty())
    }

    /// Waits for messages and keeps them. Cancel-safe.
    pub(super) async fn receive(&mut self, most: usize) -> QueueResult<()> {
        let delivery = self.consumer.receive(most).await?;
        self.deliveries.push_back(delivery);
        Ok(())
    }

    /// The first so many messages.
    pub(super) fn take(&mut self, most: usize) -> Vec<Message> {
        let mut taken = Vec::new();
        for delivery in &mut self.deliveries {
            let count = (most - taken.len()).min(delivery.messages.len());
            taken.extend(delivery.messages.drain(..count));
        }
        taken
    }

    /// The first message of every owner whom `welcomes` names.
    pub(super) fn take_new(&mut self, welcomes: impl Fn(&str) -> bool) -> Vec<Message> {
        let mut known = HashSet::new();
        let mut taken = Vec::new();
        for delivery in &mut self.deliveries {
            delivery.messages.retain(|message| {
                let stays = known.contains(&message.owner) || !welcomes(&message.owner);
                known.insert(message.owner.clone());
                if !stays {
                    taken.push(message.clone());
                }
                stays
            });
        }
        taken
    }

    /// Acknowledges the deliveries that are claimed wholly, up to the first that is not: what is claimed of that one and of
    /// later ones comes again if this consumer ends, and is refused.
    pub(super) async fn ack(&mut self) -> QueueResult<()> {
        let mut last = None;
        while self.deliveries.front().is_some_and(|first| first.messages.is_empty()) {
            last = self.deliveries.pop_front();
        }
        match last {
            Some(delivery) => self.consumer.ack(delivery).await,
            None => Ok(()),
        }
    }
}
