//! What a message says: thin, with the result if that is small.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::batch;
use crate::clock::Timestamp;
use crate::id::{BulkId, DeliveryId, JobId, WebhookId};
use crate::job::{EventType, Job, Object, Status};

/// What happened, as the row of `events` tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Happening {
    /// What.
    pub kind: EventType,
    /// To which job.
    pub job: Option<JobId>,
    /// To which bulk.
    pub bulk: Option<BulkId>,
    /// The job's model.
    pub model: Option<String>,
    /// The version that it led to.
    pub version: i64,
    /// The number of the attempt that is running or was last.
    pub attempt: Option<u32>,
    /// Items with an output.
    pub succeeded: Option<u32>,
    /// Items with an error.
    pub failed: Option<u32>,
    /// A failure's code.
    pub error: Option<String>,
    /// The client's own words.
    pub metadata: Option<Object>,
    /// When.
    pub at: Timestamp,
}

#[derive(Serialize)]
struct Message<D> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: D,
}

/// A job as a message tells of it.
#[derive(Serialize)]
struct Told<'a> {
    id: Option<JobId>,
    object: &'static str,
    client_id: Option<&'a str>,
    status: Status,
    model: Option<&'a str>,
    items: Items,
    attempt: Option<u32>,
    metadata: Option<&'a Object>,
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    result_url: Option<String>,
    url: Option<String>,
}

#[derive(Serialize)]
struct Items {
    total: Option<u32>,
    succeeded: Option<u32>,
    failed: Option<u32>,
}

/// The message about `what`. `job` is the row, if there still is one; `result` stands in the message if it is given.
/// `root` is what links begin with.
pub fn body(
    id: DeliveryId,
    what: &Happening,
    job: Option<&Job>,
    result: Option<&RawValue>,
    root: &str,
) -> String {
    let text = if what.kind.is_of_job() {
        serde_json::to_string(&Message {
            kind: what.kind.as_str(),
            timestamp: what.at,
            data: told(what, job, result, root),
        })
    } else {
        serde_json::to_string(&of_batch(id, what))
    };
    text.expect("a message is a tree of strings and numbers")
}

fn told<'a>(what: &'a Happening, job: Option<&'a Job>, result: Option<&'a RawValue>, root: &str) -> Told<'a> {
    // A row that has gone on since tells of another moment.
    let then = job.filter(|job| job.version == what.version);
    let url = what.job.map(|id| format!("{root}/v1/jobs/{id}"));
    let message = then.and_then(|job| job.error.as_ref()).map(|failure| failure.message.as_str());
    Told {
        id: what.job,
        object: "job",
        client_id: job.and_then(|job| job.client_id.as_deref()),
        // Progress is made while it runs.
        status: what.kind.status().unwrap_or(Status::Running),
        model: what.model.as_deref(),
        items: Items { total: job.map(|job| job.item_count), succeeded: what.succeeded, failed: what.failed },
        attempt: what.attempt,
        metadata: what.metadata.as_ref(),
        error: what.error.as_ref().map(|code| json!({"code": code, "message": message})),
        result,
        result_url: then
            .filter(|job| job.result.is_some())
            .and_then(|_| url.as_ref().map(|url| format!("{url}/result"))),
        url,
    }
}

/// As OpenAI tells of batches, in what Standard Webhooks asks for.
fn of_batch(id: DeliveryId, what: &Happening) -> Value {
    json!({
        "id": format!("evt_{}", id.0.simple()),
        "object": "event",
        "type": what.kind.as_str(),
        "created_at": what.at.seconds(),
        "timestamp": what.at,
        "data": {"id": what.bulk.map(batch)},
    })
}

/// The type of the test button's messages, which nobody can ask for.
pub const TEST: &str = "webhook.test";

/// The message of the test button.
pub fn test_body(webhook: WebhookId, now: Timestamp) -> String {
    json!({"type": TEST, "timestamp": now, "data": {"webhook": webhook}}).to_string()
}
