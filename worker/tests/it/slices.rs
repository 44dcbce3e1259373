//! Slices of bulks: lines in, lines out.

use std::sync::Arc;

use bytes::Bytes;
use forebay_shared::bulk::{Bulk, Cut, Form, Layout, NewBulk, OnBadLine, Part, Run, Slice};
use forebay_shared::file::{FileStatus, NewFile, Piece, Purpose};
use forebay_shared::id::{FileId, JobId};
use forebay_shared::job::{Class, ItemsAt, NewJob, Object, Status};
use forebay_shared::queue::{Message, Producer};
use forebay_shared::store::{Bulks, Files, Jobs, Route, Slicing};
use forebay_shared::testing::{Watched, sample_job};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::ground::{Ground, text};

/// A file of lines that take a while each, as one slice that waits with the broker.
async fn slice(ground: &Ground, lines: u32, delay_ms: u32) -> (Bulk, JobId) {
    let content: String = (0..lines)
        .map(|n| {
            let body = json!({"model": "echo", "inputs": [format!("{n}a"), format!("{n}b")], "params": {"delay_ms": delay_ms}});
            json!({"custom_id": n.to_string(), "method": "POST", "url": "/v1/jobs", "body": body}).to_string() + "\n"
        })
        .collect();
    let file = file(ground, &content).await;
    let hour = std::time::Duration::from_hours(1);
    let new = NewBulk {
        id: ground.ids.bulk(),
        owner: "alice".to_owned(),
        key: None,
        form: Form::Openai,
        layout: Layout::Jsonl,
        on_bad_line: OnBadLine::Refuse,
        endpoint: None,
        model: None,
        params: Object::new(),
        file,
        retry_of: None,
        window: ("1h".to_owned(), hour),
        keep: hour,
        metadata: Object::new(),
        webhook: None,
    };
    let bulk = ground.store.create_bulk(&new).await.unwrap().expect("the file is there");
    let run = Run { offset: 0, length: content.len() as u64, first: 1, lines: u64::from(lines) };
    let lines_of =
        Slice { form: Form::Openai, model: None, params: Object::new(), part: Part::Jsonl, runs: vec![run] };
    let job = NewJob {
        class: Class::Bulk,
        bulk: Some(bulk.id),
        item_count: lines * 2,
        cost: forebay_shared::job::Cost::new(u64::from(lines) * 100),
        items: ItemsAt::File { file: file.to_string(), lines: lines_of.encode() },
        ..sample_job(&ground.ids, "alice")
    };
    let cut = Cut {
        output_file: ground.ids.file(),
        error_file: ground.ids.file(),
        bad: None,
        bad_lines: 0,
        model: None,
        slices: vec![(job.clone(), u64::from(lines))],
    };
    assert!(ground.store.cut_bulk(bulk.id, &cut).await.unwrap());
    let route = Route { model: "echo".to_owned(), class: Class::Bulk };
    let message = Message { job_id: job.id, owner: "alice".into(), trace: None };
    assert!(ground.queue.publish(&route, &[message]).await.is_empty());
    (bulk, job.id)
}

async fn file(ground: &Ground, content: &str) -> FileId {
    let id = ground.ids.file();
    let object = format!("files/{}", id.0);
    ground.blobs.put(&object, Bytes::copy_from_slice(content.as_bytes())).await.unwrap();
    let file = NewFile {
        id,
        owner: "alice".to_owned(),
        filename: "lines.jsonl".to_owned(),
        purpose: Purpose::Batch,
        status: FileStatus::Processed,
        pieces: vec![Piece::own(object, content.len() as u64)],
        life: None,
    };
    ground.store.create_file(&file, None).await.unwrap();
    id
}

async fn again(ground: &Ground, bulk: &Bulk) -> Bulk {
    ground.store.bulk("alice", bulk.id).await.unwrap().unwrap()
}

async fn lines(ground: &Ground, file: Option<FileId>) -> Vec<Value> {
    let Some(file) = file else { return Vec::new() };
    let (file, pieces) = ground.store.content("alice", file).await.unwrap().unwrap();
    let content = ground.blobs.content(&pieces, 0..file.bytes).await.unwrap();
    let chunks: Vec<Bytes> = content.try_collect().await.unwrap();
    let text = String::from_utf8(chunks.concat()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_slice_is_answered_where_it_can_be_read() {
    let mut ground = Ground::new().await;
    let (bulk, job) = slice(&ground, 700, 0).await;
    let worker = ground.start().await;
    let job = ground.ended(&[job]).await.remove(0);
    assert_eq!((job.status, job.succeeded, job.result.is_none()), (Status::Succeeded, 1400, true), "{job:?}");
    let bulk = again(&ground, &bulk).await;
    assert_eq!((bulk.counts.completed, bulk.counts.failed, bulk.error_file), (700, 0, None));
    for (n, line) in lines(&ground, bulk.output_file).await.iter().enumerate() {
        assert_eq!(line["custom_id"], json!(n.to_string()));
        let items = &line["response"]["body"]["items"];
        assert_eq!(
            (items[0]["output"]["echo"].as_str(), items[1]["index"].as_u64()),
            (Some(&*format!("{n}a")), Some(1))
        );
    }
    worker.stop().await;
    ground.assert_nothing_runs().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interactive_work_goes_between_the_batches_of_a_slice() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let (_, slice) = slice(&ground, 5000, 50).await;
    ground.until(slice, Status::Running).await;
    let quick = ground.submit(&[ground.job("echo", &[text("hello")])]).await;
    let quick = ground.ended(&quick).await.remove(0);
    let long = ground.store.job("alice", slice).await.unwrap().unwrap();
    assert_eq!(
        (quick.status, long.status),
        (Status::Succeeded, Status::Running),
        "the slice has not ended yet"
    );
    ground.store.cancel("alice", slice).await.unwrap();
    ground.ended(&[slice]).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_that_is_cancelled_keeps_the_lines_that_had_run() {
    let mut ground = Ground::new().await;
    let worker = ground.start().await;
    let (bulk, slice) = slice(&ground, 2000, 50).await;
    ground.until(slice, Status::Running).await;
    ground.store.cancel_bulk("alice", bulk.id).await.unwrap();
    let job = ground.ended(&[slice]).await.remove(0);
    assert_eq!(job.status, Status::Cancelled);
    let bulk = again(&ground, &bulk).await;
    assert_eq!(bulk.counts.completed + bulk.counts.failed, 2000, "each line is told of");
    assert!(bulk.counts.failed > 0, "it was stopped before it had run");
    let (done, not) = (lines(&ground, bulk.output_file).await, lines(&ground, bulk.error_file).await);
    assert_eq!((done.len() as u64, not.len() as u64), (bulk.counts.completed, bulk.counts.failed));
    assert!(not.iter().all(|line| line["error"]["code"] == "batch_cancelled"), "{}", not[0]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_under_suspicion_is_noted_while_its_answers_are_written_down() {
    let mut ground = Ground::new().await;
    let (bulk, job) = slice(&ground, 1, 0).await;
    ground.crash(Class::Bulk, &[job], &[]).await;
    let watched = Arc::new(Watched::new(ground.store.clone()));
    let worker = ground.start_before(watched.clone()).await;
    assert_eq!(ground.ended(&[job]).await[0].status, Status::Succeeded);
    assert_eq!(again(&ground, &bulk).await.counts.completed, 1);
    let stages = ["it is prepared", "it runs", "its answers are written down"];
    assert_eq!(watched.calls("note"), 2 * stages.len(), "noted, and struck out, while {stages:?}");
    worker.stop().await;
}
