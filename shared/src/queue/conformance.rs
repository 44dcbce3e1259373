//! What every queue must do, run against each driver.
#![expect(missing_docs, reason = "the names are sentences")]

use std::time::Duration;

use super::{Message, Queue};
use crate::id::JobId;
use crate::job::Class;
use crate::store::Route;
use crate::testing::{fresh_ids, fresh_word};

/// How long a message may take on a busy machine before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a test looks for a message that must not come.
const NOTHING: Duration = Duration::from_millis(200);

/// Makes one test of each function for a driver. `$queue` is an expression that opens a queue.
#[macro_export]
macro_rules! queue_conformance {
    ($queue:expr) => {
        $crate::queue_conformance!(@tests $queue, [
            messages_come_in_order,
            what_is_acknowledged_does_not_come_again,
            what_is_not_acknowledged_is_given_back,
            prefetch_bounds_what_is_held,
            two_consumers_share_a_route,
            routes_do_not_mix,
            depth_counts_what_waits,
            waiting_is_cancel_safe,
        ]);
    };
    (@tests $queue:expr, [$($name:ident),+ $(,)?]) => {
        mod conformance {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    $crate::queue::conformance::$name(&$queue).await;
                }
            )+
        }
    };
}

fn route() -> Route {
    Route { model: format!("org/{}:1", fresh_word()), class: Class::Interactive }
}

async fn publish(queue: &dyn Queue, route: &Route, count: usize) -> Vec<JobId> {
    let ids = fresh_ids();
    let messages: Vec<_> =
        (0..count).map(|_| Message { job_id: ids.job(), owner: "alice".into(), trace: None }).collect();
    assert_eq!(queue.publish(route, &messages).await, [], "the broker takes everything");
    messages.into_iter().map(|message| message.job_id).collect()
}

/// Takes `count` messages, acknowledging each delivery if asked.
async fn take(consumer: &mut dyn super::Consumer, count: usize, ack: bool) -> Vec<JobId> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let delivery = tokio::time::timeout(PATIENCE, consumer.receive(count - taken.len()))
            .await
            .expect("messages come")
            .expect("the broker is there");
        taken.extend(delivery.messages.iter().map(|message| message.job_id));
        if ack {
            consumer.ack(delivery).await.unwrap();
        }
    }
    taken
}

async fn nothing_comes(consumer: &mut dyn super::Consumer) {
    assert!(tokio::time::timeout(NOTHING, consumer.receive(1)).await.is_err(), "nothing was to come");
}

pub async fn messages_come_in_order(queue: &dyn Queue) {
    let route = route();
    let ids = publish(queue, &route, 100).await;
    let mut consumer = queue.consume(&route, 10).await.unwrap();
    assert_eq!(take(consumer.as_mut(), 100, true).await, ids);
}

pub async fn what_is_acknowledged_does_not_come_again(queue: &dyn Queue) {
    let route = route();
    publish(queue, &route, 3).await;
    let mut consumer = queue.consume(&route, 10).await.unwrap();
    take(consumer.as_mut(), 3, true).await;
    drop(consumer);
    let mut consumer = queue.consume(&route, 10).await.unwrap();
    nothing_comes(consumer.as_mut()).await;
}

pub async fn what_is_not_acknowledged_is_given_back(queue: &dyn Queue) {
    let route = route();
    let ids = publish(queue, &route, 3).await;
    let mut consumer = queue.consume(&route, 10).await.unwrap();
    take(consumer.as_mut(), 1, true).await;
    take(consumer.as_mut(), 2, false).await;
    drop(consumer);
    let mut consumer = queue.consume(&route, 10).await.unwrap();
    let again = take(consumer.as_mut(), 2, true).await;
    assert!(ids[1..].iter().all(|id| again.contains(id)));
}

pub async fn prefetch_bounds_what_is_held(queue: &dyn Queue) {
    let route = route();
    let ids = publish(queue, &route, 3).await;
    let mut greedy = queue.consume(&route, 2).await.unwrap();
    assert_eq!(take(greedy.as_mut(), 2, false).await, ids[..2]);
    nothing_comes(greedy.as_mut()).await;
    let mut other = queue.consume(&route, 2).await.unwrap();
    assert_eq!(take(other.as_mut(), 1, true).await, ids[2..]);
}

pub async fn two_consumers_share_a_route(queue: &dyn Queue) {
    let route = route();
    let mut one = queue.consume(&route, 1).await.unwrap();
    let mut other = queue.consume(&route, 1).await.unwrap();
    let mut ids = publish(queue, &route, 2).await;
    ids.sort();
    let mut taken = take(one.as_mut(), 1, false).await;
    taken.extend(take(other.as_mut(), 1, false).await);
    taken.sort();
    assert_eq!(taken, ids);
}

pub async fn routes_do_not_mix(queue: &dyn Queue) {
    let interactive = route();
    let bulk = Route { class: Class::Bulk, ..interactive.clone() };
    publish(queue, &interactive, 1).await;
    let mut consumer = queue.consume(&bulk, 1).await.unwrap();
    nothing_comes(consumer.as_mut()).await;
}

pub async fn depth_counts_what_waits(queue: &dyn Queue) {
    let route = route();
    assert_eq!(queue.depth(&route).await.unwrap(), 0);
    publish(queue, &route, 5).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    // A quorum queue counts what is committed a moment after it confirms.
    while queue.depth(&route).await.unwrap() != 5 {
        assert!(tokio::time::Instant::now() < deadline, "all five are counted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn waiting_is_cancel_safe(queue: &dyn Queue) {
    let route = route();
    let mut consumer = queue.consume(&route, 10).await.unwrap();
    for _ in 0..5 {
        assert!(tokio::time::timeout(Duration::from_millis(10), consumer.receive(1)).await.is_err());
    }
    let ids = publish(queue, &route, 5).await;
    let mut taken = Vec::new();
    while taken.len() < 5 {
        if let Ok(delivery) = tokio::time::timeout(Duration::from_millis(1), consumer.receive(1)).await {
            taken.extend(delivery.unwrap().messages.into_iter().map(|message| message.job_id));
        }
    }
    assert_eq!(taken, ids);
}
