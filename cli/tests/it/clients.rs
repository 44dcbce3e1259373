//! Public clients, unmodified, against the real program on both columns.
//!
//! Each script says by its exit status whether its client was content; `cargo xtask setup --clients` installs them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::columns::{embedded, on_both};
use super::house::{House, LONG, Plan, address, starter_data};
use super::process::Process;

/// A key for those who ask for one.
pub const KEY: &str = "a-key-of-at-least-32-characters-for-tests";

on_both! {
    judging().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY) => [
        openais_client_embeds_and_judges,
        openais_client_for_node_embeds_judges_and_is_limited,
    ];
    Plan::models().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY) => [
        ollamas_clients_embed_and_look_at_pictures,
    ];
    small_files().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY) => [
        openais_client_keeps_files,
    ];
    polling().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY) => [
        image_tasks_work_as_their_document_says,
    ];
    named().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY) => [
        tritons_client_infers,
    ];
    Plan::echo().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY) => [
        openais_client_for_node_keeps_files_and_runs_batches,
    ];
    bringing() => [
        models_are_brought_by_others_clients,
    ];
    Plan::models() => [
        a_connection_that_ends_takes_its_job_along,
    ];
}

/// The models, one of which judges texts.
pub fn judging() -> Plan {
    Plan::models()
        .with("FOREBAY_MODELS__ALIASES", r#"{ text-embedding-ada-002 = "all-minilm-l6-v2" }"#)
        .with("FOREBAY_MODERATION__MODEL", "emotion")
        .with("FOREBAY_MODERATION__CATEGORIES", r#"{ angry = "harassment", sad = "gloom" }"#)
}

/// The models, and more image tasks a minute than a document's examples make: the script looks after its tasks every moment.
fn polling() -> Plan {
    Plan::models().with("FOREBAY_RATE_LIMITS__IMAGE_TASK_REQUESTS", "10000/min")
}

/// The models, one of which has a name with a slash.
fn named() -> Plan {
    Plan::models().with("FOREBAY_MODELS__ALIASES", r#"{ "acme/minilm" = "all-minilm-l6-v2" }"#)
}

async fn openais_client_embeds_and_judges(house: House) {
    run("openai_base.py", &house, &[KEY]).await;
    house.stop();
}

async fn openais_client_for_node_embeds_judges_and_is_limited(house: House) {
    let arguments = ["keys", "create", "--owner", "slow", "--rate", "3/min"];
    let slow = Process::run(&arguments, &house.environment, house.folder.path()).trim().to_owned();
    run("openai_base.cjs", &house, &[KEY, &slow]).await;
    house.stop();
}

async fn openais_client_for_node_keeps_files_and_runs_batches(house: House) {
    run("openai_files.cjs", &house, &[KEY]).await;
    house.stop();
}

async fn image_tasks_work_as_their_document_says(house: House) {
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/samples/cat.jpg");
    run("image_tasks.py", &house, &[KEY, picture]).await;
    house.stop();
}

async fn ollamas_clients_embed_and_look_at_pictures(house: House) {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/reference/images/photo-cat.png");
    let picture = picture.to_str().unwrap();
    run("ollama_base.py", &house, &[KEY, picture]).await;
    run("ollama_base.cjs", &house, &[KEY, picture]).await;
    house.stop();
}

/// Nothing is served but what is brought in.
fn bringing() -> Plan {
    Plan::models()
        .with("FOREBAY_AUTH__MODE", "keys")
        .with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY)
        .with("FOREBAY_WORKER__MODELS", r#"["echo", "org/nsfw:v1", "org/nsfw-openai"]"#)
        .with("FOREBAY_WORKER__REGISTRY_POLL", "1s")
}

async fn models_are_brought_by_others_clients(house: House) {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/reference/images/photo-cat.png");
    let (picture, folder) = (picture.to_str().unwrap(), starter_data().join("models/opennsfw"));
    let folder = folder.to_str().unwrap();
    run("ollama_registry.py", &house, &[KEY, folder, picture]).await;
    run("ollama_registry.cjs", &house, &[KEY, folder]).await;
    run("openai_models.py", &house, &[KEY, folder]).await;
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ollamas_clients_find_the_same_at_another_port() {
    let mut house = embedded(Plan::echo().with("FOREBAY_OLLAMA__LISTEN", "127.0.0.1:0")).await;
    let (_, here) = house.get("/api/tags").await;
    let first = std::mem::take(&mut house.url);
    house.url = address(&house.workers[0].says("Ollama's clients find the same at"));
    assert_ne!(house.url, first);
    assert_eq!(house.get("/api/tags").await, (StatusCode::OK, here));
    house.stop();
}

/// Files of a mebibyte are too large.
fn small_files() -> Plan {
    Plan::echo().with("FOREBAY_FILES__MAX_SIZE", "1 MiB").with("FOREBAY_FILES__BATCH_MAX_SIZE", "1 MiB")
}

async fn openais_client_keeps_files(house: House) {
    run("openai_files.py", &house, &[KEY]).await;
    house.stop();
}

async fn a_connection_that_ends_takes_its_job_along(house: House) {
    // Far more than a moment's work, so that most of it has not run when the connection ends.
    let texts = vec!["word ".repeat(250); 2000];
    let body = json!({"model": "all-minilm-l6-v2", "input": texts});
    let call = house.request(Method::POST, "/v1/embeddings").json(&body).send();
    tokio::select! {
        answer = call => panic!("2000 long texts are embedded in no time: {answer:?}"),
        () = house.until_count("running", 1) => {}
    }
    let (_, list) = house.get("/v1/jobs").await;
    let job = house.ended(list["data"][0]["id"].as_str().unwrap()).await;
    assert_eq!(job["status"], "cancelled", "{job}");
    assert!(job["items"]["succeeded"].as_u64() < Some(2000), "what had not run never ran: {}", job["items"]);
    let (status, next) =
        house.post("/v1/embeddings", &json!({"model": "all-minilm-l6-v2", "input": "a"})).await;
    assert_eq!(status, StatusCode::OK, "{next}");
    house.stop();
}

async fn tritons_client_infers(house: House) {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");
    let (reference, picture) =
        (format!("{models}/reference/expected/magika.json"), format!("{models}/samples/cat.jpg"));
    run("kserve_triton.py", &house, &[KEY, &reference, &picture]).await;
    house.stop();
}

/// Runs a script with the house's address and these arguments; answers with what it wrote.
pub async fn run(script: &str, house: &House, arguments: &[&str]) -> String {
    run_for(LONG, script, house, arguments).await
}

/// The same for one that may take so long.
pub async fn run_for(patience: Duration, script: &str, house: &House, arguments: &[&str]) -> String {
    let [python, node] = ["clients", "clients-npm/node_modules"].map(|modules| {
        let modules = starter_data().join(modules);
        assert!(modules.is_dir(), "clients are missing: run `cargo xtask setup --clients`");
        modules
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let log = house.folder.path().join("client.log");
    let output = std::fs::File::create(&log).unwrap();
    let mut client = interpreter(&script)
        .arg(&script)
        .arg(&house.url)
        .args(arguments)
        .env("PYTHONPATH", &python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NODE_PATH", &node)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .expect("there are python3, node and bash");
    let started = Instant::now();
    let status = loop {
        match client.try_wait().unwrap() {
            Some(status) => break status,
            None if started.elapsed() > patience => {
                client.kill().unwrap();
                break client.wait().unwrap();
            }
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(status.success(), "{} ended with {status}:\n{told}", script.display());
    told
}

/// What runs a script, by the end of its name.
fn interpreter(script: &Path) -> Command {
    Command::new(match script.extension().and_then(std::ffi::OsStr::to_str) {
        Some("cjs" | "mjs") => "node",
        Some("sh") => "bash",
        _ => "python3",
    })
}
