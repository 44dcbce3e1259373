//! The declared processes, started on this machine against the private services, with one job of a real model.
//!
//! What the files say is kept but for what a machine without containers cannot have:
//!
//! - hosts, ports and credentials of the servers, with the names of the database and of the bucket;
//! - the port where a process listens, in its arguments or environment and in the question how it is;
//! - the folder with the library and the models, which becomes a temporary one with links to them;
//! - `queue.prefix`, which no file sets, since these servers are shared with other tests.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use forebay_shared::config::{BlobConfig, QueueConfig, StoreConfig};
use forebay_shared::testing::{Services, fresh_ids};
use reqwest::StatusCode;
use serde_json::json;

use super::super::house::{House, Plan};
use super::super::process::{PATIENCE, Process};
use super::{Check, Declared};

/// Below where Linux begins to hand out ports to outgoing connections, so that none of those takes one first.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Starts a fleet as it is declared, has it do a job, and stops it.
pub async fn rehearse(fleet: Vec<Declared>) {
    let services = Services::running();
    let place = Place { store: services.database().await, queue: services.queue(), blobs: services.blobs() };
    let mut house = House::prepared(&Plan::models(), Vec::new(), place.blobs.clone(), true);
    let data = house.folder.path().join("data");
    for declared in fleet {
        let port = free_port();
        let environment = place.environment(&declared, port, &data);
        let arguments = arguments(&declared, port);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if declared.role == "migrate" {
            Process::run(&arguments, &environment, house.folder.path());
            continue;
        }
        let mut process = Process::start(&arguments, &environment, house.folder.path(), declared.role);
        for check in &declared.checks {
            answers(check, port, &mut process).await;
        }
        match declared.role {
            "api" => {
                house.url = format!("http://127.0.0.1:{port}");
                house.carry(&declared.configured("auth.bootstrap_key"));
                house.processes.push(process);
            }
            "worker" => house.workers.push(process),
            _ => house.processes.push(process),
        }
    }
    it_works(&house).await;
    house.workers[0].says("worker registered");
    let left = entries(&data);
    house.stop();
    assert_eq!(left, ["lib", "models"], "nothing is written into the container");
}

/// Strangers are refused; jobs of a real model and of `echo` succeed.
async fn it_works(house: &House) {
    assert_eq!(
        get(&format!("{}/v1/jobs", house.url)).await,
        Some(StatusCode::UNAUTHORIZED),
        "a key is needed"
    );
    for (model, text) in [("echo", "hello"), ("emotion", "We laughed all evening.")] {
        let known = Instant::now();
        while house.get(&format!("/v1/models/{model}")).await.0 != StatusCode::OK {
            assert!(known.elapsed() < PATIENCE, "{model} is served");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let id = house.submit(&json!({"model": model, "input": text})).await;
        let job = house.ended(&id).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        let output = &job["result"]["items"][0]["output"];
        match model {
            "echo" => assert_eq!(output["echo"], text, "{job}"),
            _ => assert_eq!(output["labels"][0]["label"], "happy", "{job}"),
        }
    }
}

/// What takes the place of the declared servers.
struct Place {
    store: StoreConfig,
    queue: QueueConfig,
    blobs: BlobConfig,
}

impl Place {
    fn environment(&self, declared: &Declared, port: u16, data: &Path) -> Vec<(String, String)> {
        let mut environment = declared.environment.clone();
        for (key, value) in &mut environment {
            let local = match key.as_str() {
                "FOREBAY_STORE__URL" => self.store.url.expose().to_owned(),
                "FOREBAY_QUEUE__URL" => self.queue.url.expose().to_owned(),
                "FOREBAY_BLOBS__URL" => self.blobs.url.clone(),
                "FOREBAY_BLOBS__ENDPOINT" => self.blobs.endpoint.clone(),
                "FOREBAY_BLOBS__ACCESS_KEY_ID" => self.blobs.access_key_id.clone(),
                "FOREBAY_BLOBS__SECRET_ACCESS_KEY" => self.blobs.secret_access_key.expose().to_owned(),
                "FOREBAY_DATA_DIR" => data.to_str().unwrap().to_owned(),
                "FOREBAY_TELEMETRY__LISTEN" => format!("0.0.0.0:{port}"),
                _ => continue,
            };
            *value = local;
        }
        environment.insert("FOREBAY_QUEUE__PREFIX".to_owned(), self.queue.prefix.clone());
        environment.into_iter().collect()
    }
}

fn arguments(declared: &Declared, port: u16) -> Vec<String> {
    let mut arguments = declared.arguments.clone();
    if let Some(at) = arguments.iter().position(|argument| argument == "--listen") {
        arguments[at + 1] = format!("0.0.0.0:{port}");
    }
    arguments
}

/// Waits until a check is content.
async fn answers(check: &Check, port: u16, process: &mut Process) {
    let started = Instant::now();
    loop {
        let content = match check {
            Check::Command(command, declared) => {
                let own =
                    command.iter().map(|word| word.replace(&format!("/{declared} "), &format!("/{port} ")));
                let own: Vec<String> = own.collect();
                assert_ne!(&own, command, "the port is replaced");
                let status = Command::new(&own[0]).args(&own[1..]).stderr(Stdio::null()).status();
                status.expect("bash is here").success()
            }
            Check::Get(path, _) => {
                get(&format!("http://127.0.0.1:{port}{path}")).await == Some(StatusCode::OK)
            }
        };
        if content {
            return;
        }
        assert!(process.lives(), "it ended:\n{}", process.log());
        assert!(started.elapsed() < PATIENCE, "{check:?} is not content:\n{}", process.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the client of a service under test, on this machine")]
async fn get(url: &str) -> Option<StatusCode> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.ok().map(|answer| answer.status())
}

fn entries(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A port that nobody uses at the moment; where the search begins is chance, to keep two tests apart.
fn free_port() -> u16 {
    let begin = u16::try_from(fresh_ids().uuid().as_u128() % u128::from(PORTS.end - PORTS.start)).unwrap();
    (PORTS.start + begin..PORTS.end)
        .chain(PORTS)
        .find(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok())
        .expect("a port is free")
}
