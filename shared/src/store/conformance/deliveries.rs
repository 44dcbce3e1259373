//! Messages on their way to receivers.

use std::time::Duration;

use super::webhooks::{alices, endpoint};
use super::{Ground, ended};
use crate::clock::{Clock, Timestamp};
use crate::id::{BulkId, DeliveryId, JobId, WebhookId};
use crate::job::EventType;
use crate::job::{Ending, Webhook};
use crate::store::{
    After, DeleteOutcome, Delivery, DeliveryState, Disabled, EndpointChange, Fanned, Outgoing, Replay, Room,
    Try,
};

const LEASE: Duration = Duration::from_mins(1);
const ROOM: Room = Room { here: 64, per_owner: 16, per_receiver: 4 };
const URL: &str = "https://alice.example/hook";
/// Nothing is so old that an endpoint would be disabled.
const PATIENT: Timestamp = Timestamp::from_micros(0);

/// A job of alice's that has succeeded.
async fn succeeded(ground: &Ground) -> JobId {
    let (worker, claimed) = ground.claimed().await;
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, ended(&claimed, Ending::Succeeded), Some(&segment)).await);
    claimed.id
}

/// So many that were accepted and cancelled, which is quicker.
async fn cancelled(ground: &Ground, count: usize) -> Vec<JobId> {
    let ids = ground.submitted(count).await;
    for id in &ids {
        ground.store.cancel("alice", *id).await.unwrap();
    }
    ids
}

/// Fans so many events out. On Postgres an event is not read while an older transaction is open anywhere on the server,
/// and other tests have some.
pub(super) async fn fan_out(ground: &Ground, events: u64) -> Fanned {
    ground.clock.advance(Duration::from_millis(1));
    let mut sum = ground.store.fan_out(1000, &ground.ids).await.unwrap();
    for _ in 0..2000 {
        if sum.events >= events {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let more = ground.store.fan_out(1000, &ground.ids).await.unwrap();
        sum = Fanned { events: sum.events + more.events, deliveries: sum.deliveries + more.deliveries };
    }
    assert_eq!(sum.events, events);
    sum
}

pub(super) async fn claim(ground: &Ground) -> Vec<Outgoing> {
    ground.store.claim_deliveries(ROOM, LEASE).await.unwrap()
}

/// One delivery to alice's endpoint, granted.
async fn granted(ground: &Ground) -> (WebhookId, Outgoing) {
    let id = alices(ground).await.id;
    cancelled(ground, 1).await;
    fan_out(ground, 2).await;
    let mut claimed = claim(ground).await;
    assert_eq!(claimed.len(), 1);
    (id, claimed.remove(0))
}

async fn record(ground: &Ground, outgoing: &Outgoing, status: u16, after: After) -> Option<DeliveryState> {
    record_since(ground, outgoing, status, after, PATIENT).await
}

async fn record_since(
    ground: &Ground,
    outgoing: &Outgoing,
    status: u16,
    after: After,
    patience: Timestamp,
) -> Option<DeliveryState> {
    let tried = Try {
        number: outgoing.tries + 1,
        at: ground.clock.now(),
        took_ms: 12.5,
        status: Some(status),
        answer: "ok".to_owned(),
        error: None,
    };
    ground.store.record_try(outgoing, &tried, after, patience).await.unwrap()
}

async fn listed(ground: &Ground, webhook: WebhookId) -> Vec<Delivery> {
    ground.store.deliveries("alice", webhook, None, None, 100).await.unwrap()
}

fn soon(ground: &Ground) -> After {
    After::Retry(ground.clock.now().plus(Duration::from_secs(5)))
}

pub async fn an_event_is_told_to_those_who_asked(ground: &Ground) {
    let (ends, all) = (
        endpoint(ground, "alice", URL, &EventType::ENDS).await,
        endpoint(ground, "alice", "https://all.example/", &[EventType::JobQueued, EventType::JobRunning])
            .await,
    );
    endpoint(ground, "bob", "https://bob.example/", &EventType::ENDS).await;
    let off = endpoint(ground, "alice", "https://off.example/", &EventType::ENDS).await;
    let change = EndpointChange { disabled: Some(true), ..EndpointChange::default() };
    ground.store.change_webhook("alice", off.id, &change).await.unwrap();
    let id = succeeded(ground).await;
    assert_eq!(fan_out(ground, 3).await.deliveries, 3);
    let mut told: Vec<_> = claim(ground)
        .await
        .into_iter()
        .map(|outgoing| (outgoing.webhook, outgoing.event.kind, outgoing.event.job, outgoing.url))
        .collect();
    told.sort_by_key(|(_, kind, ..)| *kind);
    let url = |url: &str| url.to_owned();
    assert_eq!(
        told,
        [
            (Some(all.id), EventType::JobQueued, Some(id), url("https://all.example/")),
            (Some(all.id), EventType::JobRunning, Some(id), url("https://all.example/")),
            (Some(ends.id), EventType::JobSucceeded, Some(id), url(URL)),
        ]
    );
}

pub async fn a_jobs_own_webhook_is_told(ground: &Ground) {
    let mut jobs = vec![ground.job(), ground.job(), ground.job()];
    jobs[0].webhook = Some(Webhook { url: URL.to_owned(), events: Vec::new() });
    let events = vec!["job.queued".to_owned()];
    jobs[1].webhook = Some(Webhook { url: URL.to_owned(), events });
    ground.store.submit(&jobs).await.unwrap();
    for job in &jobs {
        ground.store.cancel("alice", job.id).await.unwrap();
    }
    assert_eq!(fan_out(ground, 6).await.deliveries, 2);
    let mut told: Vec<_> =
        claim(ground).await.into_iter().map(|told| (told.event.job, told.event.kind, told.webhook)).collect();
    told.sort();
    let expected =
        [(Some(jobs[0].id), EventType::JobCancelled, None), (Some(jobs[1].id), EventType::JobQueued, None)];
    assert_eq!(told, expected, "every end unless it says otherwise, and the third job has nobody");
}

pub async fn slices_tell_nobody(ground: &Ground) {
    alices(ground).await;
    let mut job = ground.job();
    job.bulk = Some(BulkId(ground.ids.uuid()));
    job.webhook = Some(Webhook { url: URL.to_owned(), events: Vec::new() });
    ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
    ground.store.cancel("alice", job.id).await.unwrap();
    assert_eq!(fan_out(ground, 0).await.deliveries, 0);
}

pub async fn nothing_is_told_twice_and_nothing_is_passed_over(ground: &Ground) {
    let id = alices(ground).await.id;
    cancelled(ground, 5).await;
    let mut events = 0;
    while events < 10 {
        let fanned = ground.store.fan_out(3, &ground.ids).await.unwrap();
        assert!(fanned.events <= 3);
        events += fanned.events;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(fan_out(ground, 0).await, Fanned::default());
    assert_eq!(listed(ground, id).await.len(), 5);
}

pub async fn what_happened_before_an_endpoint_was_made_is_not_told(ground: &Ground) {
    cancelled(ground, 1).await;
    ground.clock.advance(Duration::from_secs(1));
    alices(ground).await;
    assert_eq!(fan_out(ground, 2).await.deliveries, 0);
}

pub async fn a_granted_delivery_is_granted_again_when_its_lease_is_over(ground: &Ground) {
    let (_, first) = granted(ground).await;
    assert!(claim(ground).await.is_empty());
    ground.clock.advance(LEASE);
    let again = claim(ground).await;
    assert_eq!(again, std::slice::from_ref(&first));
    assert_eq!(record(ground, &again[0], 200, After::Delivered).await, Some(DeliveryState::Succeeded));
    assert_eq!(record(ground, &first, 200, After::Delivered).await, None, "it has gone on without this one");
}

pub async fn a_receiver_has_no_more_than_its_places(ground: &Ground) {
    alices(ground).await;
    cancelled(ground, 6).await;
    fan_out(ground, 12).await;
    let first = claim(ground).await;
    assert_eq!(first.len(), 4);
    assert!(claim(ground).await.is_empty(), "those are under way");
    endpoint(ground, "alice", "https://healthy.example/", &EventType::ENDS).await;
    cancelled(ground, 1).await;
    fan_out(ground, 2).await;
    let other = claim(ground).await;
    assert_eq!(other.iter().map(|told| told.url.as_str()).collect::<Vec<_>>(), ["https://healthy.example/"]);
    record(ground, &first[0], 200, After::Delivered).await;
    assert_eq!(claim(ground).await.len(), 1);
}

pub async fn a_message_says_what_it_said_first(ground: &Ground) {
    let (_, outgoing) = granted(ground).await;
    let (store, id, job) = (&ground.store, outgoing.id, outgoing.event.job);
    assert_eq!(store.keep_body(id, "first", job).await.unwrap().as_deref(), Some("first"));
    assert_eq!(store.keep_body(id, "second", job).await.unwrap().as_deref(), Some("first"));
    record(ground, &outgoing, 500, soon(ground)).await;
    ground.clock.advance(Duration::from_secs(5));
    let again = claim(ground).await;
    assert_eq!((again[0].body.as_deref(), again[0].id, again[0].tries), (Some("first"), id, 1));
}

pub async fn a_deleted_job_takes_what_was_said_of_it_along(ground: &Ground) {
    let (_, outgoing) = granted(ground).await;
    let (store, job) = (&ground.store, outgoing.event.job.unwrap());
    store.keep_body(outgoing.id, "a result", Some(job)).await.unwrap();
    record(ground, &outgoing, 500, soon(ground)).await;
    assert_eq!(store.delete("alice", job).await.unwrap(), DeleteOutcome::Deleted);
    ground.clock.advance(Duration::from_secs(5));
    assert_eq!(claim(ground).await[0].body, None);
    assert_eq!(store.keep_body(outgoing.id, "a result", Some(job)).await.unwrap(), None);
    assert_eq!(store.keep_body(outgoing.id, "thin", None).await.unwrap().as_deref(), Some("thin"));
}

pub async fn tries_are_kept_in_order(ground: &Ground) {
    let (webhook, outgoing) = granted(ground).await;
    assert_eq!(record(ground, &outgoing, 500, soon(ground)).await, Some(DeliveryState::Pending));
    let waiting = &listed(ground, webhook).await[0];
    assert_eq!((waiting.tries, waiting.next_at), (1, Some(ground.clock.now().plus(Duration::from_secs(5)))));
    assert!(claim(ground).await.is_empty(), "it is not due");
    ground.clock.advance(Duration::from_secs(5));
    let again = claim(ground).await.remove(0);
    assert_eq!(listed(ground, webhook).await[0].next_at, None, "it is under way");
    record(ground, &again, 200, After::Delivered).await;
    let done = &listed(ground, webhook).await[0];
    assert_eq!((done.state, done.ended_at), (DeliveryState::Succeeded, Some(ground.clock.now())));
    let tries = ground.store.tries("alice", &[outgoing.id]).await.unwrap();
    let told: Vec<_> = tries.iter().map(|(id, tried)| (*id, tried.number, tried.status)).collect();
    assert_eq!(told, [(outgoing.id, 1, Some(500)), (outgoing.id, 2, Some(200))]);
    assert!(ground.store.tries("bob", &[outgoing.id]).await.unwrap().is_empty());
    assert!(ground.store.deliveries("bob", webhook, None, None, 100).await.unwrap().is_empty());
}

pub async fn an_untried_delivery_is_given_back(ground: &Ground) {
    let (_, outgoing) = granted(ground).await;
    let later = ground.clock.now().plus(Duration::from_secs(5));
    ground.store.defer_delivery(outgoing.id, outgoing.tries, later).await.unwrap();
    assert!(claim(ground).await.is_empty());
    ground.clock.advance(Duration::from_secs(5));
    assert_eq!(claim(ground).await[0].tries, 0);
}

pub async fn an_endpoint_that_is_gone_is_disabled_and_told_no_more(ground: &Ground) {
    let (webhook, outgoing) = granted(ground).await;
    cancelled(ground, 1).await;
    fan_out(ground, 2).await;
    assert_eq!(record(ground, &outgoing, 410, After::Gone).await, Some(DeliveryState::Failed));
    let read = ground.store.webhook("alice", webhook).await.unwrap().unwrap();
    assert_eq!(read.disabled, Some((ground.clock.now(), Disabled::Gone)));
    let states: Vec<_> = listed(ground, webhook).await.iter().map(|one| one.state).collect();
    assert_eq!(states, [DeliveryState::Skipped, DeliveryState::Failed]);
    assert!(claim(ground).await.is_empty());
    cancelled(ground, 1).await;
    assert_eq!(fan_out(ground, 2).await.deliveries, 0);
}

pub async fn an_endpoint_that_fails_for_days_is_disabled(ground: &Ground) {
    let (webhook, outgoing) = granted(ground).await;
    let five_days = Duration::from_hours(120);
    let patience = |ground: &Ground| ground.clock.now().minus(five_days);
    let began = ground.clock.now();
    record_since(ground, &outgoing, 500, soon(ground), patience(ground)).await;
    let read = ground.store.webhook("alice", webhook).await.unwrap().unwrap();
    assert_eq!((read.failing_since, read.disabled), (Some(began), None));
    ground.clock.advance(five_days);
    let again = claim(ground).await.remove(0);
    let state = record_since(ground, &again, 500, soon(ground), patience(ground)).await;
    assert_eq!(state, Some(DeliveryState::Skipped));
    let read = ground.store.webhook("alice", webhook).await.unwrap().unwrap();
    assert_eq!(read.disabled, Some((ground.clock.now(), Disabled::Failing)));
}

pub async fn one_success_ends_a_time_of_failure(ground: &Ground) {
    let (webhook, outgoing) = granted(ground).await;
    record(ground, &outgoing, 500, soon(ground)).await;
    ground.clock.advance(Duration::from_secs(5));
    let again = claim(ground).await.remove(0);
    record(ground, &again, 200, After::Delivered).await;
    let read = ground.store.webhook("alice", webhook).await.unwrap().unwrap();
    assert_eq!(read.failing_since, None);
}

pub async fn one_delivery_is_played_again(ground: &Ground) {
    let (webhook, outgoing) = granted(ground).await;
    record(ground, &outgoing, 200, After::Delivered).await;
    let again = Replay::One(outgoing.id);
    assert_eq!(ground.store.replay("bob", webhook, again, 10).await.unwrap(), 0);
    assert_eq!(ground.store.replay("alice", webhook, again, 10).await.unwrap(), 1);
    let replayed = claim(ground).await.remove(0);
    assert_eq!((replayed.id, replayed.tries, replayed.step), (outgoing.id, 1, 0));
    assert_eq!(ground.store.replay("alice", webhook, again, 10).await.unwrap(), 0, "it is under way");
    assert_eq!(record(ground, &replayed, 200, After::Delivered).await, Some(DeliveryState::Succeeded));
    assert_eq!(ground.store.tries("alice", &[outgoing.id]).await.unwrap().len(), 2);
}

pub async fn a_range_is_played_again(ground: &Ground) {
    let webhook = alices(ground).await.id;
    let mut made = Vec::new();
    for n in 0..4 {
        cancelled(ground, 1).await;
        fan_out(ground, 2).await;
        made.push(ground.clock.now());
        let outgoing = claim(ground).await.remove(0);
        let after = if n == 2 { After::Delivered } else { After::GiveUp };
        record(ground, &outgoing, 500, after).await;
        ground.clock.advance(Duration::from_secs(1));
    }
    let replay = async |since: Timestamp, until: Timestamp, state| {
        ground.store.replay("alice", webhook, Replay::Range(since, until, state), 10).await.unwrap()
    };
    let now = ground.clock.now();
    assert_eq!(replay(made[1], now, None).await, 2, "of three, one got through");
    assert_eq!(replay(made[1], now, None).await, 0);
    assert_eq!(replay(made[0], made[1], None).await, 1);
    assert_eq!(replay(made[0], now, Some(DeliveryState::Succeeded)).await, 1);
    assert_eq!(claim(ground).await.len(), 4);
}

pub async fn deliveries_are_listed_in_pages_and_by_state(ground: &Ground) {
    let webhook = alices(ground).await.id;
    for _ in 0..3 {
        cancelled(ground, 1).await;
        fan_out(ground, 2).await;
    }
    let first = claim(ground).await.into_iter().min_by_key(|outgoing| outgoing.id).unwrap();
    record(ground, &first, 200, After::Delivered).await;
    let page = async |state, after: Option<DeliveryId>| {
        ground.store.deliveries("alice", webhook, state, after, 2).await.unwrap()
    };
    let newest = page(None, None).await;
    assert_eq!(newest.len(), 2);
    let rest = page(None, Some(newest[1].id)).await;
    assert_eq!(rest.iter().map(|one| one.id).collect::<Vec<_>>(), [first.id]);
    assert_eq!(page(Some(DeliveryState::Succeeded), None).await, rest);
}

pub async fn old_deliveries_are_forgotten(ground: &Ground) {
    let (webhook, outgoing) = granted(ground).await;
    record(ground, &outgoing, 200, After::Delivered).await;
    cancelled(ground, 1).await;
    fan_out(ground, 2).await;
    assert_eq!(ground.store.purge_deliveries(ground.clock.now().minus(LEASE), 10).await.unwrap(), 0);
    ground.clock.advance(LEASE);
    assert_eq!(ground.store.purge_deliveries(ground.clock.now(), 10).await.unwrap(), 1);
    let left = listed(ground, webhook).await;
    assert_eq!(left.iter().map(|one| one.state).collect::<Vec<_>>(), [DeliveryState::Pending]);
    assert!(ground.store.tries("alice", &[outgoing.id]).await.unwrap().is_empty());
}
