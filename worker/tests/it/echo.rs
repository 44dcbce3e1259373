//! The line itself, without a model.

use std::time::Duration;

use bytes::Bytes;
use forebay_shared::events::Event;
use forebay_shared::job::{Class, FailureCode, ImageSource, Input, Item, ItemsAt, Object, Status};
use forebay_shared::store::{CancelOutcome, Jobs};
use forebay_shared::testing::Receiver;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::ground::{Ground, PATIENCE, text, with_params};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_and_keeps_the_order_of_its_items() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let items: Vec<_> = (0..300).map(|n| text(&format!("item {n}"))).collect();
    let ids = ground.submit(&[ground.job("echo", &items)]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.status, job.succeeded, job.failed, job.attempt), (Status::Succeeded, 300, 0, 1));
    let timings = job.timings.unwrap();
    assert!(timings.batches >= 2 && timings.batch_size <= 256, "{timings:?}");
    let result = ground.result(&job).await;
    for (n, item) in result["items"].as_array().unwrap().iter().enumerate() {
        assert_eq!(
            *item,
            json!({"index": n, "status": "succeeded", "output": {"echo": format!("item {n}")}})
        );
    }
    worker.stop().await;
    ground.assert_nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_gets_the_result_with_the_event() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let ids = ground.submit(&[ground.job("echo", &[text("hello")])]).await;
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Event::Ended(ended) = &*ground.news.recv().await.unwrap() {
                return ended.clone();
            }
        }
    });
    let ended = ended.await.expect("word comes");
    assert_eq!(ended.id, ids[0]);
    assert_eq!(
        ended.result.as_deref(),
        Some(r#"{"items":[{"index":0,"status":"succeeded","output":{"echo":"hello"}}]}"#)
    );
    let mut job = ground.job("echo", &[text("hello")]).queued(ended.started_at.unwrap());
    job.id = ids[0];
    ended.apply(&mut job);
    let row = ground.store.job("alice", ids[0]).await.unwrap().unwrap();
    assert_eq!(
        (job.status, job.version, job.result, job.timings),
        (row.status, row.version, row.result, row.timings)
    );
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_share_batches_and_segments() {
    let mut ground = Ground::new().await;
    let jobs: Vec<_> = (0..200).map(|n| ground.job("echo", &[text(&n.to_string())])).collect();
    let ids = ground.submit(&jobs).await;
    let worker = ground.start().await;
    let ended = ground.ended(&ids).await;
    assert!(ended.iter().all(|job| job.status == Status::Succeeded));
    assert!(ended.iter().any(|job| job.timings.unwrap().batch_size > 1), "some ran together");
    let mut segments: Vec<_> = ended.iter().map(|job| job.result.clone().unwrap().segment).collect();
    segments.dedup();
    assert!(segments.len() < 100, "{} segments", segments.len());
    for (n, job) in ended.iter().enumerate() {
        assert_eq!(ground.result(job).await["items"][0]["output"], json!({"echo": n.to_string()}));
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_inputs_are_read_from_the_blob_store() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let items = vec![text(&"x".repeat(100_000)), text("short")];
    ground.blobs.put("inputs/1/items", ItemsAt::encode(&items).into()).await.unwrap();
    let mut job = ground.job("echo", &items);
    job.items = ItemsAt::Blob("inputs/1/items".into());
    let mut lost = ground.job("echo", &[text("x")]);
    lost.items = ItemsAt::Blob("inputs/2/items".into());
    let ids = ground.submit(&[job, lost]).await;
    let ended = ground.ended(&ids).await;
    assert_eq!(ended[0].status, Status::Succeeded);
    assert_eq!(ended[1].status, Status::Failed);
    assert_eq!(ended[1].error.as_ref().map(|error| error.code), Some(FailureCode::InputMissing));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_comes_back_as_media() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let picture =
        Item { input: Input::Image(ImageSource::Inline(b"GIF89a...".to_vec())), params: Object::new() };
    let ids = ground.submit(&[ground.job("echo", &[text("a"), picture])]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!(job.files.len(), 1);
    assert_eq!((job.files[0].item, job.files[0].bytes), (1, 9));
    assert_eq!(ground.blobs.get(&job.files[0].key).await.unwrap(), Bytes::from_static(b"GIF89a..."));
    assert_eq!(ground.result(&job).await["items"][1]["files"], json!([0]));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_are_fetched_and_refused_item_by_item() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = worker.tasks.spawn("server", async move {
        while let Ok((mut visitor, _)) = listener.accept().await {
            let _ = visitor.read(&mut [0; 1024]).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: image/gif\r\ncontent-length: 6\r\nconnection: close\r\n\r\nGIF89a";
            let _ = visitor.write_all(answer.as_bytes()).await;
        }
    });
    let from = |url: String| Item { input: Input::Image(ImageSource::Url(url)), params: Object::new() };
    let items = [from(format!("http://127.0.0.1:{port}/a.gif")), from("http://10.0.0.1/a.gif".into())];
    let ids = ground.submit(&[ground.job("echo", &items)]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.status, job.succeeded, job.failed), (Status::Succeeded, 1, 1));
    assert_eq!(ground.result(&job).await["items"][1]["error"]["code"], "fetch_refused");
    server.abort();
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transient_failure_is_tried_again_and_then_told() {
    let mut ground = Ground::new().await;
    ground.config.retry.base = forebay_shared::config::Span::new(Duration::from_millis(1));
    let worker = ground.start().await;
    // Nothing listens there.
    let item = Item {
        input: Input::Image(ImageSource::Url("http://127.0.0.1:9/a.png".into())),
        params: Object::new(),
    };
    let ids = ground.submit(&[ground.job("echo", &[item])]).await;
    for attempt in 1..3 {
        ground.until(ids[0], Status::Queued).await;
        let again = async {
            loop {
                let route = forebay_shared::store::Route { model: "echo".into(), class: Class::Interactive };
                let due =
                    ground.store().due(&route, forebay_shared::job::Cost::new(10), 10).await.unwrap().jobs;
                if !due.is_empty() {
                    let message =
                        forebay_shared::queue::Message { job_id: ids[0], owner: "alice".into(), trace: None };
                    return forebay_shared::queue::Producer::publish(&ground.queue, &route, &[message]).await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, again)
            .await
            .unwrap_or_else(|_| panic!("attempt {attempt} is followed"));
    }
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.status, job.attempt), (Status::Failed, 3));
    assert_eq!(job.error.as_ref().map(|error| error.code), Some(FailureCode::FetchFailed));
    assert_eq!(ground.store.attempts("alice", job.id).await.unwrap().len(), 3);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_patience_is_asked_again_no_sooner() {
    let ground = Ground::new().await;
    let receiver = Receiver::answering(|_| Some("503 Busy\r\nretry-after: 4\r\n".to_owned())).await;
    let worker = ground.start().await;
    let item = Item { input: Input::Image(ImageSource::Url(receiver.url.clone())), params: Object::new() };
    let ids = ground.submit(&[ground.job("echo", &[item])]).await;
    let failed = async {
        while ground.store.attempts("alice", ids[0]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("the attempt fails");
    let job = ground.store.job("alice", ids[0]).await.unwrap().unwrap();
    assert_eq!(
        (job.status, job.error.map(|error| error.code)),
        (Status::Queued, Some(FailureCode::FetchFailed))
    );
    assert_eq!(job.available_at.since(job.changed_at), Duration::from_secs(4));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_that_is_cancelled_keeps_what_was_finished() {
    let mut ground = Ground::new().await;
    ground.config.hold = 2;
    let worker = ground.start().await;
    // 256 items fill a batch, so the job needs several runs of 300 ms.
    let items: Vec<_> =
        (0..1000).map(|n| with_params(text(&n.to_string()), json!({"delay_ms": 300}))).collect();
    let ids = ground.submit(&[ground.job("echo", &items)]).await;
    ground.until(ids[0], Status::Running).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(matches!(ground.store.cancel("alice", ids[0]).await.unwrap(), CancelOutcome::Requested(_)));
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!(job.status, Status::Cancelled);
    assert!(job.succeeded > 0 && job.failed > 0, "{} succeeded, {} did not run", job.succeeded, job.failed);
    let result = ground.result(&job).await;
    assert_eq!(result["items"][0]["status"], "succeeded");
    assert_eq!(result["items"][999]["error"]["code"], "cancelled");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_whose_time_is_over_keeps_what_was_finished() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    // 256 items fill a batch, so the job would need four runs of 800 ms; its time is over within the second at the latest.
    let items: Vec<_> =
        (0..1000).map(|n| with_params(text(&n.to_string()), json!({"delay_ms": 800}))).collect();
    let mut job = ground.job("echo", &items);
    job.finish_by = Some(ground.store().now().plus(Duration::from_millis(1200)));
    let ids = ground.submit(&[job]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!(job.status, Status::Expired);
    assert_eq!(job.error.as_ref().map(|error| error.code), Some(FailureCode::FinishByPassed));
    assert!(job.succeeded > 0 && job.failed > 0, "{} succeeded, {} did not run", job.succeeded, job.failed);
    let result = ground.result(&job).await;
    assert_eq!(result["items"][0]["status"], "succeeded");
    assert_eq!(result["items"][999]["error"]["code"], "expired");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_lane_past_its_time_never_runs() {
    let mut ground = Ground::new().await;
    ground.config.hold = 64;
    let worker = ground.start().await;
    let slow = with_params(text("slow"), json!({"delay_ms": 1500}));
    let first: Vec<_> = (0..3).map(|_| ground.job("echo", &vec![slow.clone(); 256])).collect();
    let first = ground.submit(&first).await;
    ground.until(first[0], Status::Running).await;
    let mut late = ground.job("echo", &[text("late")]);
    late.class = Class::Bulk;
    late.finish_by = Some(ground.store().now().plus(Duration::from_millis(700)));
    let late = ground.submit(&[late]).await;
    let job = ground.ended(&late).await.remove(0);
    assert_eq!((job.status, job.succeeded), (Status::Expired, 0));
    ground.ended(&first).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_params_fail_their_item_alone() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let items = [text("a"), with_params(text("b"), json!({"colour": "red"}))];
    let ids = ground.submit(&[ground.job("echo", &items)]).await;
    let job = ground.ended(&ids).await.remove(0);
    assert_eq!((job.status, job.succeeded, job.failed), (Status::Succeeded, 1, 1));
    assert_eq!(ground.result(&job).await["items"][1]["error"]["code"], "invalid_params");
    worker.stop().await;
}
