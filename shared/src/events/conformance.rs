//! What every driver of events must do.
#![expect(missing_docs, reason = "the names are sentences")]

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use super::{Event, Events};
use crate::job::Class;
use crate::store::Route;

/// How long an event may take on a busy machine before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes one test of each function for a driver. `$events` is an expression that opens it, with what keeps it alive.
#[macro_export]
macro_rules! events_conformance {
    ($events:expr) => {
        $crate::events_conformance!(@tests $events, [
            word_reaches_its_address,
            word_to_another_address_is_not_heard,
            an_announcement_reaches_everybody,
        ]);
    };
    (@tests $events:expr, [$($name:ident),+ $(,)?]) => {
        mod conformance {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let events = $events;
                    $crate::events::conformance::$name(events.0.as_ref()).await;
                }
            )+
        }
    };
}

fn room(model: &str) -> Event {
    Event::Room(Route { model: model.to_owned(), class: Class::Bulk })
}

async fn heard(listener: &mut broadcast::Receiver<Arc<Event>>) -> Event {
    let event = tokio::time::timeout(PATIENCE, listener.recv()).await.expect("word comes");
    (*event.expect("the events are open")).clone()
}

/// Listening may take a moment to begin: knocks until somebody answers.
async fn listening(events: &dyn Events) -> broadcast::Receiver<Arc<Event>> {
    let mut listener = events.subscribe();
    loop {
        events.publish(vec![(events.address().to_owned(), room("knock"))]).await;
        if tokio::time::timeout(Duration::from_millis(100), listener.recv()).await.is_ok() {
            break;
        }
    }
    // A knock that was answered late is not mistaken for an event.
    tokio::time::sleep(Duration::from_millis(200)).await;
    events.subscribe()
}

pub async fn word_reaches_its_address(events: &dyn Events) {
    let mut listener = listening(events).await;
    let address = events.address().to_owned();
    events.publish(vec![(address.clone(), room("a")), (address, room("b"))]).await;
    assert_eq!(heard(&mut listener).await, room("a"));
    assert_eq!(heard(&mut listener).await, room("b"));
}

pub async fn word_to_another_address_is_not_heard(events: &dyn Events) {
    let mut listener = listening(events).await;
    let address = events.address().to_owned();
    events.publish(vec![("somebody else".to_owned(), room("a")), (address, room("b"))]).await;
    assert_eq!(heard(&mut listener).await, room("b"));
}

pub async fn an_announcement_reaches_everybody(events: &dyn Events) {
    let mut one = listening(events).await;
    let mut other = events.subscribe();
    events.announce(room("a")).await;
    assert_eq!(heard(&mut one).await, room("a"));
    assert_eq!(heard(&mut other).await, room("a"));
}
