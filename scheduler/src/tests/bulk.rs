//! Bulks from their file to their end, with workers that tests play.

use forebay_shared::bulk::{
    Bulk, BulkStatus, Form, Layout, LineId, Lines, NewBulk, OnBadLine, Slice, SliceAnswers,
};
use forebay_shared::file::{FileStatus, NewFile, Piece, Purpose};
use forebay_shared::id::FileId;
use forebay_shared::job::{ItemsAt, Object};
use forebay_shared::store::Stored;
use serde_json::{Value, json};

use super::*;

impl Bench {
    /// A file of alice's, in pieces of so many bytes.
    async fn file(&self, content: &str, piece: usize) -> FileId {
        let id = self.ground.ids.file();
        let mut pieces = Vec::new();
        for (number, bytes) in content.as_bytes().chunks(piece).enumerate() {
            let object = format!("files/{}-{number}", id.0);
            self.blobs.put(&object, Bytes::copy_from_slice(bytes)).await.unwrap();
            pieces.push(Piece::own(object, bytes.len() as u64));
        }
        let file = NewFile {
            id,
            owner: "alice".to_owned(),
            filename: "lines.jsonl".to_owned(),
            purpose: Purpose::Batch,
            status: FileStatus::Processed,
            pieces,
            life: None,
        };
        let stored = self.ground.store.create_file(&file, None).await.unwrap();
        assert!(matches!(stored, Stored::Stored(_)));
        id
    }

    fn new_bulk(&self, form: Form, on_bad_line: OnBadLine, file: FileId) -> NewBulk {
        NewBulk {
            id: self.ground.ids.bulk(),
            owner: "alice".to_owned(),
            key: None,
            form,
            layout: Layout::Jsonl,
            on_bad_line,
            endpoint: None,
            model: None,
            params: Object::new(),
            file,
            retry_of: None,
            window: ("1h".to_owned(), HOUR),
            keep: HOUR,
            metadata: Object::new(),
            webhook: None,
        }
    }

    /// A bulk of these lines, read by the scheduler.
    async fn read_bulk(&self, form: Form, on_bad_line: OnBadLine, content: &str) -> Bulk {
        let file = self.file(content, 100).await;
        self.bulk(self.new_bulk(form, on_bad_line, file)).await
    }

    async fn bulk(&self, new: NewBulk) -> Bulk {
        self.ground.store.create_bulk(&new).await.unwrap().expect("the file is there");
        self.chores.clone().read_bulks().await;
        self.ground.store.bulk("alice", new.id).await.unwrap().unwrap()
    }

    /// Claims every slice of a model that waits.
    async fn claim_slices(&self, worker: WorkerId, model: &str) -> Vec<Claimed> {
        let route = Route { model: model.to_owned(), class: Class::Bulk };
        let due = self
            .ground
            .store
            .due(&route, forebay_shared::job::Cost::new(u64::MAX >> 2), 500)
            .await
            .unwrap()
            .jobs;
        let ids: Vec<JobId> = due.iter().map(|due| due.id).collect();
        self.ground.store.claim(worker, &ids).await.unwrap()
    }

    /// The numbers and the text of a slice's lines.
    async fn lines(&self, bulk: &Bulk, claimed: &Claimed) -> Vec<(u64, String)> {
        let ItemsAt::File { lines, .. } = &claimed.items else { panic!("a slice was meant") };
        let (_, pieces) = self.ground.store.content("alice", bulk.file).await.unwrap().unwrap();
        let mut found = Vec::new();
        for run in Slice::decode(lines).unwrap().runs {
            let mut content = self.blobs.content(&pieces, run.offset..run.offset + run.length).await.unwrap();
            let mut cut = Lines::from(run.first, run.offset, 1000);
            while let Some(chunk) = TryStreamExt::try_next(&mut content).await.unwrap() {
                found.extend(cut.push(&chunk));
            }
            found.extend(cut.finish());
        }
        let text = |bytes: Option<Bytes>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        found.into_iter().map(|line| (line.number, text(line.bytes))).collect()
    }

    /// Answers a slice, but for lines that are said to fail.
    async fn answer(&self, bulk: &Bulk, worker: WorkerId, claimed: &Claimed, fails: impl Fn(u64) -> bool) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        for (line, _) in self.lines(bulk, claimed).await {
            let id = LineId { bulk: bulk.id, line };
            if fails(line) {
                errors.push(
                    json!({"id": format!("batch_req_{id}"), "error": {"code": "internal"}}).to_string()
                        + "\n",
                );
            } else {
                output.push(json!({"id": format!("batch_req_{id}")}).to_string() + "\n");
            }
        }
        let counts = (u32::try_from(output.len()).unwrap(), u32::try_from(errors.len()).unwrap());
        let (output, errors) = (output.concat(), errors.concat());
        let mut builder = SegmentBuilder::default();
        builder.push(output.as_bytes());
        builder.push(errors.as_bytes());
        let answers = SliceAnswers {
            offset: 0,
            output: output.len() as u64,
            errors: errors.len() as u64,
            completed: counts.0,
            failed: counts.1,
        };
        let (segment, bytes) = builder.finish(worker, claimed.id.0.as_u64_pair().1);
        self.blobs.put(&segment.key, bytes).await.unwrap();
        let settlement = ended(claimed, Ending::Succeeded);
        self.ground.store.settle_slice(worker, &settlement, answers, &segment).await.unwrap();
    }

    async fn content(&self, file: Option<FileId>) -> Vec<Value> {
        let Some(file) = file else { return Vec::new() };
        let (file, pieces) = self.ground.store.content("alice", file).await.unwrap().unwrap();
        let content = self.blobs.content(&pieces, 0..file.bytes).await.unwrap();
        let chunks: Vec<Bytes> = TryStreamExt::try_collect(content).await.unwrap();
        let text = String::from_utf8(chunks.concat()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn again(&self, bulk: &Bulk) -> Bulk {
        self.ground.store.bulk("alice", bulk.id).await.unwrap().unwrap()
    }
}

fn line(id: &str, model: &str) -> String {
    json!({"custom_id": id, "url": "/v1/jobs", "body": {"model": model, "input": "hello"}}).to_string() + "\n"
}

#[tokio::test]
async fn slices_hold_every_line_once_model_by_model() {
    let bench = Bench::new().await;
    bench.ground.store.announce(&[card("other", Kind::Echo)]).await.unwrap();
    // A slice may cost 320, and a line costs 3.
    let content: String =
        (0..1000).map(|n| line(&n.to_string(), if n % 3 == 0 { "other" } else { "echo" })).collect();
    let bulk = bench.read_bulk(Form::Openai, OnBadLine::Refuse, &content).await;
    assert_eq!((bulk.status, bulk.counts.total, bulk.errors.len()), (BulkStatus::InProgress, 1000, 0));
    let worker = bench.ground.worker().await;
    let mut seen = Vec::new();
    for model in ["echo", "other"] {
        let claimed = bench.claim_slices(worker, model).await;
        assert!(claimed.len() > 1, "cut by cost");
        for slice in claimed {
            let lines = bench.lines(&bulk, &slice).await;
            assert_eq!(lines.len(), slice.item_count as usize);
            for (number, text) in lines {
                assert!(text.contains(&format!(r#""custom_id":"{}""#, number - 1)), "line {number}: {text}");
                assert!(text.contains(&format!(r#""model":"{model}""#)));
                seen.push(number);
            }
            assert!(slice.cost.units() <= 320);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bad_file_is_refused_with_its_lines() {
    let bench = Bench::new().await;
    let content = format!("{}{{\n\n{}{}", line("a", "echo"), line("a", "echo"), line("b", "nobody"));
    // The last line counts, whether or not it has an end.
    let bulk = bench.read_bulk(Form::Openai, OnBadLine::Refuse, content.trim_end()).await;
    assert_eq!(bulk.status, BulkStatus::Failed);
    let told: Vec<_> = bulk.errors.iter().map(|bad| (bad.code.as_str(), bad.line)).collect();
    assert_eq!(
        told,
        [("invalid_json_line", Some(2)), ("duplicate_custom_id", Some(4)), ("model_not_found", Some(5))]
    );
    let empty = bench.read_bulk(Form::Openai, OnBadLine::Refuse, "\n \n").await;
    assert_eq!((empty.status, empty.errors[0].code.as_str()), (BulkStatus::Failed, "empty_file"));
}

#[tokio::test]
async fn bad_lines_are_reported_and_the_rest_runs() {
    let bench = Bench::new().await;
    let content = format!("{}nonsense\n{}", line("a", "echo"), line("b", "echo"));
    let bulk = bench.read_bulk(Form::Native, OnBadLine::Report, &content).await;
    assert_eq!((bulk.status, bulk.counts.total, bulk.counts.failed), (BulkStatus::InProgress, 3, 1));
    let told = bench.content(bulk.error_file).await;
    assert_eq!(
        (told[0]["line"].as_u64(), told[0]["error"]["code"].as_str()),
        (Some(2), Some("invalid_json_line"))
    );
    let worker = bench.ground.worker().await;
    let slices = bench.claim_slices(worker, "echo").await;
    assert_eq!(bench.lines(&bulk, &slices[0]).await.iter().map(|line| line.0).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn two_schedulers_read_a_file_once() {
    let bench = Bench::new().await;
    let file = bench.file(&line("a", "echo"), 100).await;
    let new = bench.new_bulk(Form::Openai, OnBadLine::Refuse, file);
    bench.ground.store.create_bulk(&new).await.unwrap();
    let other = bench.replica("two");
    tokio::join!(bench.chores.clone().read_bulks(), other.read_bulks());
    let worker = bench.ground.worker().await;
    assert_eq!(bench.claim_slices(worker, "echo").await.len(), 1);
}

#[tokio::test]
async fn a_reader_that_dies_while_its_bulk_is_cancelled_leaves_no_lease() {
    let bench = Bench::new().await;
    let file = bench.file(&line("a", "echo"), 100).await;
    let bulk = bench.new_bulk(Form::Openai, OnBadLine::Refuse, file);
    bench.ground.store.create_bulk(&bulk).await.unwrap();
    let lease = format!("bulk {}", bulk.id);
    assert!(bench.ground.store.lead(&lease, "dead", HOUR).await.unwrap());
    bench.ground.store.cancel_bulk("alice", bulk.id).await.unwrap();
    bench.chores.clone().read_bulks().await;
    bench.chores.clone().retain().await;
    assert!(!bench.ground.store.lead(&lease, "two", HOUR).await.unwrap(), "it may live yet");
    bench.ground.clock.advance(HOUR);
    bench.chores.clone().retain().await;
    assert_eq!(bench.ground.store.forget_lapsed().await.unwrap(), 0, "retention has forgotten it");
}

#[tokio::test]
async fn lines_that_nobody_answered_get_an_error_and_run_again_alone() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    let bench = Bench::new().await;
    let content: String = (0..300).map(|n| line(&n.to_string(), "echo")).collect();
    let bulk = bench.read_bulk(Form::Openai, OnBadLine::Refuse, &content).await;
    let worker = bench.ground.worker().await;
    let mut slices = bench.claim_slices(worker, "echo").await;
    slices.sort_by_key(|slice| slice.id);
    bench.answer(&bulk, worker, &slices[0], |line| line == 7).await;
    bench.chores.clone().end().await;
    assert_eq!(bench.again(&bulk).await.status, BulkStatus::InProgress, "slices still run");
    bench.ground.store.cancel_bulk("alice", bulk.id).await.unwrap();
    for slice in &slices[1..] {
        assert!(bench.ground.settle(worker, ended(slice, Ending::Cancelled), None).await);
    }
    bench.chores.clone().end().await;
    bench.chores.clone().end().await;
    let bulk = bench.again(&bulk).await;
    assert_eq!(bulk.status, BulkStatus::Cancelled);
    assert_eq!(bulk.counts.completed + bulk.counts.failed, 300);
    let errors = bench.content(bulk.error_file).await;
    let cancelled: Vec<_> = errors.iter().filter(|line| line["error"]["code"] == "batch_cancelled").collect();
    assert_eq!(cancelled.len() as u64, bulk.counts.failed - 1);
    assert!(cancelled.iter().all(|line| line["custom_id"].is_string() && line["response"].is_null()));
    let (counted, dropped) = (metrics.render(), cancelled.len());
    let expected = format!(r#"forebay_items_dropped_total{{reason="cancelled"}} {dropped}"#);
    assert!(counted.contains(&expected), "{counted}");

    let retry =
        NewBulk { retry_of: Some(bulk.id), ..bench.new_bulk(Form::Openai, OnBadLine::Refuse, bulk.file) };
    let retry = bench.bulk(retry).await;
    assert_eq!((retry.status, retry.counts.total), (BulkStatus::InProgress, bulk.counts.failed));
    let mut lines = Vec::new();
    for slice in bench.claim_slices(worker, "echo").await {
        lines.extend(bench.lines(&retry, &slice).await);
    }
    assert_eq!(lines.len() as u64, bulk.counts.failed);
    assert_eq!(lines[0].0, 7, "the line that failed, and those that had not run");
}

#[tokio::test]
async fn a_line_that_was_refused_for_its_name_is_refused_again() {
    let bench = Bench::new().await;
    let names = ["a", "b", "a", "c", "b", "c"];
    let content: String = names.iter().map(|name| line(name, "echo")).collect();
    let mut bulk = bench.read_bulk(Form::Native, OnBadLine::Report, &content).await;
    let worker = bench.ground.worker().await;
    // Line 2 fails whenever it runs. The third time nothing is left but what is refused.
    for (running, fails, told) in
        [(vec![1, 2, 4], 2, vec![2, 3, 5, 6]), (vec![2], 2, vec![2, 3, 5, 6]), (vec![2], 0, vec![3, 5, 6])]
    {
        let mut ran = Vec::new();
        for slice in bench.claim_slices(worker, "echo").await {
            ran.extend(bench.lines(&bulk, &slice).await.into_iter().map(|line| line.0));
            bench.answer(&bulk, worker, &slice, |line| line == fails).await;
        }
        assert_eq!(ran, running);
        bench.chores.clone().end().await;
        bulk = bench.again(&bulk).await;
        assert_eq!((bulk.status, bulk.counts.failed), (BulkStatus::Completed, told.len() as u64));
        let errors = bench.content(bulk.error_file).await;
        let mut lines: Vec<_> = errors.iter().map(|error| (failed_line(error), code(error))).collect();
        lines.sort_unstable();
        let code = |line| if line == 2 { "internal" } else { "duplicate_custom_id" };
        assert_eq!(lines, told.into_iter().map(|line| (line, code(line))).collect::<Vec<_>>());
        let retry =
            NewBulk { retry_of: Some(bulk.id), ..bench.new_bulk(Form::Native, OnBadLine::Report, bulk.file) };
        bulk = bench.bulk(retry).await;
    }
    assert!(bench.claim_slices(worker, "echo").await.is_empty(), "nothing of what is left may run");
    bench.chores.clone().end().await;
    let bulk = bench.again(&bulk).await;
    assert_eq!((bulk.status, bulk.counts.total, bulk.counts.failed), (BulkStatus::Completed, 3, 3));
    assert_eq!(bench.content(bulk.error_file).await.len(), 3);
}

/// The number of the line that an error is about, as either form tells it.
fn failed_line(error: &Value) -> u64 {
    let id = || error["id"].as_str()?.strip_prefix("batch_req_")?.parse::<LineId>().ok();
    error["line"].as_u64().or_else(|| id().map(|id| id.line)).expect("an error names its line")
}

fn code(error: &Value) -> &str {
    error["error"]["code"].as_str().expect("an error has a code")
}

#[tokio::test]
async fn a_bulk_expires_with_errors_for_what_had_not_run() {
    let bench = Bench::new().await;
    let bulk = bench.read_bulk(Form::Openai, OnBadLine::Refuse, &line("a", "echo")).await;
    bench.ground.clock.advance(HOUR);
    bench.chores.clone().end().await;
    let bulk = bench.again(&bulk).await;
    assert_eq!((bulk.status, bulk.output_file), (BulkStatus::Expired, None));
    assert_eq!(bench.content(bulk.error_file).await[0]["error"]["code"], "batch_expired");
}

#[tokio::test]
async fn a_forgotten_bulk_leaves_no_object() {
    let bench = Bench::new().await;
    let content = format!("{}nonsense\n", line("a", "echo"));
    let bulk = bench.read_bulk(Form::Native, OnBadLine::Report, &content).await;
    let worker = bench.ground.worker().await;
    let slice = bench.claim_slices(worker, "echo").await.remove(0);
    bench.answer(&bulk, worker, &slice, |_| false).await;
    bench.chores.clone().end().await;
    assert_eq!(bench.again(&bulk).await.status, BulkStatus::Completed);
    assert!(bench.ground.store.delete_file("alice", bulk.file).await.unwrap());
    bench.ground.clock.advance(HOUR * 2);
    bench.ground.store.expire_files(10).await.unwrap();
    bench.chores.clone().retain().await;
    bench.chores.clone().retain().await;
    assert!(bench.ground.store.bulk("alice", bulk.id).await.unwrap().is_none());
    for folder in ["segments", "files"] {
        let left: Vec<_> = TryStreamExt::try_collect(bench.blobs.list(folder)).await.unwrap();
        assert_eq!(left, [], "nothing is left in {folder}");
    }
}

#[tokio::test]
async fn rows_of_a_table_are_lines() {
    let bench = Bench::new().await;
    let content = "name;text\na;hello\nb;\"two\nlines\"\n\nc;\n";
    let file = bench.file(content, 7).await;
    let layout =
        Layout::Csv { column: "text".to_owned(), id_column: Some("name".to_owned()), delimiter: b';' };
    let model = Some("echo".to_owned());
    let new = NewBulk { layout, model, ..bench.new_bulk(Form::Native, OnBadLine::Report, file) };
    let bulk = bench.bulk(new.clone()).await;
    assert_eq!((bulk.status, bulk.counts.total, bulk.counts.failed), (BulkStatus::InProgress, 3, 1));
    let told = bench.content(bulk.error_file).await;
    assert_eq!((told[0]["line"].as_u64(), told[0]["error"]["code"].as_str()), (Some(3), Some("empty_input")));
    bench.ground.store.cancel_bulk("alice", bulk.id).await.unwrap();
    bench.chores.clone().end().await;
    let told = bench.content(bench.again(&bulk).await.error_file).await;
    let names: Vec<_> = told.iter().map(|line| (line["line"].as_u64(), line["id"].as_str())).collect();
    assert!(names.contains(&(Some(1), Some("a"))) && names.contains(&(Some(2), Some("b"))), "{names:?}");
    let layout = Layout::Csv { column: "words".to_owned(), id_column: None, delimiter: b';' };
    let refused = bench.bulk(NewBulk { id: bench.ground.ids.bulk(), layout, ..new }).await;
    assert_eq!((refused.status, refused.errors[0].param.as_deref()), (BulkStatus::Failed, Some("column")));
}

#[tokio::test]
async fn lines_find_their_owners_models_and_no_other_owners() {
    let bench = Bench::new().await;
    let of =
        |owner: &str| ModelCard { owner: Some(owner.to_owned()), ..card(&format!("{owner}s"), Kind::Echo) };
    bench.ground.store.announce(&[of("alice"), of("bob")]).await.unwrap();
    let line = |model: &str| json!({"input": "a", "model": model}).to_string() + "\n";
    let bulk = bench.read_bulk(Form::Native, OnBadLine::Report, &(line("alices") + &line("bobs"))).await;
    assert_eq!(
        (bulk.status, bulk.counts.total, bulk.counts.failed),
        (BulkStatus::InProgress, 2, 1),
        "{bulk:?}"
    );
    let worker = bench.ground.worker().await;
    assert_eq!(bench.claim_slices(worker, "alices").await.len(), 1);
    assert!(bench.claim_slices(worker, "bobs").await.is_empty());
}
