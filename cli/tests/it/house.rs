//! A whole Forebay, in one process or in many, with a client.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use forebay_shared::config::BlobConfig;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::process::{PATIENCE, Process};

/// How long a test waits for what must come, on a busy machine.
pub const LONG: Duration = Duration::from_mins(2);

/// A running Forebay.
pub struct House {
    /// What every process is given.
    pub environment: Vec<(String, String)>,
    /// Arguments of the process that is killed and started again: the worker, or everything.
    worker: Vec<&'static str>,
    pub processes: Vec<Process>,
    pub workers: Vec<Process>,
    pub url: String,
    client: Client,
    key: Option<String>,
    started: usize,
    /// The object store, to look behind the scenes.
    pub blobs: BlobConfig,
    is_fleet: bool,
    /// Goes last: whoever fails shows the logs in it.
    pub folder: tempfile::TempDir,
}

/// What kind of house, and how it differs from the default.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whether the real models are served; otherwise `echo` alone.
    pub models: bool,
    /// Further environment.
    pub environment: Vec<(&'static str, String)>,
}

impl Plan {
    /// Only `echo`.
    pub fn echo() -> Self {
        Self::default()
    }

    /// The starter models too.
    pub fn models() -> Self {
        Self { models: true, ..Self::default() }
    }

    /// With one more setting.
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((key, value.into()));
        self
    }

    /// Leases that lapse soon, so that deaths are noticed within a test.
    pub fn hasty(self) -> Self {
        self.with("FOREBAY_WORKER__BEAT", "500ms").with("FOREBAY_WORKER__LEASE", "3s")
    }
}

impl House {
    /// A house whose processes are not started yet.
    pub fn prepared(
        plan: &Plan,
        environment: Vec<(String, String)>,
        blobs: BlobConfig,
        is_fleet: bool,
    ) -> Self {
        let folder = tempfile::Builder::new().prefix("forebay-test-").tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let mut all = vec![("FOREBAY_DATA_DIR".to_owned(), data.to_string_lossy().into_owned())];
        if plan.models {
            let starter = starter_data();
            for part in ["lib", "models"] {
                std::os::unix::fs::symlink(starter.join(part), data.join(part)).unwrap();
            }
        } else {
            all.push(("FOREBAY_WORKER__MODELS".to_owned(), r#"["echo"]"#.to_owned()));
        }
        all.push(("FOREBAY_TELEMETRY__LOG".to_owned(), "info,forebay_worker=debug".to_owned()));
        all.extend(environment);
        all.extend(plan.environment.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let key = all.iter().find(|(key, _)| key == "FOREBAY_AUTH__BOOTSTRAP_KEY");
        let key = key.map(|(_, key)| key.clone());
        Self {
            folder,
            environment: all,
            worker: Vec::new(),
            processes: Vec::new(),
            workers: Vec::new(),
            url: String::new(),
            client: client(),
            key,
            started: 0,
            blobs,
            is_fleet,
        }
    }

    /// Says how the process is started that takes work.
    pub fn set_worker(&mut self, arguments: Vec<&'static str>) {
        self.worker = arguments;
    }

    /// Whether it is a fleet on real servers, or one process.
    pub fn is_fleet(&self) -> bool {
        self.is_fleet
    }

    /// Starts a process beside the workers.
    #[cfg(feature = "services")]
    pub fn start(&mut self, arguments: &[&str]) -> &mut Process {
        self.started += 1;
        let name = format!("{}-{}", arguments[0], self.started);
        let process = Process::start(arguments, &self.environment, self.folder.path(), &name);
        self.processes.push(process);
        self.processes.last_mut().unwrap()
    }

    /// Starts a process that takes work, and waits until it does.
    pub async fn start_worker(&mut self) {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let mut process = Process::start(&self.worker, &self.environment, self.folder.path(), &name);
        process.says("worker registered");
        if self.is_fleet {
            self.known().await;
        } else {
            self.url = address(&process.says("listening on"));
            self.ready().await;
        }
        self.workers.push(process);
    }

    /// Starts a process that takes work in place of each that has died, and answers how many had. It may die as soon as it
    /// takes any.
    #[cfg(feature = "rehearsal")]
    pub fn revive(&mut self) -> usize {
        let before = self.workers.len();
        self.workers.retain_mut(Process::lives);
        let dead = before - self.workers.len();
        for _ in 0..dead {
            self.started += 1;
            let name = format!("worker-{}", self.started);
            let mut process = Process::start(&self.worker, &self.environment, self.folder.path(), &name);
            if !self.is_fleet
                && let Some(greeting) = process.hears("listening on")
            {
                self.url = address(&greeting);
            }
            self.workers.push(process);
        }
        dead
    }

    /// Kills the process that answers, without a word, and starts another: in a fleet that is the api alone.
    pub async fn restart_api(&mut self) {
        if !self.is_fleet {
            self.workers.remove(0).kill();
            return self.start_worker().await;
        }
        #[cfg(feature = "services")]
        {
            let api =
                self.processes.iter().position(|process| process.is_called("api")).expect("an api runs");
            self.processes.remove(api).kill();
            let greeting = self.start(&["api", "--listen", "127.0.0.1:0"]).says("listening on");
            self.listen_to(&greeting).await;
        }
    }

    /// Starts a second api beside the first; answers with both addresses.
    #[cfg(feature = "services")]
    pub async fn start_another_api(&mut self) -> [String; 2] {
        let first = self.url.clone();
        let greeting = self.start(&["api", "--listen", "127.0.0.1:0"]).says("listening on");
        self.listen_to(&greeting).await;
        let second = std::mem::replace(&mut self.url, first.clone());
        assert_ne!(first, second);
        [first, second]
    }

    /// Takes the address out of the api's greeting and waits until it is ready.
    #[cfg(feature = "services")]
    pub async fn listen_to(&mut self, greeting: &str) {
        self.url = address(greeting);
        self.ready().await;
    }

    async fn ready(&self) {
        let started = Instant::now();
        while !matches!(self.client.get(format!("{}/readyz", self.url)).send().await, Ok(answer) if answer.status().is_success())
        {
            assert!(started.elapsed() < PATIENCE, "the api gets ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends this key with every request.
    pub fn carry(&mut self, key: &str) {
        self.key = Some(key.to_owned());
    }

    /// Until the api has heard of the worker's models, which takes it as long as its catalogue counts as fresh.
    async fn known(&self) {
        let started = Instant::now();
        while self.get("/v1/models/echo").await.0 != StatusCode::OK {
            assert!(started.elapsed() < PATIENCE, "the api knows of the worker's models");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A request to the api.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request_at(&self.url, method, path)
    }

    /// A request to the api at this address.
    pub fn request_at(&self, url: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{url}{path}"));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// GET, as JSON.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.request(Method::POST, path).json(body)).await
    }

    /// Submits a job and answers with its id.
    pub async fn submit(&self, body: &Value) -> String {
        let (status, job) = self.post("/v1/jobs", body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{job}");
        job["id"].as_str().unwrap().to_owned()
    }

    /// Submits a job of one text for `echo` that keeps the device busy for a while.
    pub async fn submit_echo(&self, text: &str, delay_ms: u32) -> String {
        self.submit(&json!({"model": "echo", "input": text, "params": {"delay_ms": delay_ms}})).await
    }

    /// Waits until the job has ended.
    pub async fn ended(&self, id: &str) -> Value {
        let started = Instant::now();
        loop {
            let (status, job) = self.get(&format!("/v1/jobs/{id}")).await;
            if status == StatusCode::OK && !matches!(job["status"].as_str(), Some("queued" | "running")) {
                return job;
            }
            assert!(started.elapsed() < LONG, "job {id} ends; it is {job}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until all jobs have ended, reading them from the listing.
    pub async fn all_ended(&self, ids: &[String]) -> Vec<Value> {
        let mut jobs = Vec::with_capacity(ids.len());
        for id in ids {
            jobs.push(self.ended(id).await);
        }
        jobs
    }

    /// Waits until so many jobs are in this status.
    pub async fn until_count(&self, status: &str, count: usize) {
        let started = Instant::now();
        loop {
            let (_, list) = self.get(&format!("/v1/jobs?status={status}&limit=100")).await;
            if list["data"].as_array().is_some_and(|jobs| jobs.len() >= count) {
                return;
            }
            assert!(started.elapsed() < LONG, "{count} jobs get {status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the system says of the memory of the process that answers requests, in bytes: `VmRSS`, or `VmHWM` at its peak.
    pub fn memory(&self, what: &str) -> u64 {
        // Of a fleet, the api is started last before the workers.
        let process = if self.is_fleet { self.processes.last() } else { self.workers.first() };
        process.expect("something answers requests").memory(what)
    }

    /// Stops everything in good order.
    pub fn stop(mut self) {
        for process in self.workers.drain(..).chain(self.processes.drain(..)) {
            process.stop();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the client of a service under test, on this machine")]
fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    match request.timeout(LONG).send().await {
        Ok(answer) => {
            let status = answer.status();
            let body = answer.bytes().await.unwrap_or_default();
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        }
        // A process that is being killed does not answer.
        Err(_) => (StatusCode::BAD_GATEWAY, Value::Null),
    }
}

/// `… listening on http://127.0.0.1:1234, …`
pub fn address(greeting: &str) -> String {
    let from = greeting.find("http://").unwrap_or_else(|| panic!("no address in `{greeting}`"));
    greeting[from..].split([',', ' ']).next().unwrap_or_default().to_owned()
}

/// Where `cargo xtask setup` has put the models, the runtime library and the Python clients.
pub fn starter_data() -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.forebay").canonicalize();
    let data = data.expect("the starter models are there: run `cargo xtask setup`");
    assert!(data.join("models").is_dir(), "the starter models are missing: run `cargo xtask setup`");
    data
}
