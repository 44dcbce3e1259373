//! What tasks are told as.

use forebay_shared::job::{Failure, FailureCode, Label};

use super::*;
use crate::call::Reply as _;

const ANSWERED: Answered<'static> = Answered { id: "1", model: "net", job: None };

fn labels(label: &str) -> Output {
    Output::Labels { labels: vec![Label { label: label.to_owned(), score: 0.75 }] }
}

fn text(answer: Answer) -> String {
    assert_eq!((answer.content_type, answer.headers.len()), ("application/json", 0));
    String::from_utf8(answer.body).unwrap()
}

fn told(reply: Reply, outcomes: Vec<Outcome>) -> String {
    text(reply.write(ANSWERED, outcomes).unwrap())
}

#[test]
fn a_result_is_what_the_model_made_of_the_picture() {
    let several = vec![Ok(labels("cat")), Ok(labels("dog"))];
    let told = [
        told(Reply::Processed, vec![Ok(labels("cat"))]),
        told(Reply::Task, vec![Ok(labels("cat"))]),
        told(Reply::Task, several),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    {"result":{"labels":[{"label":"cat","score":0.75}]}}
    {"status":"completed","result":{"labels":[{"label":"cat","score":0.75}]}}
    {"status":"completed","result":[{"labels":[{"label":"cat","score":0.75}]},{"labels":[{"label":"dog","score":0.75}]}]}
    "#);
}

#[test]
fn a_task_that_has_no_result_tells_where_it_stands() {
    let stands = [Status::Queued, Status::Running].map(|status| text(standing(status, None)));
    let failed = text(standing(Status::Cancelled, Some("the job was cancelled")));
    insta::assert_snapshot!([stands.join("\n"), failed].join("\n"), @r#"
    {"status":"pending"}
    {"status":"processing"}
    {"status":"failed","error":"the job was cancelled"}
    "#);
}

#[test]
fn a_picture_that_failed_is_its_senders_fault_and_a_model_that_failed_is_ours() {
    let fault = |code| {
        let failed = Err(Failure::permanent(code, "it ends too early"));
        Reply::Processed.write(ANSWERED, vec![failed]).unwrap_err()
    };
    let (theirs, ours) = (fault(FailureCode::ImageUndecodable), fault(FailureCode::InferenceFailed));
    assert_eq!((theirs.code, theirs.message.as_str()), (FaultCode::InputFailed, "it ends too early"));
    assert_eq!(ours.code, FaultCode::JobFailed);
    let nothing = Reply::Task.write(ANSWERED, Vec::new()).unwrap_err();
    assert_eq!(nothing.message, "the task has no result");
}
