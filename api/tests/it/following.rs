//! Streams of events.

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::clock::Clock;
use forebay_shared::config::Span;
use forebay_shared::events::{Event, Progress};
use forebay_shared::job::{Ending, Failure, FailureCode};
use forebay_shared::store::{Cursor, EventLog, Followed, Keys as _, Scope};
use forebay_shared::testing::sample_job;
use serde_json::{Value, json};

use crate::app::{OWNER, TestApp};
use crate::sse::{Heard, Stream};
use crate::worker::echo;

fn ids(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|heard| heard.id.as_deref().unwrap_or("-")).collect()
}

fn types(heard: &[Heard]) -> Vec<&str> {
    heard.iter().map(|heard| heard.event.as_str()).collect()
}

#[tokio::test]
async fn a_followed_job_is_told_version_by_version_until_it_ends() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let mut stream = Stream::open(app.get(&format!("/v1/jobs/{id}/events"))).await;
    let queued = stream.event().await.unwrap();
    assert_eq!((queued.id.as_deref(), &*queued.event), (Some("1"), "job.queued"));
    let claimed = worker.claim(id).await;
    let running = stream.event().await.unwrap();
    assert_eq!((running.id.as_deref(), &*running.event), (Some("2"), "job.running"));
    assert_eq!(running.data["attempt"], 1);
    worker.settle(&claimed, vec![echo("hello")], Vec::new()).await;
    let rest = stream.rest().await;
    assert_eq!((ids(&rest), types(&rest)), (vec!["3"], vec!["job.succeeded"]));
    assert_eq!(rest[0].data["result"]["items"][0]["output"]["echo"], "hello");
    assert_eq!(
        rest[0].data,
        app.get(&format!("/v1/jobs/{id}")).send().await.json(),
        "it is the job as it is read"
    );
}

#[tokio::test]
async fn versions_that_were_passed_between_two_looks_are_told_all_the_same() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let stream = Stream::open(app.get(&format!("/v1/jobs/{id}/events"))).await;
    let claimed = worker.claim(id).await;
    let failure = Failure::transient(FailureCode::StorageUnavailable, "the object store is away");
    worker.end(&claimed, Ending::Retry(failure, Duration::ZERO)).await;
    worker.finish(id, vec![echo("hello")]).await;
    let heard = stream.rest().await;
    assert_eq!(ids(&heard), ["1", "2", "3", "4", "5"]);
    assert_eq!(types(&heard), ["job.queued", "job.running", "job.queued", "job.running", "job.succeeded"]);
    assert_eq!(heard[2].data["error"]["code"], "storage_unavailable");
    assert_eq!((&heard[1].data["attempt"], &heard[3].data["attempt"]), (&json!(1), &json!(2)));
    assert!(heard[..4].iter().all(|heard| heard.data["finished_at"].is_null()));
}

#[tokio::test]
async fn a_resumed_stream_repeats_nothing_and_misses_nothing() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let path = format!("/v1/jobs/{id}/events");
    let claimed = worker.claim(id).await;
    let mut running = Stream::open(app.get(&format!("{path}?after=2"))).await;
    worker.settle(&claimed, vec![echo("hello")], Vec::new()).await;
    assert_eq!(running.event().await.unwrap().id.as_deref(), Some("3"), "what was seen is not repeated");
    assert_eq!(running.event().await, None);
    for (after, missed) in [("0", vec!["1", "2", "3"]), ("1", vec!["2", "3"]), ("2", vec!["3"])] {
        let heard = Stream::open(app.get(&format!("{path}?after={after}"))).await.rest().await;
        assert_eq!(ids(&heard), missed);
    }
    let browser = Stream::open(app.get(&format!("{path}?after=0")).header("last-event-id", "2")).await;
    assert_eq!(ids(&browser.rest().await), ["3"], "the header is the younger one");
    assert_eq!(
        ids(&Stream::open(app.get(&path)).await.rest().await),
        ["3"],
        "an ended job is told as it stands"
    );
    let over = app.get(&path).header("last-event-id", "3").send().await;
    assert_eq!(over.status, StatusCode::NO_CONTENT, "a browser comes again after anything else");
}

#[tokio::test]
async fn an_end_that_no_event_tells_is_found() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let stream = Stream::open(app.get(&format!("/v1/jobs/{id}/events"))).await;
    let claimed = worker.claim(id).await;
    worker.settle_quietly(&claimed, vec![echo("hello")], Vec::new()).await;
    assert_eq!(ids(&stream.rest().await), ["1", "2", "3"]);
}

#[tokio::test]
async fn progress_is_told_live_and_without_an_id() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let mut bus = app.parts.events.subscribe();
    let id = app.submit(json!({"model": "echo", "inputs": ["a", "b", "c"]})).await;
    let claimed = worker.claim(id).await;
    let mut stream = Stream::open(app.get(&format!("/v1/jobs/{id}/events"))).await;
    assert_eq!(stream.event().await.unwrap().event, "job.running");
    loop {
        if let Event::Watched { id: watched, address } = &*bus.recv().await.unwrap() {
            assert_eq!((*watched, &**address), (id, app.parts.events.address()));
            break;
        }
    }
    let tell = async |done| {
        let progress = Event::Progress(Progress { id, attempt: 1, done, total: 3, transfer: None });
        app.parts.events.publish(vec![(app.parts.events.address().to_owned(), progress)]).await;
    };
    tell(2).await;
    let heard = stream.event().await.unwrap();
    assert_eq!((heard.id, &*heard.event), (None, "job.progress"));
    assert_eq!((&heard.data["done"], &heard.data["total"]), (&json!(2), &json!(3)));
    tell(1).await;
    worker.settle(&claimed, vec![echo("a"), echo("b"), echo("c")], Vec::new()).await;
    assert_eq!(types(&stream.rest().await), ["job.succeeded"], "progress does not go back");
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let app =
        TestApp::build().http(|api| api.keep_alive = Span::new(Duration::from_millis(100))).start().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let worker = app.worker().await;
    let claimed = worker.claim(id).await;
    for path in [format!("/v1/jobs/{id}/events?after=2"), "/v1/events".to_owned()] {
        let mut stream = Stream::open(app.get(&path)).await;
        for _ in 0..2 {
            assert_eq!(stream.next().await.unwrap().comment.as_deref(), Some("quiet"), "{path}");
        }
    }
    worker.settle(&claimed, vec![echo("hello")], Vec::new()).await;
}

#[tokio::test]
async fn an_owners_stream_tells_of_all_its_jobs_from_now_on() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    app.submit(json!({"model": "echo", "input": "before"})).await;
    let mut stream = Stream::open(app.get("/v1/events")).await;
    let id = app.submit(json!({"model": "echo", "input": "hello", "metadata": {"n": "1"}})).await;
    worker.finish(id, vec![echo("hello")]).await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.push(stream.event().await.unwrap());
    }
    assert_eq!(types(&heard), ["job.queued", "job.running", "job.succeeded"]);
    for one in &heard {
        assert_eq!((&one.data["job"], one.data["id"].as_str()), (&json!(id), one.id.as_deref()));
        assert_eq!(one.data["metadata"], json!({"n": "1"}));
    }
    let resumed = app.get("/v1/events").header("last-event-id", heard[0].id.as_deref().unwrap());
    let mut resumed = Stream::open(resumed).await;
    assert_eq!([resumed.event().await.unwrap(), resumed.event().await.unwrap()], heard[1..]);
}

#[tokio::test]
async fn a_filter_narrows_stream_and_page_alike() {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    let one = app.submit(json!({"model": "echo", "input": "a", "metadata": {"city": "上海"}})).await;
    let other = app.submit(json!({"model": "minilm", "input": "b"})).await;
    worker.finish(one, vec![echo("a")]).await;
    let table = [
        (format!("job={one}"), 3),
        (format!("job={one}&job={other}"), 4),
        ("model=minilm".to_owned(), 1),
        ("metadata.city=上海".replace("上海", "%E4%B8%8A%E6%B5%B7"), 3),
        ("types=job.queued,job.succeeded".to_owned(), 3),
        ("types=job.queued&types=job.succeeded&model=echo".to_owned(), 2),
    ];
    for (filter, count) in table {
        let page = app.get(&format!("/v1/events?follow=false&{filter}")).send().await.json();
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{filter}: {page}");
        let mut stream = Stream::open(app.get(&format!("/v1/events?after=0-0&{filter}"))).await;
        for event in page["data"].as_array().unwrap() {
            assert_eq!(stream.event().await.unwrap().data, *event, "{filter}");
        }
    }
    let mut live = Stream::open(app.get(&format!("/v1/events?types=job.succeeded&job={other}"))).await;
    let third = app.submit(json!({"model": "minilm", "input": "c"})).await;
    worker.finish(third, vec![echo("c")]).await;
    worker.finish(other, vec![echo("b")]).await;
    assert_eq!(live.event().await.unwrap().data["job"], json!(other));
}

#[tokio::test]
async fn pages_go_on_where_the_last_ended() {
    let app = TestApp::start().await;
    for _ in 0..5 {
        app.submit(json!({"model": "echo", "input": "a"})).await;
    }
    let page = async |query: &str| app.get(&format!("/v1/events?follow=false{query}")).send().await.json();
    let first = page("&limit=3").await;
    let second = page(&format!("&limit=3&after={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((&first["has_more"], &second["has_more"]), (&json!(true), &json!(false)));
    let both: Vec<&Value> =
        [&first, &second].iter().flat_map(|page| page["data"].as_array().unwrap()).collect();
    let all = page("").await;
    assert_eq!(both, all["data"].as_array().unwrap().iter().collect::<Vec<_>>());
    assert_eq!(page(&format!("&after={}", second["next_cursor"].as_str().unwrap())).await["data"], json!([]));
}

#[tokio::test]
async fn a_reader_that_is_far_too_slow_loses_nothing() {
    const GROUPS: usize = 22;
    let app = TestApp::start().await;
    let mut stream = Stream::open(app.get("/v1/events")).await;
    // More than all batches hold that a stream may lag behind.
    for _ in 0..GROUPS {
        let jobs: Vec<_> = (0..1000).map(|_| sample_job(&app.ids, OWNER)).collect();
        app.store.behind().submit(&jobs).await.unwrap();
    }
    let edge = app.store.behind().tail(&Followed::default(), None, 0).await.unwrap().next;
    let reads = app.store.calls("tail");
    app.eventually(async || app.store.calls("tail") > reads + 2 * GROUPS + 4).await;
    let mut last = Cursor::START;
    for _ in 0..GROUPS * 1000 {
        let id: Cursor = stream.event().await.unwrap().id.unwrap().parse().unwrap();
        assert!(id > last, "each once, in order");
        last = id;
    }
    assert_eq!(last, edge);
}

#[tokio::test]
async fn owners_do_not_hear_each_other() {
    let app = TestApp::build().keys().start().await;
    let ((_, alice), (_, bob)) = (app.key("alice", &Scope::ALL).await, app.key("bob", &Scope::ALL).await);
    let mut hers = Stream::open(app.get("/v1/events").bearer(&alice)).await;
    let submit = async |key: &str| {
        app.post("/v1/jobs").bearer(key).json(json!({"model": "echo", "input": "x"})).await.id()
    };
    let (his, own) = (submit(&bob).await, submit(&alice).await);
    assert_eq!(hers.event().await.unwrap().data["job"], json!(own));
    let page = app.get("/v1/events?follow=false").bearer(&alice).send().await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let page = app.get(&format!("/v1/events?follow=false&job={his}")).bearer(&alice).send().await.json();
    assert_eq!(page["data"], json!([]));
    let answer = app.get(&format!("/v1/jobs/{his}/events")).bearer(&alice).send().await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get("/v1/events").send().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams_and_no_others() {
    let app = TestApp::build().keys_for(Duration::from_millis(100)).start().await;
    let (key, alice) = app.key(OWNER, &Scope::ALL).await;
    let (_, other) = app.key(OWNER, &Scope::ALL).await;
    let id = app.post("/v1/jobs").bearer(&alice).json(json!({"model": "echo", "input": "x"})).await.id();
    let of_job = format!("/v1/jobs/{id}/events?after=1");
    let revoked = [
        Stream::open(app.get("/v1/events").bearer(&alice)).await,
        Stream::open(app.get(&of_job).bearer(&alice)).await,
    ];
    let kept = Stream::open(app.get(&of_job).bearer(&other)).await;
    app.store.revoke_key(key.id).await.unwrap();
    app.clock.advance(Duration::from_secs(1));
    for stream in revoked {
        let rest = stream.rest().await;
        assert_eq!(types(&rest), ["problem"]);
        assert_eq!(rest[0].data["code"], "unauthorized");
    }
    app.worker().await.finish(id, vec![echo("x")]).await;
    assert_eq!(types(&kept.rest().await), ["job.running", "job.succeeded"]);
}

#[tokio::test]
async fn a_stop_ends_every_stream() {
    let app = TestApp::start().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let streams = [
        Stream::open(app.get(&format!("/v1/jobs/{id}/events?after=1"))).await,
        Stream::open(app.get("/v1/events")).await,
    ];
    app.parts.tasks.stop();
    for stream in streams {
        assert_eq!(stream.rest().await, []);
    }
}

#[tokio::test]
async fn a_stream_outlives_a_database_that_is_away() {
    let app =
        TestApp::build().http(|api| api.keep_alive = Span::new(Duration::from_millis(100))).start().await;
    let worker = app.worker().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let mut job = Stream::open(app.get(&format!("/v1/jobs/{id}/events"))).await;
    let mut all = Stream::open(app.get("/v1/events")).await;
    assert_eq!(job.event().await.unwrap().event, "job.queued");
    app.store.set_away(true);
    job.next().await.unwrap();
    all.next().await.unwrap();
    app.store.set_away(false);
    worker.finish(id, vec![echo("hello")]).await;
    assert_eq!(types(&job.rest().await), ["job.running", "job.succeeded"]);
    assert_eq!(all.event().await.unwrap().event, "job.running");
}

#[tokio::test]
async fn streams_are_bounded_and_given_back() {
    let app = TestApp::build().keys().start().await;
    let ((_, alice), (_, bob)) = (app.key("alice", &Scope::ALL).await, app.key("bob", &Scope::ALL).await);
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(Stream::open(app.get("/v1/events").bearer(&alice)).await);
    }
    insta::assert_snapshot!(app.get("/v1/events").bearer(&alice).send().await, @r#"
    429 Too Many Requests
    content-type: application/problem+json
    retry-after: 1
    {
      "type": "/problems/too_many_streams",
      "title": "There are too many streams",
      "status": 429,
      "detail": "3 of your streams are open in this process, and that is the limit",
      "code": "too_many_streams",
      "limit": 3,
      "request_id": "a-request"
    }
    "#);
    open.push(Stream::open(app.get("/v1/events").bearer(&bob)).await);
    let answer = app.get("/v1/events").bearer(&bob).send().await;
    assert_eq!((answer.status, &answer.json()["limit"]), (StatusCode::TOO_MANY_REQUESTS, &json!(4)));
    drop(open);
    Stream::open(app.get("/v1/events").bearer(&alice)).await;
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_by_name() {
    let app = TestApp::start().await;
    let id = app.submit(json!({"model": "echo", "input": "hello"})).await;
    let table = [
        (format!("/v1/jobs/{id}/events?after=2"), 400, "invalid_cursor", "after"),
        (format!("/v1/jobs/{id}/events?after=-1"), 400, "invalid_cursor", "after"),
        (format!("/v1/jobs/{id}/events?after=soon"), 400, "invalid_cursor", "after"),
        (format!("/v1/jobs/{id}/events?since=1"), 400, "invalid_query", "since"),
        ("/v1/jobs/x!/events".to_owned(), 400, "invalid_id", "id"),
        ("/v1/events?after=12".to_owned(), 400, "invalid_cursor", "after"),
        ("/v1/events?after=7-999999".to_owned(), 400, "invalid_cursor", "after"),
        ("/v1/events?types=job.done".to_owned(), 400, "invalid_query", "types"),
        ("/v1/events?types=job.progress".to_owned(), 400, "invalid_query", "types"),
        ("/v1/events?job=a%20b".to_owned(), 400, "invalid_query", "job"),
        ("/v1/events?colour=red".to_owned(), 400, "invalid_query", "colour"),
        ("/v1/events?follow=no".to_owned(), 400, "invalid_query", "follow"),
        ("/v1/events?limit=5".to_owned(), 400, "invalid_query", "limit"),
        ("/v1/events?follow=false&limit=1001".to_owned(), 400, "invalid_query", "limit"),
    ];
    for (path, status, code, field) in table {
        let answer = app.get(&path).send().await;
        let told = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &told["code"], &told["field"]),
            (status, &json!(code), &json!(field)),
            "{path}"
        );
    }
    let header = app.get("/v1/events").header("last-event-id", "x").send().await;
    assert_eq!(header.json()["field"], "Last-Event-ID");
}

#[tokio::test]
async fn a_cursor_behind_which_something_is_forgotten_is_refused() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.submit(json!({"model": "echo", "input": "hello"})).await;
    }
    let page = app.get("/v1/events?follow=false&limit=1").send().await.json();
    let first = page["next_cursor"].as_str().unwrap().to_owned();
    app.pass_webhooks().await;
    let now = app.clock.now().plus(Duration::from_hours(1));
    assert_eq!(app.store.purge_events(now, 2).await.unwrap(), 2);
    insta::assert_snapshot!(app.get(&format!("/v1/events?after={first}")).send().await, @r#"
    410 Gone
    content-type: application/problem+json
    {
      "type": "/problems/cursor_expired",
      "title": "The cursor is too old",
      "status": 410,
      "detail": "events after the cursor are forgotten already; begin again without it, or with `0-0` for all that is kept",
      "code": "cursor_expired",
      "field": "after",
      "request_id": "a-request"
    }
    "#);
    let page = app.get("/v1/events?follow=false").send().await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1, "without a cursor it begins with what is kept");
}

#[tokio::test]
async fn a_job_that_waits_is_told_when_it_has_come_forward() {
    let app =
        TestApp::build().http(|api| api.keep_alive = Span::new(Duration::from_millis(100))).start().await;
    let worker = app.worker().await;
    let body = |priority| json!({"model": "echo", "input": "hello", "priority": priority});
    let (first, second) = (app.submit(body(0)).await, app.submit(body(-10)).await);
    let mut stream = Stream::open(app.get(&format!("/v1/jobs/{second}/events"))).await;
    let queued = stream.event().await.unwrap();
    assert_eq!((queued.id.as_deref(), &queued.data["queue"]["position"]), (Some("1"), &json!(1)));
    worker.finish(first, vec![echo("hello")]).await;
    let forward = stream.event().await.unwrap();
    assert_eq!((&*forward.event, forward.id), ("job.queued", None), "it is not told again to who resumes");
    assert_eq!(forward.data["queue"]["position"], 0);
    let quiet = stream.next().await.unwrap();
    assert!(quiet.comment.is_some(), "what has not changed is not told: {quiet:?}");
    worker.finish(second, vec![echo("hello")]).await;
    let rest = stream.rest().await;
    assert_eq!((types(&rest), ids(&rest)), (vec!["job.running", "job.succeeded"], vec!["2", "3"]));
    assert!(rest.iter().all(|heard| heard.data["queue"].is_null()));
}
