//! A job that has answered a call, and the card of a model that exists in no directory: what answers are tested with.

use forebay_shared::clock::Timestamp;
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Job, Kind, Object, Status, Timings};
use forebay_shared::model::ModelCard;
use uuid::Uuid;

use super::{Answer, Answered};

/// Noon of 1 June 2026, when the job was submitted; it took 20 ms.
pub(crate) const NOON: Timestamp = Timestamp::from_micros(1_780_315_200_000_000);

/// An answer without a job.
pub(crate) fn nobody() -> Answered<'static> {
    Answered { id: "1", model: "m", job: None }
}

/// What is written when a job has answered.
pub(crate) fn answered<T>(write: impl FnOnce(Answered<'_>) -> T) -> T {
    let job = job();
    write(Answered { id: "1", model: "m", job: Some(&job) })
}

/// A body as a text.
pub(crate) fn text(answer: Answer) -> String {
    String::from_utf8(answer.body).unwrap()
}

/// The card of a model of this kind.
pub(crate) fn card(name: &str, kind: Kind) -> ModelCard {
    ModelCard {
        name: name.to_owned(),
        owner: None,
        registered: false,
        digest: "00".repeat(32),
        bytes: Some(1000),
        kind,
        aliases: Vec::new(),
        description: String::new(),
        licence: "Apache-2.0".to_owned(),
        owned_by: "forebay".to_owned(),
        labels: Vec::new(),
        prompts: Vec::new(),
        max_tokens: kind.reads_text().then_some(128),
        dimensions: (kind == Kind::TextEmbedding).then_some(384),
        inputs: Vec::new(),
        outputs: Vec::new(),
        batch_cost: 64,
        file: format!("{name}/onnx/model.onnx"),
    }
}

fn job() -> Job {
    let end = NOON.plus(std::time::Duration::from_millis(20));
    Job {
        id: JobId(Uuid::nil()),
        owner: "default".to_owned(),
        model: "m".to_owned(),
        model_digest: "00".repeat(32),
        class: Class::Interactive,
        priority: 0,
        status: Status::Succeeded,
        version: 3,
        item_count: 1,
        succeeded: 1,
        failed: 0,
        attempt: 1,
        max_attempts: 3,
        params: Object::new(),
        metadata: Object::new(),
        cancel_requested: false,
        created_at: NOON,
        available_at: NOON,
        started_at: Some(NOON),
        finished_at: Some(end),
        purge_at: None,
        error: None,
        result: None,
        files: Vec::new(),
        timings: Some(Timings {
            queue_wait_ms: 2.5,
            batch_wait_ms: 0.5,
            batch_size: 2,
            batches: 1,
            padding: 0.125,
            cached: 0,
            prepare_ms: 0.25,
            run_ms: 12.5,
            store_ms: 1.5,
        }),
        waiters: Vec::new(),
        client_id: None,
        start_by: None,
        finish_by: None,
        webhook: None,
        bulk: None,
        changed_at: end,
    }
}
