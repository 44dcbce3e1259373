//! The few requests that the demo makes.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::process::{GLANCE, Interrupt};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a job may take; the first one of a model also loads it.
const JOB_PATIENCE: Duration = Duration::from_mins(2);

/// No line of a picture is this one, so it can stand between parts.
const BOUNDARY: &str = "----forebay-demo-7f3a9c51";

/// A client of one service.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    interrupt: Interrupt,
}

impl Client {
    /// For the service at `url`.
    pub fn new(url: &str, interrupt: &Interrupt) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        Self { agent: config.build().into(), url: url.to_owned(), interrupt: interrupt.clone() }
    }

    /// Whether the service answers 200 here.
    pub fn is_fine(&self, path: &str) -> bool {
        self.agent.get(format!("{}{path}", self.url)).call().is_ok_and(|response| response.status() == 200)
    }

    /// Submits a job and answers with its path.
    pub fn submit(&self, job: &Value) -> Result<String> {
        let body = job.to_string();
        let asked = self.agent.post(format!("{}/v1/jobs", self.url)).content_type("application/json");
        accepted(asked.send(body.as_bytes()).context("submitting a job")?)
    }

    /// Submits pictures as the items of one job and answers with its path.
    pub fn submit_pictures(&self, job: &Value, pictures: &[(&str, PathBuf)]) -> Result<String> {
        let mut parts = vec![part("job", "application/json", job.to_string().as_bytes())];
        for (name, path) in pictures {
            let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            parts.push(part(name, "image/jpeg", &bytes));
        }
        accepted(self.send_parts(&parts)?)
    }

    /// Submits something that must be refused and answers with the problem.
    pub fn refused(&self, model: &str, name: &str, bytes: &[u8]) -> Result<Value> {
        let job = json!({ "model": model }).to_string();
        let parts = [part("job", "application/json", job.as_bytes()), part(name, "image/jpeg", bytes)];
        let (status, mut problem) = read(self.send_parts(&parts)?)?;
        problem["status"] = json!(status);
        Ok(problem)
    }

    /// Polls a job until it has ended; an end other than `succeeded` is an error.
    pub fn wait(&self, path: &str) -> Result<Value> {
        let begun = Instant::now();
        loop {
            self.interrupt.check()?;
            let answer = self.agent.get(format!("{}{path}", self.url)).call().context("polling a job")?;
            let (status, job) = read(answer)?;
            ensure!(status == 200, "GET {path} answered {status}: {job}");
            match job["status"].as_str().unwrap_or_default() {
                "queued" | "running" => {}
                "succeeded" if job["items"]["failed"] == 0 => return Ok(job),
                _ => bail!("a job ended otherwise than it should: {job}"),
            }
            ensure!(begun.elapsed() < JOB_PATIENCE, "a job is not done after {JOB_PATIENCE:?}: {job}");
            std::thread::sleep(GLANCE / 4);
        }
    }

    /// The first file of a job that has ended.
    pub fn file(&self, path: &str) -> Result<Vec<u8>> {
        let mut answer =
            self.agent.get(format!("{}{path}/files/0", self.url)).call().context("fetching a file")?;
        ensure!(answer.status() == 200, "GET {path}/files/0 answered {}", answer.status());
        answer.body_mut().read_to_vec().context("reading a file")
    }

    fn send_parts(&self, parts: &[Vec<u8>]) -> Result<Response<Body>> {
        let mut body = parts.concat();
        body.extend(format!("--{BOUNDARY}--\r\n").bytes());
        let asked = self.agent.post(format!("{}/v1/jobs", self.url));
        let asked = asked.content_type(format!("multipart/form-data; boundary={BOUNDARY}"));
        asked.send(&body[..]).context("submitting a picture")
    }
}

fn part(name: &str, kind: &str, content: &[u8]) -> Vec<u8> {
    let file = if name == "job" { String::new() } else { format!("; filename=\"{name}\"") };
    let head = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\ncontent-type: {kind}\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n"].concat()
}

/// The path of an accepted job.
fn accepted(response: Response<Body>) -> Result<String> {
    let (status, job) = read(response)?;
    ensure!(status == 202, "POST /v1/jobs answered {status}: {job}");
    let id = job["id"].as_str().with_context(|| format!("an accepted job has no id: {job}"))?;
    Ok(format!("/v1/jobs/{id}"))
}

fn read(mut response: Response<Body>) -> Result<(u16, Value)> {
    let text = response.body_mut().read_to_string().context("reading an answer")?;
    let body = serde_json::from_str(&text).with_context(|| format!("an answer is not JSON: {text}"))?;
    Ok((response.status().as_u16(), body))
}
