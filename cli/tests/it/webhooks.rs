//! Webhooks told by the real program on both columns.

use std::time::Duration;

use forebay_shared::testing::{Received, Receiver};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::clients;
use super::columns::on_both;
use super::house::{House, Plan};
use super::process::Process;

on_both! {
    open() => [
        the_reference_library_takes_what_was_signed,
        a_receiver_hears_again_when_the_sender_was_killed,
    ];
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

/// Has the reference library look at messages.
async fn verified(house: &House, messages: &[Received], secrets: &[&Value]) {
    let messages: Vec<Value> =
        messages.iter().map(|one| json!({"headers": one.headers, "body": one.body})).collect();
    let file = house.folder.path().join("messages.json");
    std::fs::write(&file, json!({"messages": messages, "secrets": secrets}).to_string()).unwrap();
    clients::run("standard_webhooks.py", house, &[file.to_str().unwrap()]).await;
}
