//! Webhooks told by the real program on both columns.

use std::time::{Duration, Instant};

use forebay_shared::testing::{Received, Receiver};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, LONG, Plan};
use super::process::Process;
use super::{clients, lines};

on_both! {
    open() => [
        the_reference_library_takes_what_was_signed,
        a_receiver_hears_again_when_the_sender_was_killed,
    ];
    open().with("FOREBAY_BULK__SLICE", "1s") => [a_bulk_is_told_of_once_and_its_slices_never];
}

/// Loopback is permitted, and what a dead sender held is sent again soon.
fn open() -> Plan {
    Plan::echo()
        .hasty()
        .with("FOREBAY_FETCH__ALLOW", r#"["127.0.0.1/32"]"#)
        .with("FOREBAY_WEBHOOKS__TIMEOUT", "6s")
        .with("FOREBAY_WEBHOOKS__LEASE", "12s")
        .with("FOREBAY_SCHEDULER__LEAD", "3s")
}

async fn register(house: &House, url: &str) -> Value {
    let (status, made) = house.post("/v1/webhooks", &json!({"url": url, "events": ["job.succeeded"]})).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made
}

async fn the_reference_library_takes_what_was_signed(house: House) {
    let mut receiver = Receiver::always(200).await;
    let made = register(&house, &receiver.url).await;
    let rotate = format!("/v1/webhooks/{}/rotate", made["id"].as_str().unwrap());
    let (_, rotated) = house.post(&rotate, &json!({})).await;
    let id = house.submit_echo("hello", 0).await;
    let heard = receiver.next().await;
    assert_eq!(heard.json()["data"]["id"], json!(id));
    assert_eq!(heard.json()["data"]["result"]["items"][0]["output"]["echo"], "hello");
    verified(&house, &[heard], &[&rotated["secret"], &made["secret"]]).await;

    let (_, default) = house.get("/v1/webhooks/secret").await;
    let gone = house.request(Method::DELETE, rotate.trim_end_matches("/rotate")).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    house.submit(&json!({"model": "echo", "input": "a", "webhook": {"url": receiver.url}})).await;
    let heard = receiver.next().await;
    verified(&house, &[heard], &[&default["secret"]]).await;
    let logs: String = house.workers.iter().chain(&house.processes).map(Process::log).collect();
    for secret in [&made, &rotated, &default] {
        let secret = secret["secret"].as_str().unwrap().trim_start_matches("whsec_");
        assert!(!logs.contains(secret), "secrets are not logged");
    }
    house.stop();
}

async fn a_receiver_hears_again_when_the_sender_was_killed(mut house: House) {
    // It hears the first try and says nothing, so nothing is recorded when the sender dies.
    let mut receiver = Receiver::answering(|n| (n > 0).then(|| "200 X\r\n".to_owned())).await;
    let webhook = register(&house, &receiver.url).await;
    house.submit_echo("hello", 0).await;
    let first = receiver.next().await;
    kill_the_sender(&mut house).await;
    let second = receiver.next().await;
    assert_eq!((first.id(), &first.body), (second.id(), &second.body));
    let path = format!("/v1/webhooks/{}/deliveries?state=succeeded", webhook["id"].as_str().unwrap());
    let mut listed = house.get(&path).await.1;
    while listed["data"].as_array().is_none_or(Vec::is_empty) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        listed = house.get(&path).await.1;
    }
    assert_eq!(listed["data"][0]["id"], first.id());
    house.stop();
}

async fn a_bulk_is_told_of_once_and_its_slices_never(house: House) {
    let (mut own, mut registered) = (Receiver::always(200).await, Receiver::always(200).await);
    let of_jobs =
        ["queued", "running", "succeeded", "failed", "cancelled", "expired"].map(|end| format!("job.{end}"));
    let of_bulks = ["completed", "failed", "expired", "cancelled"].map(|end| format!("batch.{end}"));
    let events: Vec<&String> = of_jobs.iter().chain(&of_bulks).collect();
    let (_, webhook) = house.post("/v1/webhooks", &json!({"url": registered.url, "events": events})).await;
    let lines: Vec<Value> = (0..500).map(|n| json!({"input": format!("text {n}")})).collect();
    let wishes = json!({"model": "echo", "webhook": {"url": own.url}});
    let bulk = lines::begin(&house, &lines, &wishes).await;
    for receiver in [&mut own, &mut registered] {
        let heard = receiver.next().await.json();
        assert_eq!(
            (&heard["type"], &heard["data"]["id"]),
            (&json!("batch.completed"), &bulk["id"]),
            "{heard}"
        );
    }
    let ended = lines::ended(&house, &bulk).await;
    assert_eq!(ended["lines"], json!({"total": 500, "completed": 500, "failed": 0}));
    assert!(lines::slices(&house, &bulk, "").await.len() > 1, "it was more than one slice");

    // Events are passed on in their order: once this job's end is, all that the slices could have caused is.
    let job = json!({"model": "echo", "input": "a", "webhook": {"url": own.url}});
    let job = house.submit(&job).await;
    let listed = listed(&house, &webhook, "job.succeeded").await;
    let mut told: Vec<_> = listed.iter().map(|one| (one["type"].as_str().unwrap(), &one["job"])).collect();
    told.sort_by_key(|(kind, _)| *kind);
    let (none, job) = (Value::Null, json!(job));
    let expected =
        [("batch.completed", &none), ("job.queued", &job), ("job.running", &job), ("job.succeeded", &job)];
    assert_eq!(told, expected);
    assert_eq!(own.next().await.json()["type"], "job.succeeded", "it hears no more of the bulk");
    assert_eq!(own.rest(), []);
    house.stop();
}

/// What an endpoint is to be told, as soon as this is among it.
async fn listed(house: &House, webhook: &Value, wanted: &str) -> Vec<Value> {
    let path = format!("/v1/webhooks/{}/deliveries?limit=100", webhook["id"].as_str().unwrap());
    let started = Instant::now();
    loop {
        let listed = house.get(&path).await.1["data"].as_array().cloned().unwrap_or_default();
        if listed.iter().any(|delivery| delivery["type"] == wanted) {
            return listed;
        }
        assert!(started.elapsed() < LONG, "{wanted} is passed on: {listed:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Kills the process that sends, and starts it again.
async fn kill_the_sender(house: &mut House) {
    #[cfg(feature = "services")]
    if house.is_fleet() {
        house.processes.remove(0).kill();
        house.start(&["scheduler"]);
        return;
    }
    house.workers.remove(0).kill();
    house.start_worker().await;
}

/// Has the reference library and OpenAI's own client look at messages.
async fn verified(house: &House, messages: &[Received], secrets: &[&Value]) {
    let messages: Vec<Value> =
        messages.iter().map(|one| json!({"headers": one.headers, "body": one.body})).collect();
    let file = house.folder.path().join("messages.json");
    std::fs::write(&file, json!({"messages": messages, "secrets": secrets}).to_string()).unwrap();
    for script in ["standard_webhooks.py", "openai_webhooks.cjs"] {
        clients::run(script, house, &[file.to_str().unwrap()]).await;
    }
}
