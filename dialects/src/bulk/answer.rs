//! How a line is answered: a line of the file of answers, or of that of errors.
//!
//! Answers are deterministic: a slice that runs twice gives equal bytes.

use forebay_shared::bulk::{BadLine, Form, LineId};
use forebay_shared::clock::Timestamp;
use forebay_shared::job::{FailureCode, Outcome, result_document};
use serde_json::{Value, json};

use super::line::{Request, Wanted};
use crate::call::{Answered, Reply};
use crate::{Fault, FaultCode, openai};

/// What a line is told that had not run when its bulk's window passed.
pub const BATCH_EXPIRED: &str = "batch_expired";
/// What a line is told that had not run when its bulk was cancelled, or its slice when its queue was purged.
pub const BATCH_CANCELLED: &str = "batch_cancelled";

/// Why lines have not run, in a sentence.
pub fn unfinished(code: &str) -> &'static str {
    match code {
        BATCH_EXPIRED => "the bulk's window passed before this line had run",
        _ => "the line's work was cancelled before it had run",
    }
}

/// Lines of answers and of errors, as they are written.
#[derive(Debug, Default)]
pub struct Answers {
    /// Lines with an answer, each ended.
    pub output: Vec<u8>,
    /// Lines with an error, each ended.
    pub errors: Vec<u8>,
    /// How many of the former.
    pub completed: u32,
    /// How many of the latter.
    pub failed: u32,
}

impl Answers {
    /// Adds what became of a line; `stopped` is the code of items that were not to run any more.
    pub fn add(
        &mut self,
        form: Form,
        (id, request): (LineId, &Request),
        (model, stopped): (&str, &str),
        outcomes: Vec<Outcome>,
    ) {
        let has = |code| outcomes.iter().any(|one| one.as_ref().is_err_and(|failure| failure.code == code));
        let was_late = has(FailureCode::Expired);
        let was_stopped = was_late || has(FailureCode::Cancelled);
        let stopped = if was_late { BATCH_EXPIRED } else { stopped };
        match &request.reply {
            Wanted::Call(reply) if !was_stopped => {
                let name = id.to_string();
                match reply.write(Answered { id: &name, model, job: None }, outcomes) {
                    Ok(answer) => self.response(form, id, request.id.as_deref(), &answer.body),
                    Err(fault) => self.refused(form, id, request.id.as_deref(), &fault),
                }
            }
            Wanted::Result if outcomes.iter().any(Result::is_ok) => {
                self.response(form, id, request.id.as_deref(), &result_document(&outcomes, &[], &[]));
            }
            Wanted::Result if !was_stopped => {
                let first = outcomes.into_iter().find_map(Result::err);
                let (code, message) = first
                    .map_or(("internal", "the line has no items".to_owned()), |failure| {
                        (failure.code.as_str(), failure.message)
                    });
                self.error(form, id, request.id.as_deref(), (code, &message));
            }
            _ => self.error(form, id, request.id.as_deref(), (stopped, unfinished(stopped))),
        }
    }

    /// Adds a line that could not be read, or did not run: its name as far as that is known, a code and a sentence.
    pub fn error(&mut self, form: Form, id: LineId, name: Option<&str>, (code, message): (&str, &str)) {
        let line = match form {
            Form::Openai => json!({
                "id": format!("batch_req_{id}"), "custom_id": name, "response": null,
                "error": { "code": code, "message": message },
            }),
            Form::Native => json!({
                "line": id.line, "id": name, "status": "failed", "error": { "code": code, "message": message },
            }),
        };
        self.failed_line(&line);
    }

    /// Adds an answer; `body` is JSON.
    fn response(&mut self, form: Form, id: LineId, name: Option<&str>, body: &[u8]) {
        let name = json!(name);
        let (before, after) = match form {
            Form::Openai => (
                format!(
                    r#"{{"id":"batch_req_{id}","custom_id":{name},"response":{{"status_code":200,"request_id":"req_{id}","body":"#
                ),
                r#"},"error":null}"#,
            ),
            Form::Native => {
                (format!(r#"{{"line":{},"id":{name},"status":"succeeded","result":"#, id.line), "}")
            }
        };
        // The body is not read again to be written: it may be long, and is JSON already.
        for part in [before.as_bytes(), body, after.as_bytes(), b"\n"] {
            self.output.extend_from_slice(part);
        }
        self.completed += 1;
    }

    /// Adds a line whose call would have been refused.
    fn refused(&mut self, form: Form, id: LineId, name: Option<&str>, fault: &Fault) {
        if form == Form::Native {
            let (code, _) = fault.code.row();
            return self.error(form, id, name, (code, &fault.message));
        }
        // OpenAI's body does not tell the time.
        let (status, body) = openai::error(&fault.refusal(Timestamp::from_micros(0)));
        self.failed_line(&json!({
            "id": format!("batch_req_{id}"), "custom_id": name,
            "response": { "status_code": status, "request_id": format!("req_{id}"), "body": body },
            "error": null,
        }));
    }

    fn failed_line(&mut self, line: &Value) {
        serde_json::to_writer(&mut self.errors, line)
            .expect("a tree of strings and numbers is JSON, and memory takes it");
        self.errors.push(b'\n');
        self.failed += 1;
    }
}

/// What is wrong with a line, as a refused bulk tells it.
pub fn bad_line(fault: &Fault, line: Option<u64>) -> BadLine {
    let code = match fault.code {
        FaultCode::MalformedJson => "invalid_json_line",
        FaultCode::UnknownModel => "model_not_found",
        FaultCode::InvalidField if fault.field.as_deref() == Some("url") => "invalid_url",
        FaultCode::InvalidField if fault.field.as_deref() == Some("method") => "invalid_method",
        code => code.row().0,
    };
    BadLine { code: code.to_owned(), message: fault.message.clone(), param: fault.field.clone(), line }
}

/// The file as a whole is refused.
pub fn refusal(code: &str, message: impl Into<String>, line: Option<u64>) -> BadLine {
    BadLine { code: code.to_owned(), message: message.into(), param: None, line }
}
