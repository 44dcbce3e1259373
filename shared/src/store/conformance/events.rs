//! The log of events: complete, in order, by owner.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use super::{Ground, away, ended};
use crate::job::{Ending, EventType, NewJob};
use crate::store::{Cursor, EventFilter, Followed, Logged, Standing};
use crate::testing::sample_job;

/// The first `count` of `owner`'s events that are kept. On Postgres they are shown once no older transaction is open, be it
/// of another database of the same server; so there is something to wait for.
pub async fn heard(ground: &Ground, owner: &str, count: usize) -> Vec<Logged> {
    let waiting = async {
        loop {
            let page =
                ground.store.events(owner, &EventFilter::default(), Cursor::START, 10_000).await.unwrap();
            assert_eq!((page.more, page.standing), (false, Standing::Kept));
            if page.events.len() >= count {
                return page.events;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the events are shown")
}

fn told(events: &[Logged]) -> Vec<(EventType, i64)> {
    events.iter().map(|event| (event.kind, event.version)).collect()
}

fn bobs(ground: &Ground) -> NewJob {
    ground.clock.advance(Duration::from_millis(1));
    sample_job(&ground.ids, "bob")
}

pub async fn every_move_is_told_once_and_in_order(ground: &Ground) {
    let (worker, claimed) = ground.claimed().await;
    let retry = Ending::Retry(away(), Duration::ZERO);
    assert!(ground.settle(worker, ended(&claimed, retry), None).await);
    let route = crate::store::Route { model: "echo".into(), class: claimed.class };
    ground.store.due(&route, crate::job::Cost::new(10), 10).await.unwrap();
    let again = ground.store.claim(worker, &[claimed.id]).await.unwrap().remove(0);
    let segment = ground.segment(worker, 10);
    assert!(ground.settle(worker, ended(&again, Ending::Succeeded), Some(&segment)).await);

    let events = heard(ground, "alice", 5).await;
    let moves = [
        (EventType::JobQueued, 1),
        (EventType::JobRunning, 2),
        (EventType::JobQueued, 3),
        (EventType::JobRunning, 4),
        (EventType::JobSucceeded, 5),
    ];
    assert_eq!(told(&events), moves);
    assert_eq!(events.iter().map(|event| event.attempt).collect::<Vec<_>>(), [0, 1, 1, 2, 2]);
    assert_eq!(events[2].error, Some(away().code));
    assert_eq!((events[4].succeeded, events[4].failed, events[4].error), (1, 0, None));
    assert!(
        events.iter().all(|event| event.job == Some(claimed.id) && event.model.as_deref() == Some("echo"))
    );
    assert!(events.is_sorted_by_key(|event| event.at));
    assert_eq!(events[4].version, ground.read(claimed.id).await.version);
}

pub async fn an_owner_hears_only_its_own(ground: &Ground) {
    let job = bobs(ground);
    ground.store.submit(std::slice::from_ref(&job)).await.unwrap();
    let id = ground.submitted(1).await[0];
    let jobs = |events: Vec<Logged>| events.into_iter().map(|event| event.job).collect::<Vec<_>>();
    assert_eq!(jobs(heard(ground, "alice", 1).await), [Some(id)]);
    assert_eq!(jobs(heard(ground, "bob", 1).await), [Some(job.id)]);
    let hers = EventFilter { jobs: vec![id], ..EventFilter::default() };
    let page = ground.store.events("bob", &hers, Cursor::START, 10).await.unwrap();
    assert_eq!(page.events, []);
}

pub async fn a_page_goes_on_where_the_last_ended(ground: &Ground) {
    let ids = ground.submitted(5).await;
    heard(ground, "alice", 5).await;
    let (mut after, mut seen, mut pages) = (Cursor::START, Vec::new(), 0);
    loop {
        let page = ground.store.events("alice", &EventFilter::default(), after, 2).await.unwrap();
        seen.extend(page.events.iter().filter_map(|event| event.job));
        (after, pages) = (page.next, pages + 1);
        if !page.more {
            break;
        }
    }
    assert_eq!((seen, pages), (ids, 3));
    let later = ground.submitted(1).await;
    heard(ground, "alice", 6).await;
    let page = ground.store.events("alice", &EventFilter::default(), after, 2).await.unwrap();
    assert_eq!(page.events.iter().filter_map(|event| event.job).collect::<Vec<_>>(), later);
}

pub async fn a_filter_holds_for_every_field(ground: &Ground) {
    let mut special = ground.job();
    special.model = "other".into();
    special.metadata = [("a", json!("1")), ("b", json!("2"))]
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect();
    let plain = ground.job();
    ground.store.submit(&[special.clone(), plain.clone()]).await.unwrap();
    ground.store.cancel("alice", special.id).await.unwrap();
    let all = heard(ground, "alice", 3).await;
    let pair = |key: &str, value: &str| [(key.to_owned(), json!(value))].into_iter().collect();
    let table = [
        (EventFilter { kinds: vec![EventType::JobCancelled], ..EventFilter::default() }, 1),
        (
            EventFilter {
                kinds: vec![EventType::JobCancelled, EventType::JobQueued],
                ..EventFilter::default()
            },
            3,
        ),
        (EventFilter { model: Some("other".into()), ..EventFilter::default() }, 2),
        (EventFilter { jobs: vec![plain.id], ..EventFilter::default() }, 1),
        (EventFilter { jobs: vec![plain.id, special.id], ..EventFilter::default() }, 3),
        (EventFilter { metadata: pair("b", "2"), ..EventFilter::default() }, 2),
        (EventFilter { metadata: pair("b", "1"), ..EventFilter::default() }, 0),
        (
            EventFilter {
                kinds: vec![EventType::JobQueued],
                metadata: pair("a", "1"),
                ..EventFilter::default()
            },
            1,
        ),
    ];
    for (filter, count) in table {
        let page = ground.store.events("alice", &filter, Cursor::START, 10).await.unwrap();
        assert_eq!(page.events.len(), count, "{filter:?}");
        let admitted: Vec<_> = all.iter().filter(|event| filter.admits(event)).cloned().collect();
        assert_eq!(admitted, page.events, "who has all events chooses the same: {filter:?}");
    }
}

pub async fn a_tail_tells_of_owners_and_of_jobs(ground: &Ground) {
    let (hers, his) = (ground.job(), [bobs(ground), bobs(ground)]);
    ground.store.submit(&[hers.clone(), his[0].clone(), his[1].clone()]).await.unwrap();
    heard(ground, "bob", 2).await;
    let tail = async |owners: &[&str], jobs: &[crate::id::JobId]| {
        let owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
        let followed = Followed { owners, jobs: jobs.to_vec() };
        let page = ground.store.tail(&followed, Some(Cursor::START), 10).await.unwrap();
        let mut jobs: Vec<_> = page.events.into_iter().filter_map(|event| event.job).collect();
        jobs.sort();
        jobs
    };
    assert_eq!(tail(&["alice"], &[]).await, [hers.id]);
    assert_eq!(tail(&["bob"], &[]).await, [his[0].id, his[1].id]);
    assert_eq!(tail(&["alice"], &[his[1].id]).await, [hers.id, his[1].id]);
    assert_eq!(tail(&[], &[his[0].id]).await, [his[0].id]);
    assert_eq!(tail(&[], &[]).await, []);
}

pub async fn a_tail_begins_where_the_log_ends(ground: &Ground) {
    ground.submitted(2).await;
    heard(ground, "alice", 2).await;
    let followed = Followed { owners: vec!["alice".into()], jobs: Vec::new() };
    let begun = ground.store.tail(&followed, None, 10).await.unwrap();
    assert_eq!((begun.events, begun.more), (Vec::new(), false));
    let id = ground.submitted(1).await[0];
    heard(ground, "alice", 3).await;
    let page = ground.store.tail(&followed, Some(begun.next), 10).await.unwrap();
    assert_eq!(page.events.iter().map(|event| event.job).collect::<Vec<_>>(), [Some(id)]);
    let page = ground.store.tail(&followed, Some(page.next), 10).await.unwrap();
    assert_eq!(page.events, []);
}

pub async fn one_jobs_events_are_told_after_a_version(ground: &Ground) {
    let (_, claimed) = ground.claimed().await;
    ground.submitted(1).await;
    let after = async |version| told(&ground.store.job_events("alice", claimed.id, version).await.unwrap());
    assert_eq!(after(0).await, [(EventType::JobQueued, 1), (EventType::JobRunning, 2)]);
    assert_eq!(after(1).await, [(EventType::JobRunning, 2)]);
    assert_eq!(after(2).await, []);
    assert_eq!(ground.store.job_events("bob", claimed.id, 0).await.unwrap(), []);
}

pub async fn a_cursor_of_another_log_is_known(ground: &Ground) {
    ground.submitted(1).await;
    let far = Cursor { xid: i64::MAX, seq: 1 };
    let page = ground.store.events("alice", &EventFilter::default(), far, 10).await.unwrap();
    assert_eq!((page.events, page.standing), (Vec::new(), Standing::Ahead));
}

pub async fn a_reader_beside_writers_misses_nothing(ground: &Ground) {
    const WRITERS: usize = 8;
    const EACH: usize = 40;
    let worker = ground.worker().await;
    let jobs: Vec<Vec<_>> = (0..WRITERS).map(|_| (0..EACH).map(|_| ground.job()).collect()).collect();
    let writing = jobs.iter().map(|jobs| {
        let store = ground.store.clone();
        async move {
            for job in jobs {
                store.submit(std::slice::from_ref(job)).await.unwrap();
                store.claim(worker, &[job.id]).await.unwrap();
                store.cancel("alice", job.id).await.unwrap();
            }
        }
    });
    let mut seen: HashMap<_, Vec<i64>> = HashMap::new();
    let reading = async {
        let (mut after, mut count) = (Cursor::START, 0);
        while count < WRITERS * EACH * 2 {
            let page = ground.store.events("alice", &EventFilter::default(), after, 7).await.unwrap();
            count += page.events.len();
            for event in page.events {
                seen.entry(event.job).or_default().push(event.version);
            }
            after = page.next;
            tokio::task::yield_now().await;
        }
    };
    let both = async { tokio::join!(futures::future::join_all(writing), reading) };
    tokio::time::timeout(Duration::from_mins(1), both).await.expect("every event is read");
    assert_eq!(seen.len(), WRITERS * EACH);
    assert!(seen.values().all(|versions| *versions == [1, 2]), "each once, in order: {seen:?}");
}
