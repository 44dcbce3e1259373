//! API keys.

use std::time::Duration;

use super::Ground;
use crate::clock::Clock;
use crate::id::KeyId;
use crate::job::Cost;
use crate::store::{KeyLimits, NewKey, Scope, StoreError};

fn key(ground: &Ground, secret: u8) -> NewKey {
    NewKey {
        id: ground.ids.key(),
        hash: [secret; 32],
        owner: "alice".into(),
        name: "laptop".into(),
        scopes: vec![Scope::Read, Scope::Write],
        expires_at: None,
        limits: KeyLimits::default(),
    }
}

/// A stored key with these limits.
pub async fn limited(ground: &Ground, max_running: Option<u32>, max_queued: Option<Cost>) -> KeyId {
    let limits = KeyLimits { max_running, max_queued, ..KeyLimits::default() };
    let key = NewKey { limits, ..key(ground, 7) };
    ground.store.create_key(&key).await.unwrap();
    key.id
}

pub async fn a_keys_limits_are_kept(ground: &Ground) {
    let limits = KeyLimits {
        max_running: Some(3),
        max_queued: Some(Cost::new(1_000)),
        requests: Some("30/min burst 60".parse().unwrap()),
        cost: Some("1000000/h".parse().unwrap()),
    };
    ground.store.create_key(&NewKey { limits, ..key(ground, 7) }).await.unwrap();
    let found = ground.store.key_by_hash(&[7; 32]).await.unwrap().expect("it was stored");
    assert_eq!(found.limits, limits);
}

pub async fn a_key_is_found_by_its_hash(ground: &Ground) {
    let key = key(ground, 1);
    ground.store.create_key(&key).await.unwrap();
    let found = ground.store.key_by_hash(&[1; 32]).await.unwrap().expect("it was stored");
    assert_eq!((found.id, found.owner.as_str(), found.name.as_str()), (key.id, "alice", "laptop"));
    assert_eq!(found.scopes, key.scopes);
    assert!(found.is_valid(ground.clock.now()));
    assert!(ground.store.key_by_hash(&[2; 32]).await.unwrap().is_none());
    assert_eq!(ground.store.keys().await.unwrap(), [found]);
}

pub async fn a_revoked_key_stays_and_is_invalid(ground: &Ground) {
    let key = key(ground, 1);
    ground.store.create_key(&key).await.unwrap();
    assert!(ground.store.revoke_key(key.id).await.unwrap());
    assert!(!ground.store.revoke_key(ground.ids.key()).await.unwrap());
    let found = ground.store.key_by_hash(&[1; 32]).await.unwrap().expect("it stays");
    assert!(!found.is_valid(ground.clock.now()));
}

pub async fn an_expired_key_is_invalid(ground: &Ground) {
    let mut key = key(ground, 1);
    key.expires_at = Some(ground.clock.now().plus(Duration::from_mins(1)));
    ground.store.create_key(&key).await.unwrap();
    let found = ground.store.key_by_hash(&[1; 32]).await.unwrap().expect("it was stored");
    assert!(found.is_valid(ground.clock.now()));
    ground.clock.advance(Duration::from_mins(1));
    assert!(!found.is_valid(ground.clock.now()));
}

pub async fn a_hash_is_stored_once(ground: &Ground) {
    ground.store.create_key(&key(ground, 1)).await.unwrap();
    let refused = ground.store.create_key(&key(ground, 1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
}
