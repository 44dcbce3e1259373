//! Models that are pulled from a hub: by the real command and by real schedulers, from a stand-in at other ports.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forebay_shared::clock::SystemClock;
use forebay_shared::config::{Secret, Span, StoreConfig};
use forebay_shared::job::Keep;
use forebay_shared::registry::NewPull;
use forebay_shared::shutdown::Tasks;
use forebay_shared::store::{Postgres, Sqlite, Store};
use forebay_shared::testing::graph::Adder;
use forebay_shared::testing::{Asked, Manner, StandIn, fresh_ids};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::clients::{KEY, run};
use super::house::{House, LONG, Plan};
use super::sse::Stream;
use super::terminal;

const GRAPH: &str = "onnx/model.onnx";
const TOKEN: &str = "hf_of_the_operator";
/// So much of the graph comes before it stalls.
const HELD: u64 = 60_000;

/// Makes each function a test of both columns, with a hub that was there before.
macro_rules! with_a_hub {
    ($($name:ident => $plan:expr),+ $(,)?) => {
        mod embedded {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let hub = hub().await;
                    let house = crate::columns::embedded(at(&hub, $plan)).await;
                    super::$name(house, hub).await;
                }
            )+
        }

        #[cfg(feature = "services")]
        mod fleet {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let hub = hub().await;
                    let house = crate::columns::fleet(at(&hub, $plan)).await;
                    super::$name(house, hub).await;
                }
            )+
        }
    };
}

with_a_hub! {
    a_model_that_was_pulled_answers => Plan::models()
        .with("FOREBAY_WORKER__MODELS", r#"["echo", "toy:model"]"#)
        .with("FOREBAY_WORKER__REGISTRY_POLL", "1s"),
    a_revision_and_a_precision_answer_with_weights_of_their_own => Plan::models()
        .with("FOREBAY_WORKER__MODELS", r#"["echo", "adder-1", "adder-2", "adder-3"]"#)
        .with("FOREBAY_WORKER__REGISTRY_POLL", "1s"),
    a_token_of_the_hubs_own_tools_is_lent_to_their_hub_alone => Plan::echo(),
    a_pull_goes_on_after_its_process_was_killed => Plan::echo(),
    a_scheduler_goes_on_with_what_a_killed_command_pulled => Plan::echo(),
    a_pull_is_followed_and_cancelled_like_any_job => Plan::echo(),
    ollamas_client_is_told_how_far_a_pull_is => with_keys(),
    ollamas_client_for_javascript_is_told_how_far_a_pull_is => with_keys(),
    a_model_is_pulled_through_our_own_api => Plan::echo(),
    who_presses_ctrl_c_cancels_the_pull => Plan::echo(),
    who_hangs_up_takes_the_pull_along => Plan::echo(),
}

/// A model that is small enough for the tree, as a repository has it.
async fn hub() -> StandIn {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/toys/toy-embedding");
    let read = |path: &str| std::fs::read(folder.join(path)).unwrap();
    let names = ["config.json", "tokenizer.json", "tokenizer_config.json", GRAPH];
    let mut files: Vec<(String, Vec<u8>)> =
        names.iter().map(|name| ((*name).to_owned(), read(name))).collect();
    files.push(("model.safetensors".to_owned(), vec![0; 100_000]));
    let hub = StandIn::serving([("org/toy", files)]).await;
    hub.require(TOKEN);
    hub
}

/// A model that adds, in two precisions, of which one has its weights beside it. What is added tells which it is.
fn adders(usual: f32, half: f32) -> Vec<(String, Vec<u8>)> {
    let usual = Adder { weights: [usual; 2], location: None };
    let half = Adder { weights: [half; 2], location: Some("model_fp16.onnx_data") };
    let files = [
        (GRAPH, usual.file()),
        ("onnx/model_fp16.onnx", half.file()),
        ("onnx/model_fp16.onnx_data", half.data()),
    ];
    files.map(|(path, bytes)| (path.to_owned(), bytes)).into()
}

fn with_keys() -> Plan {
    Plan::echo().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", KEY)
}

fn at(hub: &StandIn, plan: Plan) -> Plan {
    plan.hasty()
        .with("FOREBAY_HUB__ENDPOINT", &hub.url)
        .with("FOREBAY_HUB__TOKEN", TOKEN)
        .with("FOREBAY_FETCH__ALLOW", r#"["127.0.0.1/32"]"#)
}

fn command(house: &House, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command
        .args(["models", "pull"])
        .args(arguments)
        .env_clear()
        .envs(house.environment.iter().map(|(key, value)| (key, value)))
        .current_dir(house.folder.path());
    command
}

/// Submits a pull past every API, as their owner.
async fn submit(house: &House, reference: &str) -> String {
    let tasks = Tasks::new();
    let url = house.environment.iter().find(|(key, _)| key == "FOREBAY_STORE__URL");
    let store: Arc<dyn Store> = if let Some((_, url)) = url {
        let (url, acquire_timeout) = (Secret::new(url.as_str()), Span::new(LONG));
        let config = StoreConfig { url, max_connections: 1, acquire_timeout };
        Arc::new(Postgres::open(&config, &tasks).await.unwrap())
    } else {
        let file = house.folder.path().join("data/forebay.db");
        Arc::new(Sqlite::open(&file, Arc::new(SystemClock), &tasks).await.unwrap())
    };
    let (owner, reference) = ("default".to_owned(), reference.parse().unwrap());
    let pull = NewPull { owner, reference, name: None, everybody: false, by_admin: true };
    let job = pull.job(fresh_ids().job(), Keep::all(Duration::from_hours(1))).unwrap();
    store.submit(std::slice::from_ref(&job)).await.unwrap();
    tasks.halt();
    job.id.to_string()
}

/// Waits until the graph has stalled and all that had come of it is on the disk.
async fn stalled(house: &House) {
    let started = Instant::now();
    while longest_part(&house.folder.path().join("data/pulls")) < HELD {
        assert!(started.elapsed() < LONG, "the graph's beginning comes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn longest_part(pulls: &Path) -> u64 {
    let folders = std::fs::read_dir(pulls).into_iter().flatten().flatten();
    let parts = folders.flat_map(|folder| std::fs::read_dir(folder.path().join("parts"))).flatten().flatten();
    parts.filter_map(|part| Some(part.metadata().ok()?.len())).max().unwrap_or(0)
}

/// Kills the process whose scheduler pulls, and starts it again.
async fn kill_the_scheduler(house: &mut House) {
    if !house.is_fleet() {
        house.workers.remove(0).kill();
        return house.start_worker().await;
    }
    #[cfg(feature = "services")]
    {
        let scheduler = house.processes.iter().position(|process| process.is_called("scheduler"));
        house.processes.remove(scheduler.expect("a scheduler runs")).kill();
        house.start(&["scheduler"]);
    }
}

fn graph() -> std::fs::Metadata {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/toys/toy-embedding");
    std::fs::metadata(folder.join(GRAPH)).unwrap()
}

/// What was asked of the graph after the stall: the rest of it, once.
fn assert_only_the_rest_was_fetched(hub: &StandIn) {
    let total = graph().len();
    let rest: Vec<Asked> = hub.asked(GRAPH).into_iter().filter(|asked| asked.from > 0).collect();
    let expected = Asked { path: GRAPH.to_owned(), from: HELD, sent: total - HELD, with_token: false };
    assert_eq!(rest, [expected]);
}

async fn a_model_that_was_pulled_answers(house: House, hub: StandIn) {
    let output = command(&house, &["org/toy", "--name", "toy:model"]).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("toy:model  ") && said.contains(&format!("pulled {}", hub.commit("org/toy"))),
        "{said}"
    );
    assert!(!said.contains(TOKEN) && !said.contains('\u{1b}'), "{said}");
    assert!(hub.asked("model.safetensors").is_empty(), "what is not served is not fetched");
    assert!(hub.asked(GRAPH).iter().all(|asked| !asked.with_token), "the token is the hub's alone");

    let started = Instant::now();
    let answer = loop {
        let (status, answer) =
            house.post("/v1/embeddings", &json!({"model": "toy:model", "input": "hello there"})).await;
        if status == StatusCode::OK {
            break answer;
        }
        assert!(started.elapsed() < LONG, "a worker serves it: {answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let vector = answer["data"][0]["embedding"].as_array().expect("a vector");
    assert!(vector.iter().any(|number| number.as_f64() != Some(0.0)), "{answer}");

    let refused = command(&house, &["org/toy:q4"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("no ONNX file for `q4`; it has `onnx/model.onnx`"),
        "{said}"
    );
    let closed = command(&house, &["org/toy"]).env("FOREBAY_HUB__TOKEN", "").output().unwrap();
    let said = String::from_utf8_lossy(&closed.stderr).into_owned();
    assert!(!closed.status.success() && said.contains("or it wants a token (hub.token)"), "{said}");
    house.stop();
}

async fn a_revision_and_a_precision_answer_with_weights_of_their_own(house: House, hub: StandIn) {
    let first = hub.revise("org/toy", "main", adders(1.0, 2.0));
    let tagged = hub.revise("org/toy", "v1", adders(3.0, 4.0));
    let branch = hub.revise("org/toy", "refs/pr/7", adders(5.0, 6.0));
    hub.revise("org/toy", "main", adders(7.0, 8.0));
    let pull = |arguments: &[&str]| {
        let output = command(&house, arguments).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{said}");
        said
    };
    let of_a_commit = format!("org/toy:fp16@{first}");
    for (arguments, name, revision, sum) in [
        (&["org/toy:fp16@v1"][..], "adder-1", &tagged, 4.0),
        (&["org/toy:onnx/model.onnx", "--revision", "refs/pr/7"][..], "adder-2", &branch, 5.0),
        (&[of_a_commit.as_str()][..], "adder-3", &first, 2.0),
    ] {
        let said = pull(&[arguments, &["--name", name][..]].concat());
        assert!(
            said.contains(&format!("{name}  ")) && said.contains(&format!("pulled {revision}")),
            "{said}"
        );
        let tensor = json!({"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.0, 1.0]});
        let body = json!({"inputs": [tensor]});
        let (started, path) = (Instant::now(), format!("/v2/models/{name}/infer"));
        let answer = loop {
            let (status, answer) = house.post(&path, &body).await;
            if status == StatusCode::OK {
                break answer;
            }
            assert!(started.elapsed() < LONG, "a worker serves it: {answer}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_eq!(answer["outputs"][0]["data"], json!([sum, sum + 1.0]), "{name}: {answer}");
    }
    let twice = command(&house, &["org/toy@v1", "--revision", "v1"]).output().unwrap();
    let said = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(!twice.status.success() && said.contains("said twice: after @, and by --revision"), "{said}");

    pull(&["org/toy:fp16", "--revision", "v1", "--owner", "alice", "--name", "hers"]);
    let list = |owner: &str| {
        let mut list = Command::new(env!("CARGO_BIN_EXE_forebay"));
        list.args(["models", "list", "--owner", owner]).env_clear();
        list.envs(house.environment.iter().map(|(key, value)| (key, value)));
        let output = list.current_dir(house.folder.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(list("alice").contains("hers"));
    let bobs = list("bob");
    assert!(bobs.contains("adder-1") && !bobs.contains("hers"), "{bobs}");
    house.stop();
}

async fn a_token_of_the_hubs_own_tools_is_lent_to_their_hub_alone(house: House, hub: StandIn) {
    let lent = |name: &str| {
        let mut command = command(&house, &["org/toy", "--name", name]);
        command.env_remove("FOREBAY_HUB__TOKEN").env("HF_TOKEN", TOKEN);
        command
    };
    let other = lent("other").output().unwrap();
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && said.contains("or it wants a token (hub.token)"), "{said}");
    let mut own = lent("own");
    let own = own.env_remove("FOREBAY_HUB__ENDPOINT").env("HF_ENDPOINT", &hub.url).output().unwrap();
    let said = String::from_utf8([own.stdout, own.stderr].concat()).unwrap();
    assert!(own.status.success() && !said.contains(TOKEN), "{said}");
    assert!(hub.asked("config.json").iter().all(|asked| asked.with_token));
    house.stop();
}

async fn a_pull_goes_on_after_its_process_was_killed(mut house: House, hub: StandIn) {
    hub.send(GRAPH, Manner::Held(HELD));
    let id = submit(&house, "org/toy").await;
    stalled(&house).await;
    kill_the_scheduler(&mut house).await;
    hub.release();
    let job = house.ended(&id).await;
    assert_eq!(
        (&job["status"], &job["attempt"], &job["kind"]),
        (&json!("succeeded"), &json!(2), &json!("model_pull"))
    );
    assert_only_the_rest_was_fetched(&hub);
    let output = &job["result"]["items"][0]["output"];
    assert_eq!((&output["model"], &output["revision"]), (&json!("org/toy"), &json!(hub.commit("org/toy"))));
    assert_eq!(longest_part(&house.folder.path().join("data/pulls")), 0, "nothing is left on the disk");
    let (_, explained) = house.get(&format!("/v1/jobs/{id}/explain")).await;
    assert_eq!(explained["attempts"][0]["error"]["code"], "lease_lost", "{explained}");
    house.stop();
}

async fn a_scheduler_goes_on_with_what_a_killed_command_pulled(house: House, hub: StandIn) {
    hub.send(GRAPH, Manner::Held(HELD));
    let mut pull = command(&house, &["org/toy"]);
    let mut pull = pull.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    stalled(&house).await;
    let (_, jobs) = house.get("/v1/jobs?status=running").await;
    let id = jobs["data"][0]["id"].as_str().expect("it is a job").to_owned();
    pull.kill().unwrap();
    pull.wait().unwrap();
    hub.release();
    let job = house.ended(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("succeeded"), &json!(2)), "{job}");
    assert_only_the_rest_was_fetched(&hub);
    house.stop();
}

async fn a_pull_is_followed_and_cancelled_like_any_job(house: House, hub: StandIn) {
    hub.send(GRAPH, Manner::Held(HELD));
    let id = submit(&house, "org/toy").await;
    let (mut stream, transfer) = told_of_the_stall(&house, &id).await;
    assert_eq!(transfer["step"], "download");
    assert!(transfer["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{transfer}");
    let (status, _) = house.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await;
    assert!(status.is_success(), "{status}");
    let ends: Vec<Value> =
        stream.rest().await.into_iter().map(|heard| heard.data["status"].clone()).collect();
    assert_eq!(ends.last(), Some(&json!("cancelled")));
    let forged =
        json!({"model": "model_pull", "input": "org/toy", "params": {"name": "a", "everybody": true}});
    let (status, problem) = house.post("/v1/jobs", &forged).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_model")), "{problem}");

    hub.release();
    let (status, again) = house.post(&format!("/v1/jobs/{id}/retry"), &json!({})).await;
    assert!(status.is_success(), "{again}");
    assert_eq!(house.ended(&id).await["status"], "succeeded");
    assert_only_the_rest_was_fetched(&hub);
    house.stop();
}

/// Follows the pull until it is told that the graph has stalled, and where; answers also with the stream.
async fn told_of_the_stall(house: &House, id: &str) -> (Stream, Value) {
    let mut stream = Stream::open(house.request(Method::GET, &format!("/v1/jobs/{id}/events"))).await;
    loop {
        let heard = stream.event().await.expect("it runs");
        let transfer = &heard.data["transfer"];
        if heard.event == "job.progress" && transfer["file"] == GRAPH && transfer["completed"] == HELD {
            return (stream, transfer.clone());
        }
    }
}

/// The graph comes when those who follow the one pull that runs have heard where it has stalled.
async fn come_once_it_is_told(house: &House, hub: &StandIn) {
    stalled(house).await;
    let (_, jobs) = house.get("/v1/jobs?status=running").await;
    told_of_the_stall(house, jobs["data"][0]["id"].as_str().expect("it is a job")).await;
    hub.release();
}

async fn told_to(script: &str, house: House, hub: StandIn) {
    hub.send(GRAPH, Manner::Held(HELD));
    let (held, whole) = (HELD.to_string(), graph().len().to_string());
    let arguments = [KEY, &held, &whole];
    tokio::join!(run(script, &house, &arguments), come_once_it_is_told(&house, &hub));
    house.stop();
}

async fn ollamas_client_is_told_how_far_a_pull_is(house: House, hub: StandIn) {
    told_to("ollama_pull.py", house, hub).await;
}

async fn ollamas_client_for_javascript_is_told_how_far_a_pull_is(house: House, hub: StandIn) {
    told_to("ollama_pull.cjs", house, hub).await;
}

async fn who_presses_ctrl_c_cancels_the_pull(house: House, hub: StandIn) {
    hub.send(GRAPH, Manner::Held(HELD));
    let pull = command(&house, &["org/toy"]);
    // Some of it has come then.
    let (code, said) = terminal::run(&pull, Some("KiB/"));
    assert_eq!(code, 130, "{said}");
    assert!(terminal::bars(&said, "fetching").iter().any(|(done, whole)| done != whole), "{said}");
    assert!(said.contains("cancelling; what has come stays for the next time"), "{said}");
    assert!(said.trim_end().ends_with("forebay: interrupted: the pull is cancelled"), "{said}");
    let (_, jobs) = house.get("/v1/jobs").await;
    assert_eq!((&jobs["data"][0]["status"], &jobs["data"][1]), (&json!("cancelled"), &Value::Null), "{jobs}");

    hub.release();
    let (code, said) = terminal::run(&pull, None);
    assert_eq!(code, 0, "{said}");
    let whole = terminal::bars(&said, "fetching").pop().expect("a bar is drawn");
    assert_eq!(whole.0, whole.1, "{said}");
    assert!(said.contains("org/toy  ") && said.contains("pulled "), "{said}");
    assert_only_the_rest_was_fetched(&hub);
    house.stop();
}

async fn a_model_is_pulled_through_our_own_api(house: House, hub: StandIn) {
    let (status, job) = house.post("/v1/models/pull", &json!({"model": "org/toy", "name": "mine"})).await;
    assert_eq!((status, &job["kind"]), (StatusCode::ACCEPTED, &json!("model_pull")), "{job}");
    assert_eq!(house.ended(job["id"].as_str().unwrap()).await["status"], "succeeded");
    let (status, model) = house.get("/v1/models/mine").await;
    assert_eq!((status, &model["id"]), (StatusCode::OK, &json!("mine")), "{model}");
    let (status, refusal) = house.post("/v1/models/pull", &json!({"model": "a/b/c"})).await;
    assert_eq!((status, &refusal["error"]["param"]), (StatusCode::BAD_REQUEST, &json!("model")), "{refusal}");
    drop(hub);
    house.stop();
}

async fn who_hangs_up_takes_the_pull_along(house: House, hub: StandIn) {
    hub.send(GRAPH, Manner::Held(HELD));
    let body = json!({"model": "org/toy"});
    let pull = async |detach: &str| {
        let call = house.request(Method::POST, "/api/pull").header("x-forebay-detach", detach).json(&body);
        let answer = call.send().await.unwrap();
        answer.headers()["x-forebay-job"].to_str().unwrap().to_owned()
    };
    let left = pull("false").await;
    assert_eq!(house.ended(&left).await["status"], "cancelled");
    let detached = pull("true").await;
    stalled(&house).await;
    hub.release();
    assert_eq!(house.ended(&detached).await["status"], "succeeded");
    house.stop();
}
