//! Models are loaded, kept and unloaded as it is wished, and it is told which are in memory.

use std::time::Duration;

use forebay_shared::config::Span;
use forebay_shared::events::{Event, Events};
use forebay_shared::job::Status;
use forebay_shared::residency::{KeepAlive, Loaded, Wish};
use forebay_shared::store::{Models, Residency, settled};
use forebay_shared::testing::Watched;
use serde_json::json;

use super::ground::{Ground, PATIENCE, text, with_params};

async fn wish(ground: &Ground, wish: Wish) {
    ground.store.wish("echo", wish).await.unwrap();
    ground.events.announce(Event::Wished).await;
}

/// Waits until it is told so of `echo`.
async fn until(ground: &Ground, is_so: impl Fn(Option<Loaded>) -> bool) {
    let told = async {
        while !ground.store.models().await.unwrap().iter().any(|model| is_so(model.loaded)) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("it is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_loaded_and_unloaded_as_it_is_wished() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    until(&ground, |loaded| loaded.is_none()).await;
    wish(&ground, Wish::Load(Some(KeepAlive::For(Duration::from_hours(1))))).await;
    until(&ground, |loaded| loaded.is_some_and(|loaded| loaded.expires_at.is_some())).await;
    wish(&ground, Wish::Keep(KeepAlive::Forever)).await;
    until(&ground, |loaded| loaded.is_some_and(|loaded| loaded.expires_at.is_none())).await;
    wish(&ground, Wish::Unload).await;
    until(&ground, |loaded| loaded.is_none()).await;
    let ids = ground.submit(&[ground.job("echo", &[text("again")])]).await;
    assert_eq!(ground.ended(&ids).await[0].status, Status::Succeeded);
    until(&ground, |loaded| loaded.is_some()).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_warms_up_loads_its_models_before_any_job() {
    let mut ground = Ground::new().await;
    ground.config.warm_up = true;
    let worker = ground.start().await;
    until(&ground, |loaded| loaded.is_some()).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_is_not_taken_from_a_run() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let slow = with_params(text("slow"), json!({"delay_ms": 1500}));
    let id = ground.submit(&[ground.job("echo", &[slow])]).await[0];
    ground.until(id, Status::Running).await;
    until(&ground, |loaded| loaded.is_some()).await;
    wish(&ground, Wish::Unload).await;
    let ended = ground.ended(&[id]).await.remove(0);
    assert_eq!((ended.status, ended.attempt), (Status::Succeeded, 1));
    until(&ground, |loaded| loaded.is_none()).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_leaves_when_its_time_without_work_is_over() {
    let ground = Ground::new().await;
    let worker = ground.start().await;
    wish(&ground, Wish::Load(Some(KeepAlive::For(Duration::from_secs(2))))).await;
    until(&ground, |loaded| loaded.is_some()).await;
    until(&ground, |loaded| loaded.is_none()).await;
    worker.stop().await;
    ground.assert_nothing_runs().await;
}

#[tokio::test]
async fn who_waits_for_what_does_not_come_looks_ever_less_often() {
    let ground = Ground::new().await;
    let store = Watched::new(ground.store.clone());
    let patience = Duration::from_secs(4);
    assert!(!settled(&store, "echo", true, patience).await.unwrap());
    let looks = store.calls("workers");
    assert!((2..10).contains(&looks), "{looks} looks in {patience:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_begins_loads_what_is_to_stay_and_nothing_else() {
    let mut ground = Ground::new().await;
    ground.config.registry_poll = Span::new(Duration::from_secs(1));
    for (wished, is_loaded) in [
        (Wish::Load(None), false),
        (Wish::Load(Some(KeepAlive::For(Duration::from_millis(1)))), false),
        (Wish::Load(Some(KeepAlive::Forever)), true),
    ] {
        ground.store.wish("echo", wished).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let worker = ground.start().await;
        if !is_loaded {
            // It has looked at the old wish when it carries out the new one.
            wish(&ground, Wish::Keep(KeepAlive::Forever)).await;
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        until(&ground, |loaded| loaded.is_some() == is_loaded).await;
        worker.stop().await;
    }
}
