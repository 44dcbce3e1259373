//! Webhook endpoints, and what messages are signed with.

use std::time::Duration;

use super::Ground;
use crate::clock::Clock;
use crate::config::Secret;
use crate::entropy::OsEntropy;
use crate::id::WebhookId;
use crate::job::EventType;
use crate::store::{Disabled, EndpointChange, NewEndpoint, Secrets, Signing};
use crate::webhook::{SigningKey, new_secret};

const DAY: Duration = Duration::from_hours(24);

/// An endpoint of `owner`'s that is told of `events`.
pub(super) async fn endpoint(ground: &Ground, owner: &str, url: &str, events: &[EventType]) -> NewEndpoint {
    ground.clock.advance(Duration::from_millis(1));
    let endpoint = NewEndpoint {
        id: ground.ids.webhook(),
        owner: owner.to_owned(),
        url: url.to_owned(),
        events: events.to_vec(),
        secret: new_secret(&OsEntropy),
    };
    assert!(ground.store.create_webhook(&endpoint, 50).await.unwrap());
    endpoint
}

pub(in crate::store) async fn alices(ground: &Ground) -> NewEndpoint {
    endpoint(ground, "alice", "https://alice.example/hook", &EventType::ENDS).await
}

fn signing() -> Signing {
    Signing { secrets: Secrets::new(new_secret(&OsEntropy)), key: SigningKey::generate(&OsEntropy).secret() }
}

pub async fn an_endpoint_reads_back_as_it_was_made(ground: &Ground) {
    let made = alices(ground).await;
    let other = alices(ground).await;
    let read = ground.store.webhook("alice", made.id).await.unwrap().expect("it was made");
    assert_eq!((&read.url, &read.events), (&made.url, &made.events));
    assert_eq!(read.secrets.at(ground.clock.now()), [made.secret]);
    assert_eq!((read.disabled, read.failing_since), (None, None));
    let listed: Vec<WebhookId> =
        ground.store.webhooks("alice").await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(listed, [made.id, other.id], "the oldest first");
}

pub async fn owners_do_not_share_endpoints(ground: &Ground) {
    let id = alices(ground).await.id;
    let store = &ground.store;
    let change = EndpointChange { disabled: Some(true), ..EndpointChange::default() };
    let fresh = Secret::new("whsec_");
    assert!(store.webhooks("bob").await.unwrap().is_empty());
    assert!(store.webhook("bob", id).await.unwrap().is_none());
    assert!(store.change_webhook("bob", id, &change).await.unwrap().is_none());
    assert!(store.rotate_webhook("bob", id, &fresh, DAY).await.unwrap().is_none());
    assert!(!store.delete_webhook("bob", id).await.unwrap());
    assert!(store.delete_webhook("alice", id).await.unwrap());
    assert!(store.webhook("alice", id).await.unwrap().is_none());
}

pub async fn an_owner_has_no_more_endpoints_than_allowed(ground: &Ground) {
    let mut endpoint = alices(ground).await;
    endpoint.id = ground.ids.webhook();
    assert!(!ground.store.create_webhook(&endpoint, 1).await.unwrap());
    "bob".clone_into(&mut endpoint.owner);
    assert!(ground.store.create_webhook(&endpoint, 1).await.unwrap());
}

pub async fn a_change_changes_what_it_names(ground: &Ground) {
    let made = alices(ground).await;
    ground.clock.advance(Duration::from_secs(1));
    let change = async |change: EndpointChange| {
        ground.store.change_webhook("alice", made.id, &change).await.unwrap().expect("it is alice's")
    };
    let url = Some("https://other.example/".to_owned());
    let changed = change(EndpointChange { url: url.clone(), ..EndpointChange::default() }).await;
    assert_eq!((Some(&changed.url), &changed.events), (url.as_ref(), &made.events));
    assert_eq!(changed.updated_at, ground.clock.now());
    let events = vec![EventType::JobFailed];
    let changed = change(EndpointChange { events: Some(events.clone()), ..EndpointChange::default() }).await;
    assert_eq!((Some(&changed.url), changed.events), (url.as_ref(), events));
    let off = EndpointChange { disabled: Some(true), ..EndpointChange::default() };
    let disabled = change(off.clone()).await.disabled;
    assert_eq!(disabled, Some((ground.clock.now(), Disabled::Owner)));
    ground.clock.advance(Duration::from_secs(1));
    assert_eq!(change(off).await.disabled, disabled, "since the first time");
    let on = EndpointChange { disabled: Some(false), ..EndpointChange::default() };
    assert_eq!(change(on).await.disabled, None);
}

pub async fn a_former_secret_counts_for_a_while(ground: &Ground) {
    let made = alices(ground).await;
    let fresh = [new_secret(&OsEntropy), new_secret(&OsEntropy)];
    let rotate = async |fresh: &Secret| {
        let rotated = ground.store.rotate_webhook("alice", made.id, fresh, DAY).await.unwrap();
        rotated.expect("it is alice's").secrets
    };
    assert_eq!(rotate(&fresh[0]).await.at(ground.clock.now()), [fresh[0].clone(), made.secret.clone()]);
    assert_eq!(rotate(&fresh[1]).await.at(ground.clock.now()), [fresh[1].clone(), fresh[0].clone()]);
    ground.clock.advance(DAY);
    let read = ground.store.webhook("alice", made.id).await.unwrap().unwrap();
    assert_eq!(read.secrets.at(ground.clock.now()), [fresh[1].clone()]);
}

pub async fn what_an_owner_signs_with_is_made_once(ground: &Ground) {
    let (first, second, fresh) = (signing(), signing(), new_secret(&OsEntropy));
    assert!(ground.store.rotate_signing("alice", &fresh, DAY).await.unwrap().is_none());
    assert_eq!(ground.store.signing("alice", &first).await.unwrap(), first);
    assert_eq!(ground.store.signing("alice", &second).await.unwrap(), first);
    assert_eq!(ground.store.signing("bob", &second).await.unwrap(), second);
    let rotated = ground.store.rotate_signing("alice", &fresh, DAY).await.unwrap().expect("there was one");
    assert_eq!(rotated.key, first.key);
    assert_eq!(rotated.secrets.at(ground.clock.now()), [fresh, first.secrets.present().clone()]);
    assert_eq!(ground.store.signing("alice", &second).await.unwrap(), rotated);
}

pub async fn secrets_do_not_show(ground: &Ground) {
    let made = alices(ground).await;
    let read = ground.store.webhook("alice", made.id).await.unwrap();
    let secret = made.secret.expose().trim_start_matches("whsec_").to_owned();
    assert!(!format!("{made:?} {read:?} {:?}", signing()).contains(&secret));
}
