//! A client of the api that costs little: connections are kept, bodies are made beforehand, answers are searched for one
//! word and parsed only after the clock has stopped.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

/// How long one request may take; a wait takes at most sixty seconds.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long an upload may take.
const UPLOAD: Duration = Duration::from_mins(20);
/// The longest wait that the api permits.
const WAIT: (&str, &str) = ("prefer", "wait=60");
/// What stands before a job's status; no field before it holds these bytes.
const STATUS: &[u8] = br#""status":""#;

/// Connections to one api.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    /// Opens no connection yet.
    #[expect(clippy::disallowed_methods, reason = "the client of a service under test, on this machine")]
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().http1_only().tcp_nodelay(true).timeout(PATIENCE);
        Ok(Self { http: http.build()?, url: url.to_owned() })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    fn submission(&self, body: &Bytes) -> RequestBuilder {
        let request = self.request(Method::POST, "/v1/jobs");
        request.header(header::CONTENT_TYPE, "application/json").body(body.clone())
    }

    /// Whether the path answers well.
    pub async fn finds(&self, path: &str) -> bool {
        let answer = self.request(Method::GET, path).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Submits a job and answers with its path.
    pub async fn submit(&self, body: &Bytes) -> anyhow::Result<String> {
        let answer = self.submission(body).send().await?;
        let status = answer.status();
        let place = answer.headers().get(header::LOCATION).and_then(|place| place.to_str().ok());
        let place = place.map(str::to_owned);
        let said = answer.bytes().await?;
        anyhow::ensure!(status == StatusCode::ACCEPTED, "a submission: {status}, {}", words(&said));
        place.context("a submission was accepted without a location")
    }

    /// Submits a job and answers with its document when it has succeeded.
    pub async fn run(&self, body: &Bytes) -> anyhow::Result<Bytes> {
        let answer = self.submission(body).header(WAIT.0, WAIT.1).send().await?;
        let status = answer.status();
        let said = answer.bytes().await?;
        anyhow::ensure!(
            status == StatusCode::OK && job_status(&said) == Some("succeeded"),
            "a job that was waited for: {status}, {}",
            words(&said)
        );
        Ok(said)
    }

    /// Waits until the job at `path` has succeeded and answers with its document.
    pub async fn succeeded(&self, path: &str) -> anyhow::Result<Bytes> {
        loop {
            let answer = self.request(Method::GET, path).header(WAIT.0, WAIT.1).send().await?;
            let status = answer.status();
            let said = answer.bytes().await?;
            match job_status(&said) {
                Some("succeeded") => return Ok(said),
                Some("queued" | "running") => {}
                _ => anyhow::bail!("{path}: {status}, {}", words(&said)),
            }
        }
    }

    /// Fetches the result of the job at `path`.
    pub async fn result(&self, path: &str) -> anyhow::Result<Bytes> {
        let answer = self.request(Method::GET, &format!("{path}/result")).send().await?;
        Ok(answer.error_for_status()?.bytes().await?)
    }

    /// Uploads a file of requests and answers with its id.
    pub async fn upload(&self, requests: Bytes) -> anyhow::Result<String> {
        let bytes = requests.len() as u64;
        let file = Part::stream_with_length(requests, bytes).file_name("requests.jsonl");
        let form = Form::new().text("purpose", "batch").part("file", file);
        let request = self.request(Method::POST, "/v1/files").timeout(UPLOAD).multipart(form);
        id(&answer(request).await?)
    }

    /// Asks for a batch of the file's requests, and answers with its path.
    pub async fn create_batch(&self, file: &str, endpoint: &str) -> anyhow::Result<String> {
        let wishes = json!({"input_file_id": file, "endpoint": endpoint, "completion_window": "24h"});
        let created = answer(self.request(Method::POST, "/v1/batches").json(&wishes)).await?;
        Ok(format!("/v1/batches/{}", id(&created)?))
    }

    /// The document at `path`.
    pub async fn document(&self, path: &str) -> anyhow::Result<Value> {
        answer(self.request(Method::GET, path)).await
    }

    /// The text at a URL of another server.
    pub async fn text(&self, url: &str) -> anyhow::Result<String> {
        Ok(self.http.get(url).send().await?.error_for_status()?.text().await?)
    }
}

/// The document that a request is answered with, if it is answered well.
async fn answer(request: RequestBuilder) -> anyhow::Result<Value> {
    let answer = request.send().await?;
    let (status, path) = (answer.status(), answer.url().path().to_owned());
    let said = answer.bytes().await?;
    anyhow::ensure!(status.is_success(), "{path}: {status}, {}", words(&said));
    Ok(serde_json::from_slice(&said)?)
}

/// The id in a document.
fn id(document: &Value) -> anyhow::Result<String> {
    Ok(document["id"].as_str().context("an answer has no id")?.to_owned())
}

/// The status in a job's document, found without reading the rest of it.
fn job_status(document: &[u8]) -> Option<&str> {
    let from = document.windows(STATUS.len()).position(|window| window == STATUS)? + STATUS.len();
    let word = document[from..].split(|byte| *byte == b'"').next()?;
    std::str::from_utf8(word).ok()
}

/// The beginning of an answer, for people.
fn words(said: &[u8]) -> String {
    String::from_utf8_lossy(&said[..said.len().min(400)]).into_owned()
}
