//! Models in memory: loaded, kept and unloaded by command, and warm from the beginning.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::columns::on_both;
use super::house::{House, LONG, Plan};
use super::models::{done, refused};

on_both! {
    served().with("FOREBAY_WORKER__REGISTRY_POLL", "1s") => [
        a_model_is_loaded_kept_and_unloaded_by_command,
    ];
    served().with("FOREBAY_WORKER__WARM_UP", "true") => [
        a_worker_that_warms_up_has_its_models_before_any_job,
    ];
}

const MINILM: &str = "all-minilm-l6-v2";

fn served() -> Plan {
    Plan::models().with("FOREBAY_WORKER__MODELS", r#"["echo", "all-minilm-l6-v2"]"#)
}

async fn a_model_is_loaded_kept_and_unloaded_by_command(house: House) {
    assert_eq!(loaded(&house).await, Value::Null);
    assert_eq!(
        done(&house, &["load", MINILM, "--keep-alive", "1h"]),
        "`all-minilm-l6-v2` is loaded\n",
        "it has waited for it"
    );
    until_loaded(&house, |loaded| loaded["expires_at"].is_string()).await;
    done(&house, &["load", MINILM, "--keep-alive", "-1"]);
    until_loaded(&house, |loaded| loaded.is_object() && loaded["expires_at"].is_null()).await;
    assert_eq!(done(&house, &["unload", MINILM]), "`all-minilm-l6-v2` is unloaded\n");
    until_loaded(&house, Value::is_null).await;
    done(&house, &["load", MINILM, "--keep-alive", "2s"]);
    until_loaded(&house, Value::is_null).await;

    let id = house.submit(&json!({"model": MINILM, "input": "hello"})).await;
    assert_eq!(house.ended(&id).await["status"], "succeeded", "jobs load what was unloaded");
    for command in ["load", "unload"] {
        let said = refused(&house, &[command, "nope"]);
        assert!(said.contains("no worker has ever served `nope`"), "{said}");
    }
    let said = refused(&house, &["load", MINILM, "--keep-alive", "soon"]);
    assert!(said.contains("`soon` is neither a duration like"), "{said}");
    house.stop();
}

async fn a_worker_that_warms_up_has_its_models_before_any_job(house: House) {
    until_loaded(&house, Value::is_object).await;
    let (_, jobs) = house.get("/v1/jobs").await;
    assert_eq!(jobs["data"], json!([]));
    house.stop();
}

/// How long the model is in memory, as the api tells it.
async fn loaded(house: &House) -> Value {
    let (status, model) = house.get(&format!("/v1/models/{MINILM}")).await;
    assert_eq!(status, StatusCode::OK, "{model}");
    model["loaded"].clone()
}

/// The same until it is so: what the api knows of models is up to a second old.
async fn until_loaded(house: &House, is_so: impl Fn(&Value) -> bool) {
    let started = Instant::now();
    let mut told = loaded(house).await;
    while !is_so(&told) {
        assert!(started.elapsed() < LONG, "it is {told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        told = loaded(house).await;
    }
}
