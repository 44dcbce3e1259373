//! A broker that does not hear what is acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use forebay_shared::id::JobId;
use forebay_shared::job::Status;
use forebay_shared::queue::{
    Consumer, Delivery, LocalQueue, Message, Producer, Queue, QueueError, QueueResult,
};
use forebay_shared::store::Route;

use super::ground::{Ground, text};

/// Loses so many acknowledgements.
#[derive(Clone, Debug)]
struct Deaf {
    behind: LocalQueue,
    loses: Arc<AtomicU32>,
}

struct DeafConsumer {
    behind: Box<dyn Consumer>,
    loses: Arc<AtomicU32>,
}

#[async_trait]
impl Producer for Deaf {
    async fn publish(&self, route: &Route, messages: &[Message]) -> Vec<JobId> {
        self.behind.publish(route, messages).await
    }

    async fn depth(&self, route: &Route) -> QueueResult<u64> {
        self.behind.depth(route).await
    }
}

#[async_trait]
impl Queue for Deaf {
    async fn consume(&self, route: &Route, prefetch: u16) -> QueueResult<Box<dyn Consumer>> {
        let behind = self.behind.consume(route, prefetch).await?;
        Ok(Box::new(DeafConsumer { behind, loses: self.loses.clone() }))
    }
}

#[async_trait]
impl Consumer for DeafConsumer {
    async fn receive(&mut self, most: usize) -> QueueResult<Delivery> {
        self.behind.receive(most).await
    }

    async fn ack(&mut self, delivery: Delivery) -> QueueResult<()> {
        let lost = self.loses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if lost.is_ok() {
            return Err(QueueError::Unavailable("the connection is gone".into()));
        }
        self.behind.ack(delivery).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_claimed_runs_even_if_the_broker_does_not_hear_of_it() {
    let mut ground = Ground::new().await;
    let jobs: Vec<_> = (0..20).map(|n| ground.job("echo", &[text(&n.to_string())])).collect();
    let ids = ground.submit(&jobs).await;
    let deaf = Deaf { behind: ground.queue.clone(), loses: Arc::new(AtomicU32::new(3)) };
    let worker = ground.start_on(Arc::new(deaf.clone())).await;
    let ended = ground.ended(&ids).await;
    assert!(ended.iter().all(|job| job.status == Status::Succeeded && job.attempt == 1));
    assert!(deaf.loses.load(Ordering::SeqCst) < 3, "one was lost at least");
    worker.stop().await;
    ground.assert_nothing_runs().await;
}
