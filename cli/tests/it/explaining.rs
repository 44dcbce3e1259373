//! Why a job waited, and where its time went, as clients are told of it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, Plan};

on_both! {
    Plan::echo().hasty() => [
        a_job_in_two_batches_explains_both,
        a_job_whose_worker_died_shows_both_attempts,
        a_waiting_job_says_why,
    ];
}

async fn explain(house: &House, id: &str) -> Value {
    let (status, told) = house.get(&format!("/v1/jobs/{id}/explain")).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    told
}

async fn a_job_in_two_batches_explains_both(house: House) {
    // While the device is busy all items get ready; 256 fill a batch of echo.
    let blocker = house.submit_echo("busy", 1500).await;
    house.until_count("running", 1).await;
    let texts: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let id = house.submit(&json!({"model": "echo", "inputs": texts})).await;
    house.all_ended(&[blocker, id.clone()]).await;
    let told = explain(&house, &id).await;
    let attempt = &told["attempts"][0];
    assert_eq!(
        (&attempt["number"], &attempt["batch_count"], &told["waits"]),
        (&json!(1), &json!(2), &json!([]))
    );
    assert!(attempt["worker"].is_string() && attempt["error"].is_null(), "{told}");
    let (first, second) = (&attempt["batches"][0], &attempt["batches"][1]);
    assert_eq!(
        (&first["items"], &first["own"], &first["closed"]),
        (&json!(256), &json!(256), &json!("items"))
    );
    assert_eq!(
        (&second["items"], &second["own"], &second["closed"]),
        (&json!(44), &json!(44), &json!("drained"))
    );
    assert!(second["device_wait_ms"].as_f64().unwrap() > 100.0, "it waited for the device: {told}");
    for batch in [first, second] {
        assert_eq!(
            (&batch["cost"], &batch["padding"], &batch["others"]),
            (&batch["items"], &json!(0.0), &json!(0.0))
        );
        assert!(batch["run_ms"].is_number() && batch["isolation"] == "none", "{batch}");
    }
    let sentences = attempt["sentences"].to_string();
    for words in [
        "256 items",
        "44 items",
        "for the device",
        "it had as many items as a batch may",
        "writing the result",
    ] {
        assert!(sentences.contains(words), "{words}: {sentences}");
    }
    house.stop();
}

async fn a_job_whose_worker_died_shows_both_attempts(mut house: House) {
    let id = house.submit_echo("hello", 3000).await;
    house.until_count("running", 1).await;
    house.workers.remove(0).kill();
    house.start_worker().await;
    house.ended(&id).await;
    let told = explain(&house, &id).await;
    let attempts = told["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{told}");
    assert_eq!(
        (&attempts[0]["error"]["code"], &attempts[0]["batch_count"]),
        (&json!("lease_lost"), &json!(0))
    );
    assert!(attempts[0]["sentences"][0].as_str().unwrap().contains("did not live to tell"), "{told}");
    assert_eq!(
        (&attempts[1]["error"], &attempts[1]["batches"][0]["isolation"]),
        (&json!(null), &json!("apart"))
    );
    assert_ne!(attempts[0]["worker"], attempts[1]["worker"]);
    house.stop();
}

async fn a_waiting_job_says_why(house: House) {
    // More than two batches: what the queue has no room for waits in the database.
    let texts: Vec<String> = (0..700).map(|n| n.to_string()).collect();
    let body = json!({"model": "echo", "inputs": texts, "params": {"delay_ms": 2000}});
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(house.submit(&body).await);
    }
    let waits = explain(&house, ids.last().unwrap()).await["waits"].clone();
    assert_eq!(waits[0]["code"], "window", "{waits}");
    assert!(waits[0]["sentence"].as_str().unwrap().contains("waits for room"), "{waits}");
    for id in &ids {
        house.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).await;
    }
    house.all_ended(&ids).await;
    house.stop();
}
