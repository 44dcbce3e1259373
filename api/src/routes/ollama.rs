//! Ollama's endpoints: what they share.

pub mod blob;
pub mod chat;
pub mod copy;
pub mod create;
pub mod delete;
pub mod embed;
pub mod embeddings;
pub mod generate;
mod progress;
pub mod ps;
pub mod pull;
pub mod push;
pub mod show;
pub mod tags;
pub mod version;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use forebay_dialects::ollama::Streaming;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::body::must_be_json_of_a_page;
use crate::limits;
use crate::problem::Problem;
use crate::state::App;

/// A refusal in Ollama's words.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct OllamaError {
    /// One sentence.
    error: String,
}

/// How long a model stays in memory.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the dialect reads it")]
pub enum OllamaKeepAlive {
    /// A duration.
    Text(String),
    /// Seconds.
    Seconds(f64),
}

/// Models as Ollama lists them.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct OllamaModels {
    models: Vec<OllamaModel>,
}

/// A model as Ollama lists it.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct OllamaModel {
    /// Its name with a tag: `latest` if it has none.
    name: String,
    /// The same.
    model: String,
    /// Bytes of its files; 0 if that is not known.
    size: u64,
    /// SHA-256 of its files, in hexadecimal.
    digest: String,
    /// What it is: `format`, `family` (its kind), `context_length`, `embedding_length`, …
    #[schema(value_type = Object)]
    details: Value,
    /// `embedding`, `vision`, or nothing that Ollama has a word for.
    capabilities: Vec<String>,
    /// When it was first announced; of `/api/tags`.
    modified_at: Option<String>,
    /// When it leaves memory; of `/api/ps`.
    expires_at: Option<String>,
    /// Tokens of a text; of `/api/ps`.
    context_length: Option<u32>,
}

/// What a model sees in pictures, in words: the last piece of a stream, and its only one.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct OllamaAnswer {
    /// The model, as it was asked for.
    model: String,
    /// When it had answered.
    created_at: String,
    /// The words; of `/api/generate`.
    response: Option<String>,
    /// The words as `content`; of `/api/chat`.
    #[schema(value_type = Option<Object>)]
    message: Option<Value>,
    /// `true`
    done: bool,
    /// `stop`
    done_reason: String,
    /// Nanoseconds from submission to the end.
    total_duration: u64,
    /// Nanoseconds until the model was free for it.
    load_duration: u64,
    /// 0: pictures have no tokens.
    prompt_eval_count: u64,
    /// Nanoseconds in which the pictures were read and decoded.
    prompt_eval_duration: u64,
    /// 0: the words are not generated.
    eval_count: u64,
    /// Nanoseconds of the model's run.
    eval_duration: u64,
}

/// That it is done.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct OllamaStatus {
    /// `success`
    status: String,
}

/// How far something is: a piece of a stream.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
struct OllamaProgress {
    /// What is being done; at last `success`.
    status: String,
    /// The file that it is done to.
    digest: Option<String>,
    /// Its bytes.
    total: Option<u64>,
    /// Those of them that are done.
    completed: Option<u64>,
}

/// A body that is an order, not a job.
async fn order(app: &App, request: Request) -> Result<Bytes, Problem> {
    must_be_json_of_a_page(request.headers())?;
    let reading = app.memory.read(request, app.config.limits.max_body);
    let (body, _room) = limits::in_time(app.config.api.upload_timeout, reading).await?;
    Ok(body)
}

/// How answers are streamed to this client.
fn streaming(app: &App, headers: &HeaderMap) -> Streaming {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Streaming {
        by_default: app.config.ollama.stream_default,
        as_events: accepts.to_ascii_lowercase().contains("text/event-stream"),
    }
}
