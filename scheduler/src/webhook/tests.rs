//! Real messages to a real receiver, on a clock that tests turn.

use std::time::Duration;

use bytes::Bytes;
use forebay_shared::clock::Clock;
use forebay_shared::config::Secret;
use forebay_shared::entropy::OsEntropy;
use forebay_shared::id::{JobId, WebhookId};
use forebay_shared::job::{Ending, EventType, Webhook};
use forebay_shared::store::conformance::ended;
use forebay_shared::store::{
    Delivery, DeliveryState, Disabled, NewEndpoint, NewSegment, Room, Secrets, Signing, Try,
};
use forebay_shared::testing::{Received, Receiver};
use forebay_shared::webhook::{Keys, SigningKey, new_secret, sign};
use serde_json::{Value, json};

use crate::tests::Bench;

/// Ten bytes, as the conformance suite's settlements say.
const RESULT: &[u8] = br#"{"i":[42]}"#;

impl Bench {
    async fn endpoint(&self, url: &str) -> (WebhookId, Secret) {
        let endpoint = NewEndpoint {
            id: self.ground.ids.webhook(),
            owner: "alice".to_owned(),
            url: url.to_owned(),
            events: EventType::ENDS.to_vec(),
            secret: new_secret(&OsEntropy),
        };
        assert!(self.ground.store.create_webhook(&endpoint, 50).await.unwrap());
        (endpoint.id, endpoint.secret)
    }

    /// A job of alice's that has succeeded with this result.
    async fn succeeded(&self, result: &'static [u8]) -> JobId {
        let (worker, claimed) = self.ground.claimed().await;
        let segment = NewSegment { key: format!("segments/{worker}/1"), worker, bytes: result.len() as u64 };
        self.blobs.put(&segment.key, Bytes::from_static(result)).await.unwrap();
        let mut settlement = ended(&claimed, Ending::Succeeded);
        settlement.range = Some((0, result.len() as u64));
        assert!(self.ground.settle(worker, settlement, Some(&segment)).await);
        claimed.id
    }

    async fn cancelled(&self, count: usize) -> Vec<JobId> {
        let ids = self.ground.submitted(count).await;
        for id in &ids {
            self.ground.store.cancel("alice", *id).await.unwrap();
        }
        ids
    }

    /// Everything that is due, sent and recorded.
    async fn send(&self) {
        self.chores.fan_out().await;
        while self.chores.sender.launch().await.unwrap() > 0 {
            self.chores.sender.idle().await;
        }
    }

    async fn deliveries(&self, webhook: WebhookId) -> Vec<Delivery> {
        self.ground.store.deliveries("alice", webhook, None, None, 100).await.unwrap()
    }

    async fn tries(&self, webhook: WebhookId) -> Vec<Try> {
        let ids: Vec<_> = self.deliveries(webhook).await.iter().map(|one| one.id).collect();
        let tries = self.ground.store.tries("alice", &ids).await.unwrap();
        tries.into_iter().map(|(_, tried)| tried).collect()
    }
}

/// What the header must be.
fn signature(got: &Received, bench: &Bench, secrets: Vec<Secret>, key: &Secret) -> String {
    let keys = Keys { secrets, signing: SigningKey::read(key).unwrap() };
    let id = got.id().parse().unwrap();
    sign(id, bench.ground.clock.now(), got.body.as_bytes(), &keys).unwrap().signature
}

fn nothing() -> Signing {
    Signing { secrets: Secrets::new(new_secret(&OsEntropy)), key: SigningKey::generate(&OsEntropy).secret() }
}

#[tokio::test]
async fn a_small_result_stands_in_its_message() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(204).await);
    let (webhook, secret) = bench.endpoint(&receiver.url).await;
    let id = bench.succeeded(RESULT).await;
    bench.send().await;
    let got = receiver.next().await;
    let message = got.json();
    assert_eq!((&message["type"], &message["data"]["id"]), (&json!("job.succeeded"), &json!(id)));
    assert_eq!(message["data"]["result"], json!({"i": [42]}));
    let path = format!("https://forebay.example/v1/jobs/{id}/result");
    assert_eq!(message["data"]["result_url"], path);
    assert_eq!(got.headers["content-type"], "application/json");
    let key = bench.ground.store.signing("alice", &nothing()).await.unwrap().key;
    assert_eq!(got.headers["webhook-signature"], signature(&got, &bench, vec![secret], &key));
    let delivery = &bench.deliveries(webhook).await[0];
    assert_eq!((delivery.state, delivery.id.to_string()), (DeliveryState::Succeeded, got.id().to_owned()));
    let tries = bench.tries(webhook).await;
    assert_eq!((tries[0].status, tries[0].answer.as_str(), tries.len()), (Some(204), "", 1));
}

/// A byte more than stands in a message.
static LARGE: [u8; (16 << 10) + 1] = [b'1'; (16 << 10) + 1];

#[tokio::test]
async fn a_large_result_is_told_as_a_link() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(200).await);
    bench.endpoint(&receiver.url).await;
    bench.succeeded(&LARGE).await;
    bench.send().await;
    let data = receiver.next().await.json()["data"].clone();
    assert!(data.get("result").is_none() && data["result_url"].is_string(), "{data}");
}

#[tokio::test]
async fn a_failed_try_is_followed_by_the_same_message() {
    let bench = Bench::new().await;
    let mut receiver =
        Receiver::answering(|n| Some(if n == 0 { "500 X\r\n" } else { "200 X\r\n" }.to_owned())).await;
    let (webhook, _) = bench.endpoint(&receiver.url).await;
    bench.succeeded(RESULT).await;
    bench.send().await;
    let first = receiver.next().await;
    bench.ground.clock.advance(Duration::from_millis(3900));
    bench.send().await;
    assert!(receiver.rest().is_empty(), "it comes after five seconds, give or take a fifth");
    bench.ground.clock.advance(Duration::from_millis(2200));
    bench.send().await;
    let second = receiver.next().await;
    assert_eq!((first.id(), &first.body), (second.id(), &second.body));
    assert_ne!(first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]);
    assert_ne!(first.headers["webhook-signature"], second.headers["webhook-signature"]);
    let statuses: Vec<_> = bench.tries(webhook).await.iter().map(|tried| tried.status).collect();
    assert_eq!(statuses, [Some(500), Some(200)]);
    assert_eq!(bench.tries(webhook).await[0].answer, "heard");
}

#[tokio::test]
async fn a_receiver_may_ask_for_patience() {
    let bench = Bench::new().await;
    let receiver = Receiver::answering(|_| Some("503 X\r\nretry-after: 7\r\n".to_owned())).await;
    let (webhook, _) = bench.endpoint(&receiver.url).await;
    bench.cancelled(1).await;
    bench.send().await;
    let at = bench.ground.clock.now().plus(Duration::from_secs(7));
    assert_eq!(bench.deliveries(webhook).await[0].next_at, Some(at));
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(410).await);
    let (webhook, _) = bench.endpoint(&receiver.url).await;
    bench.cancelled(1).await;
    bench.send().await;
    receiver.next().await;
    bench.cancelled(1).await;
    bench.send().await;
    assert!(receiver.rest().is_empty());
    let endpoint = bench.ground.store.webhook("alice", webhook).await.unwrap().unwrap();
    assert_eq!(endpoint.disabled.map(|(_, reason)| reason), Some(Disabled::Gone));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let (bench, mut elsewhere) = (Bench::new().await, Receiver::always(200).await);
    let location = format!("302 X\r\nlocation: {}\r\n", elsewhere.url);
    let receiver = Receiver::answering(move |_| Some(location.clone())).await;
    let (webhook, _) = bench.endpoint(&receiver.url).await;
    bench.cancelled(1).await;
    bench.send().await;
    assert_eq!(bench.deliveries(webhook).await[0].state, DeliveryState::Pending);
    assert_eq!(bench.tries(webhook).await[0].status, Some(302));
    assert!(elsewhere.rest().is_empty());
}

#[tokio::test]
async fn a_closed_address_is_not_asked() {
    let bench = Bench::new().await;
    // As if it had been stored while the operator still permitted it.
    let (webhook, _) = bench.endpoint("http://127.0.0.2:9/hook?token=secret").await;
    bench.cancelled(1).await;
    bench.send().await;
    let tried = &bench.tries(webhook).await[0];
    assert_eq!(tried.status, None);
    assert_eq!(tried.error.as_deref(), Some("the address of `127.0.0.2` may not be fetched"));
}

#[tokio::test]
async fn a_dead_receiver_delays_nobody() {
    let (bench, mut dead, mut healthy) =
        (Bench::new().await, Receiver::answering(|_| None).await, Receiver::always(200).await);
    bench.endpoint(&dead.url).await;
    bench.cancelled(20).await;
    bench.chores.fan_out().await;
    bench.chores.sender.launch().await.unwrap();
    for _ in 0..4 {
        dead.next().await;
    }
    bench.endpoint(&healthy.url).await;
    bench.cancelled(3).await;
    bench.chores.fan_out().await;
    assert_eq!(bench.chores.sender.launch().await.unwrap(), 3, "the dead one has all its places");
    for _ in 0..3 {
        healthy.next().await;
    }
    assert!(dead.rest().is_empty());
    let room = Room { here: 64, per_owner: 16, per_receiver: 4 };
    let more = bench.ground.store.claim_deliveries(room, Duration::from_secs(1)).await.unwrap();
    assert_eq!(more.len(), 0, "its four are under way all the while");
    bench.chores.sender.idle().await;
}

#[tokio::test]
async fn what_a_dead_sender_held_is_sent_by_another_when_the_lease_is_over() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(200).await);
    bench.endpoint(&receiver.url).await;
    bench.cancelled(1).await;
    bench.chores.fan_out().await;
    let room = Room { here: 1, per_owner: 1, per_receiver: 1 };
    let lease = Duration::from_mins(1);
    let held = bench.ground.store.claim_deliveries(room, lease).await.unwrap().remove(0);
    bench.send().await;
    assert!(receiver.rest().is_empty());
    bench.ground.clock.advance(lease);
    let second = bench.replica("two");
    second.sender.launch().await.unwrap();
    assert_eq!(receiver.next().await.id(), held.id.to_string(), "any replica sends, leader or not");
    second.sender.idle().await;
}

#[tokio::test]
async fn a_jobs_own_webhook_is_signed_with_the_owners_secret() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(200).await);
    let mut job = bench.ground.job();
    job.webhook = Some(Webhook { url: receiver.url.clone(), events: vec!["job.cancelled".to_owned()] });
    bench.ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
    bench.ground.store.cancel("alice", job.id).await.unwrap();
    bench.send().await;
    let got = receiver.next().await;
    let signing = bench.ground.store.signing("alice", &nothing()).await.unwrap();
    let secrets = vec![signing.secrets.present().clone()];
    assert_eq!(got.headers["webhook-signature"], signature(&got, &bench, secrets, &signing.key));
    assert!(receiver.rest().is_empty(), "the job was queued too, and it did not ask for that");
}

#[tokio::test]
async fn two_secrets_sign_while_one_takes_the_others_place() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(200).await);
    let (webhook, former) = bench.endpoint(&receiver.url).await;
    let (fresh, day) = (new_secret(&OsEntropy), Duration::from_hours(24));
    bench.ground.store.rotate_webhook("alice", webhook, &fresh, day).await.unwrap();
    bench.cancelled(1).await;
    bench.send().await;
    let got = receiver.next().await;
    let key = bench.ground.store.signing("alice", &nothing()).await.unwrap().key;
    let both = signature(&got, &bench, vec![fresh, former], &key);
    assert_eq!(got.headers["webhook-signature"], both);
    assert_eq!(both.split(' ').count(), 3);
}

#[tokio::test]
async fn a_job_that_is_gone_is_told_without_what_went_with_it() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(200).await);
    bench.endpoint(&receiver.url).await;
    let id = bench.succeeded(RESULT).await;
    bench.chores.fan_out().await;
    bench.ground.store.delete("alice", id).await.unwrap();
    bench.send().await;
    let data = receiver.next().await.json()["data"].clone();
    assert_eq!((&data["id"], &data["status"]), (&json!(id), &json!("succeeded")));
    assert_eq!((data.get("result"), &data["result_url"]), (None, &Value::Null));
}

#[tokio::test]
async fn old_deliveries_go_with_the_rest() {
    let (bench, receiver) = (Bench::new().await, Receiver::always(200).await);
    let (webhook, _) = bench.endpoint(&receiver.url).await;
    bench.cancelled(1).await;
    bench.send().await;
    bench.ground.clock.advance(Duration::from_hours(336) + Duration::from_secs(1));
    bench.chores.clone().retain().await;
    assert!(bench.deliveries(webhook).await.is_empty());
}

#[tokio::test]
async fn only_the_leader_makes_messages() {
    let (bench, mut receiver) = (Bench::new().await, Receiver::always(200).await);
    bench.endpoint(&receiver.url).await;
    bench.cancelled(1).await;
    bench.chores.clone().tell_webhooks().await;
    let second = bench.replica("two");
    bench.cancelled(1).await;
    second.tell_webhooks().await;
    bench.chores.sender.launch().await.unwrap();
    bench.chores.sender.idle().await;
    receiver.next().await;
    assert!(receiver.rest().is_empty());
}
