//! Lines as clients write them, and what they are answered.

use forebay_shared::bulk::{Form, LineId};
use forebay_shared::config::ModerationConfig;
use forebay_shared::id::BulkId;
use forebay_shared::job::{Failure, FailureCode, ImageSource, Input, Kind, Object, Outcome, Output};
use serde_json::{Value, json};

use super::{Answers, BATCH_CANCELLED, Read, Rules, bad_line};

fn read(form: Form, line: &str) -> Read {
    let moderation = ModerationConfig { model: "judge".to_owned(), threshold: 0.5, categories: [].into() };
    let below = Object::from_iter([("delay_ms".to_owned(), json!(5))]);
    let rules = Rules { form, endpoint: None, model: Some("usual"), params: &below, moderation: &moderation };
    rules.read(line.as_bytes())
}

fn refused(form: Form, line: &str) -> String {
    let (id, read) = read(form, line);
    let bad = bad_line(&read.expect_err(line), Some(1));
    format!("{} {}: {} at {}", id.unwrap_or_default(), bad.code, bad.message, bad.param.unwrap_or_default())
}

#[test]
fn a_line_names_its_endpoint_and_its_body() {
    let line =
        r#"{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":["x","y"]}}"#;
    let (id, request) = read(Form::Openai, line);
    let request = request.unwrap();
    assert_eq!(
        (id.as_deref(), request.model.as_str(), request.kinds),
        (Some("a"), "m", &[Kind::TextEmbedding][..])
    );
    assert_eq!(request.items.len(), 2, "one line may be many items");
    let (_, request) =
        read(Form::Openai, r#"{"custom_id":"b","url":"/v1/moderations","body":{"input":"x"}}"#);
    assert_eq!(request.unwrap().model, "judge");
}

#[test]
fn a_native_line_is_a_job_with_the_bulks_parameters_below_its_own() {
    let (id, request) =
        read(Form::Native, r#"{"id":"a","input":{"text":"x","params":{"top_k":1}},"params":{"delay_ms":9}}"#);
    let request = request.unwrap();
    assert_eq!((id.as_deref(), request.model.as_str()), (Some("a"), "usual"));
    assert!(request.kinds.is_empty(), "whatever the model does");
    assert_eq!(Value::from(request.items[0].params.clone()), json!({"delay_ms": 9, "top_k": 1}));
    let (id, request) =
        read(Form::Native, r#"{"custom_id":"c","url":"/v1/jobs","body":{"model":"m","inputs":["x","y"]}}"#);
    let request = request.unwrap();
    assert_eq!((id.as_deref(), request.model.as_str(), request.items.len()), (Some("c"), "m", 2));
    assert_eq!(Value::from(request.items[1].params.clone()), json!({"delay_ms": 5}));
}

#[test]
fn an_item_of_a_line_is_written_as_one_of_a_submission() {
    let line = r#"{"inputs":["x",{"tokens":[1,2]},{"image":{"base64":"AQ\nI"}},{"image":{"data_uri":"DATA:image/png;base64,AQI="}}]}"#;
    let inputs: Vec<_> =
        read(Form::Native, line).1.unwrap().items.into_iter().map(|item| item.input).collect();
    let picture = || Input::Image(ImageSource::Inline(vec![1, 2]));
    assert_eq!(inputs, [Input::Text("x".to_owned()), Input::Tokens(vec![1, 2]), picture(), picture()]);
}

#[test]
fn what_is_wrong_with_a_line_is_named() {
    let openai = [
        r#"{"custom_id":"a","url":"/v1/embeddings","#,
        r#"["custom_id"]"#,
        r#"{"url":"/v1/embeddings","body":{}}"#,
        r#"{"custom_id":"","url":"/v1/embeddings","body":{}}"#,
        r#"{"custom_id":7,"url":"/v1/embeddings","body":{}}"#,
        r#"{"custom_id":"a","body":{}}"#,
        r#"{"custom_id":"a","url":"/v1/embeddings"}"#,
        r#"{"custom_id":"a","method":"GET","url":"/v1/embeddings","body":{}}"#,
        r#"{"custom_id":"a","url":"/v1/chat/completions","body":{}}"#,
        r#"{"custom_id":"a","url":"/v1/embeddings","body":{"model":"m"}}"#,
        r#"{"custom_id":"a","url":"/v1/embeddings","body":{"model":"m","input":[""]}}"#,
        r#"{"custom_id":"a","url":"/v1/jobs","body":{"model":"m","inputs":["x",{"picture":1}]}}"#,
        r#"{"custom_id":"a","url":"/v1/jobs","body":{"model":"m","input":{"image":{}}}}"#,
    ];
    let native = [
        r#"{"id":"a"}"#,
        r#"{"id":"a","input":"x","inputs":[]}"#,
        r#"{"id":"a","inputs":[]}"#,
        r#"{"text":"x"}"#,
    ];
    let told = openai.map(|line| refused(Form::Openai, line)).into_iter();
    let told: Vec<_> = told.chain(native.map(|line| refused(Form::Native, line))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

fn id() -> LineId {
    LineId { bulk: BulkId(uuid::Uuid::from_u128(0xb)), line: 3 }
}

fn answered(form: Form, line: &str, outcomes: Vec<Outcome>) -> (String, (u32, u32)) {
    let request = read(form, line).1.unwrap();
    let mut answers = Answers::default();
    answers.add(form, (id(), &request), ("m", BATCH_CANCELLED), outcomes);
    let lines = [answers.output, answers.errors].concat();
    (String::from_utf8(lines).unwrap(), (answers.completed, answers.failed))
}

fn vector() -> Output {
    Output::Embedding { embedding: vec![0.5], tokens: 3 }
}

fn failure(code: FailureCode) -> Outcome {
    Err(Failure::permanent(code, "so it is"))
}

#[test]
fn a_line_is_answered_as_openai_answers_it() {
    let line = r#"{"custom_id":"\"你\"","url":"/v1/embeddings","body":{"model":"m","input":"x"}}"#;
    insta::assert_snapshot!(answered(Form::Openai, line, vec![Ok(vector())]).0);
    insta::assert_snapshot!(answered(Form::Openai, line, vec![failure(FailureCode::InputTooLong)]).0);
    insta::assert_snapshot!(answered(Form::Openai, line, vec![failure(FailureCode::Cancelled)]).0);
    let (_, counts) = answered(Form::Openai, line, vec![failure(FailureCode::Cancelled)]);
    assert_eq!(counts, (0, 1));
}

#[test]
fn a_native_line_is_answered_as_a_job_is() {
    let line = r#"{"id":"a","inputs":["x","y"]}"#;
    let echo = || Ok(Output::Echo { echo: json!("x") });
    // What was finished is kept, as of any job.
    insta::assert_snapshot!(answered(Form::Native, line, vec![echo(), failure(FailureCode::Cancelled)]).0);
    insta::assert_snapshot!(
        answered(
            Form::Native,
            line,
            vec![failure(FailureCode::InputTooLong), failure(FailureCode::Internal)]
        )
        .0
    );
    let anonymous = r#"{"url":"/v1/embeddings","body":{"model":"m","input":"x"}}"#;
    insta::assert_snapshot!(answered(Form::Native, anonymous, vec![Ok(vector())]).0);
}
