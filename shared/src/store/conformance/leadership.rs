//! Named leases.

use super::{Ground, LIFE};

pub async fn one_holder_at_a_time(ground: &Ground) {
    assert!(ground.store.lead("reap", "a", LIFE).await.unwrap());
    assert!(!ground.store.lead("reap", "b", LIFE).await.unwrap());
    assert!(ground.store.lead("purge", "b", LIFE).await.unwrap());
    ground.clock.advance(LIFE / 2);
    assert!(ground.store.lead("reap", "a", LIFE).await.unwrap());
    ground.clock.advance(LIFE / 2);
    assert!(!ground.store.lead("reap", "b", LIFE).await.unwrap());
}

pub async fn a_lapsed_lease_is_taken_over(ground: &Ground) {
    assert!(ground.store.lead("reap", "a", LIFE).await.unwrap());
    ground.clock.advance(LIFE);
    assert!(ground.store.lead("reap", "b", LIFE).await.unwrap());
    assert!(!ground.store.lead("reap", "a", LIFE).await.unwrap());
}

pub async fn a_resigned_lease_is_free(ground: &Ground) {
    assert!(ground.store.lead("reap", "a", LIFE).await.unwrap());
    ground.store.resign("reap", "b").await.unwrap();
    assert!(!ground.store.lead("reap", "b", LIFE).await.unwrap());
    ground.store.resign("reap", "a").await.unwrap();
    assert!(ground.store.lead("reap", "b", LIFE).await.unwrap());
}

pub async fn lapsed_leases_are_forgotten_and_others_held(ground: &Ground) {
    assert!(ground.store.lead("bulk 1", "dead", LIFE).await.unwrap());
    ground.clock.advance(LIFE / 2);
    assert!(ground.store.lead("reap", "a", LIFE).await.unwrap());
    assert_eq!(ground.store.forget_lapsed().await.unwrap(), 0);
    ground.clock.advance(LIFE / 2);
    assert_eq!(ground.store.forget_lapsed().await.unwrap(), 1);
    assert_eq!(ground.store.forget_lapsed().await.unwrap(), 0, "it is gone");
    assert!(!ground.store.lead("reap", "b", LIFE).await.unwrap(), "one in force is held");
    assert!(ground.store.lead("bulk 1", "b", LIFE).await.unwrap());
}
