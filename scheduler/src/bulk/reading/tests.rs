//! What is refused, and why.

use std::time::Duration;

use forebay_shared::bulk::{BulkStatus, Counts, Form, Layout, Times};
use forebay_shared::clock::Timestamp;
use forebay_shared::id::{BulkId, FileId};
use forebay_shared::job::Object;
use forebay_shared::testing::{bulk_config, card, no_moderation};
use proptest::prelude::*;

use super::super::records::bounds;
use super::*;

fn bulk() -> Bulk {
    let now = Timestamp::from_micros(0);
    Bulk {
        id: BulkId(uuid::Uuid::nil()),
        owner: "alice".to_owned(),
        key: None,
        form: Form::Openai,
        layout: Layout::Jsonl,
        on_bad_line: OnBadLine::Refuse,
        status: BulkStatus::Validating,
        ending: None,
        version: 1,
        endpoint: Some("/v1/embeddings".to_owned()),
        model: None,
        params: Object::new(),
        file: FileId(uuid::Uuid::nil()),
        retry_of: None,
        window: "24h".to_owned(),
        keep: Duration::from_hours(1),
        metadata: Object::new(),
        webhook: None,
        output_file: None,
        error_file: None,
        errors: Vec::new(),
        counts: Counts::default(),
        cost: 0,
        cost_done: 0,
        times: Times {
            created_at: now,
            expires_at: now,
            in_progress_at: None,
            finalizing_at: None,
            cancelling_at: None,
            ended_at: None,
        },
    }
}

fn reading(bulk: Bulk, change: impl FnOnce(&mut BulkConfig)) -> Reading {
    let mut config = bulk_config();
    change(&mut config);
    let model = |name: &str, kind| {
        let created_at = Timestamp::from_micros(0);
        (
            Model {
                card: card(name, kind),
                created_at,
                workers: 1,
                draining: false,
                loaded: None,
                rate: 0.0,
            },
            Cost::new(100),
        )
    };
    let models = vec![
        model("minilm", Kind::TextEmbedding),
        model("echo", Kind::Echo),
        model("u2netp", Kind::BackgroundRemoval),
        model("judge", Kind::Rerank),
    ];
    let moderation = Arc::new(no_moderation());
    let records = Records::new(&bulk.layout, config.longest_line.as_usize(), bounds(10, 100, 1000));
    Reading::new(
        Arc::new(bulk),
        Means { config: Arc::new(config), moderation, models: Arc::new(models), only: None },
        records,
    )
}

fn line(id: usize, body: &str) -> String {
    format!("{{\"custom_id\":\"{id}\",\"url\":\"/v1/embeddings\",\"body\":{body}}}\n")
}

const GOOD: &str = r#"{"model":"minilm","input":"hello"}"#;

fn refused(mut reading: Reading, file: &str) -> Vec<(String, Option<u64>)> {
    let _ = reading.feed(file.as_bytes());
    match reading.finish().0 {
        Verdict::Refused(errors) => errors.into_iter().map(|bad| (bad.code, bad.line)).collect(),
        Verdict::Good { .. } => Vec::new(),
    }
}

#[test]
fn a_model_must_exist_and_do_what_is_asked() {
    let file = [
        line(1, r#"{"model":"nobody","input":"x"}"#),
        line(2, r#"{"model":"echo","input":"x"}"#),
        line(3, GOOD),
    ];
    let expected = [("model_not_found".to_owned(), Some(1)), ("wrong_input".to_owned(), Some(2))];
    assert_eq!(refused(reading(bulk(), |_| {}), &file.concat()), expected);
}

#[test]
fn a_line_cannot_ask_for_a_picture() {
    let mut reading = reading(Bulk { form: Form::Native, endpoint: None, ..bulk() }, |_| {});
    let _ = reading.feed(br#"{"model":"u2netp","input":{"image":{"url":"https://example.com/cat.png"}}}"#);
    let Verdict::Refused(errors) = reading.finish().0 else { panic!("the line is refused") };
    let told = (errors[0].code.as_str(), errors[0].param.as_deref(), errors[0].message.as_str());
    let message = "the model `u2netp` gives pictures, for which a bulk's files have no place; submit jobs";
    assert_eq!(told, ("wrong_input", Some("model"), message));
}

#[test]
fn a_line_without_the_parameter_that_its_kind_needs_is_refused() {
    let mut reading = reading(Bulk { form: Form::Native, endpoint: None, ..bulk() }, |_| {});
    let _ = reading.feed(br#"{"model":"judge","input":"a"}"#);
    let Verdict::Refused(errors) = reading.finish().0 else { panic!("the line is refused") };
    let told = (errors[0].code.as_str(), errors[0].param.as_deref(), errors[0].message.as_str());
    let message = "rerank needs the parameter `query` for the line's item, unless the item is a pair of `text` and `text_pair`";
    assert_eq!(told, ("invalid_field", Some("params.query"), message));
}

/// Makes a limit narrow.
type Limit = fn(&mut BulkConfig);

#[test]
fn the_limits_hold() {
    let three = [line(1, GOOD), line(2, GOOD), line(3, GOOD)].concat();
    assert_eq!(refused(reading(bulk(), |_| {}), &three), []);
    let cases: [(&str, Limit); 3] = [
        ("too_many_tasks", |config| config.max_lines = 2),
        ("too_many_inputs", |config| config.max_inputs = 2),
        ("invalid_field", |config| config.longest_line = forebay_shared::config::Size::new(20)),
    ];
    for (code, limit) in cases {
        assert_eq!(refused(reading(bulk(), limit), &three)[0].0, code);
    }
}

#[test]
fn so_many_errors_are_told_and_no_more() {
    let file = "{\n".repeat(500);
    assert_eq!(refused(reading(bulk(), |config| config.max_errors = 5), &file).len(), 5);
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_how_the_file_comes(
        bad in prop::collection::btree_set(0_usize..30, 0..4),
        sizes in prop::collection::vec(1_usize..200, 1..9),
    ) {
        let lines: Vec<String> =
            (0..30).map(|id| if bad.contains(&id) { "nonsense\n".to_owned() } else { line(id, GOOD) }).collect();
        let file = lines.concat();
        let mut whole = reading(Bulk { on_bad_line: OnBadLine::Report, ..bulk() }, |_| {});
        let _ = whole.feed(file.as_bytes());
        let mut cut = reading(Bulk { on_bad_line: OnBadLine::Report, ..bulk() }, |_| {});
        let (mut rest, mut sizes) = (file.as_bytes(), sizes.iter().cycle());
        while let Some(size) = sizes.next().filter(|_| !rest.is_empty()) {
            let (chunk, left) = rest.split_at((*size).min(rest.len()));
            let _ = cut.feed(chunk);
            rest = left;
        }
        let ((Verdict::Good { pieces, bad_lines, .. }, told), (Verdict::Good { pieces: others, .. }, also)) =
            (whole.finish(), cut.finish())
        else {
            return Err(TestCaseError::fail("bad lines are reported"));
        };
        prop_assert_eq!(bad_lines, bad.len() as u64);
        prop_assert_eq!(pieces, others);
        prop_assert_eq!(told, also);
    }
}
