//! Every dialect onto the same jobs: each is seen by the native API, and one batch runs items of several.

use std::collections::BTreeSet;

use futures::future::join_all;
use futures::{SinkExt, StreamExt};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::clients::judging;
use super::columns::on_both;
use super::house::{House, LONG, Plan};

const MODEL: &str = "all-minilm-l6-v2";
const TEXT: &str = "The cat sits outside.";

on_both! {
    one_at_a_time() => [one_batch_runs_items_of_five_dialects];
    judging() => [whatever_a_dialect_starts_is_seen_as_a_job];
}

/// One model runs at a time: while another does, what waits for the next comes together.
fn one_at_a_time() -> Plan {
    Plan::models().with("FOREBAY_WORKER__RUNS_AT_ONCE", "1")
}

/// A call in a dialect's words, and where in its answer the vector stands.
type Asked = (&'static str, &'static str, Value, &'static str);

/// The same of each dialect that can ask for a vector.
fn asked() -> [Asked; 5] {
    let tensor = json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]});
    [
        ("native", "/v1/jobs", json!({"model": MODEL, "input": TEXT}), "/result/items/0/output/embedding"),
        (
            "openai",
            "/v1/embeddings",
            json!({"model": MODEL, "input": TEXT, "encoding_format": "float"}),
            "/data/0/embedding",
        ),
        ("ollama", "/api/embed", json!({"model": MODEL, "input": TEXT}), "/embeddings/0"),
        ("tei", "/tei/embed", json!({"inputs": TEXT}), "/0"),
        ("kserve", "/v2/models/all-minilm-l6-v2/infer", json!({"inputs": [tensor]}), "/outputs/0/data"),
    ]
}

/// The job that did it, and the vector.
async fn vector(house: &House, (dialect, path, body, at): &Asked) -> (String, Vec<f64>) {
    let request = house.request(Method::POST, path).header("prefer", "wait=60").json(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{dialect}");
    let job = answer.headers().get("x-forebay-job").map(|id| id.to_str().unwrap().to_owned());
    let told: Value = answer.json().await.unwrap();
    let job = job.unwrap_or_else(|| told["id"].as_str().unwrap().to_owned());
    let vector = told.pointer(at).unwrap_or_else(|| panic!("{dialect} has no vector: {told}"));
    (job, serde_json::from_value(vector.clone()).unwrap())
}

async fn one_batch_runs_items_of_five_dialects(house: House) {
    let asked = asked();
    let (_, alone) = vector(&house, &asked[0]).await;
    // While `echo` runs, the first that comes is a batch of its own, and all others are the next.
    let busy = house.submit_echo("busy", 6000).await;
    house.until_count("running", 1).await;
    let first = house.submit(&json!({"model": MODEL, "input": TEXT})).await;
    house.until_count("running", 2).await;
    let answers = join_all(asked.iter().map(|asked| vector(&house, asked))).await;
    house.all_ended(&[busy, first]).await;

    let mut batches = BTreeSet::new();
    for ((job, vector), (dialect, ..)) in answers.iter().zip(&asked) {
        let furthest = vector.iter().zip(&alone).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
        assert!(vector.len() == 384 && furthest < 1e-4, "{dialect}: {furthest} from what it is alone");
        let (_, told) = house.get(&format!("/v1/jobs/{job}/explain")).await;
        let batch = &told["attempts"][0]["batches"][0];
        assert_eq!(
            (&batch["items"], &batch["own"], &batch["others"]),
            (&json!(5), &json!(1), &json!(0.8)),
            "{told}"
        );
        assert_eq!(told["attempts"][0]["batch_count"], 1, "{told}");
        batches.insert(batch["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(batches.len(), 1, "it is one batch: {batches:?}");
    let jobs: BTreeSet<&String> = answers.iter().map(|(job, _)| job).collect();
    assert_eq!(jobs.len(), 5, "of five jobs");
    house.stop();
}

async fn whatever_a_dialect_starts_is_seen_as_a_job(house: House) {
    let post = |path: &str, body: Value| house.request(Method::POST, path).json(&body);
    let cat = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/samples/cat.jpg")).unwrap();
    let picture = base64(&cat);
    let tensor = json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]});
    let shown = json!({"role": "user", "content": "what is it?", "images": [picture]});
    let happy = json!({"model_id": "A001", "input_data": "I can't wait for the concert tonight!!"});
    let happy_too = json!({"model_id": "A001", "inputs": ["I can't wait!!", "我好担心明天的考试"]});
    let form = |file: Vec<u8>| Form::new().part("img", Part::bytes(file).file_name("cat.jpg"));
    let send = |path: &str, file| house.request(Method::POST, path).multipart(form(file));
    let calls: Vec<(&str, RequestBuilder)> = vec![
        ("openai", post("/v1/embeddings", json!({"model": MODEL, "input": TEXT}))),
        ("openai", post("/v1/moderations", json!({"input": TEXT}))),
        ("ollama", post("/api/embed", json!({"model": MODEL, "input": TEXT}))),
        ("ollama", post("/api/embeddings", json!({"model": MODEL, "prompt": TEXT}))),
        (
            "ollama",
            post(
                "/api/generate",
                json!({"model": "efficientnet-lite0", "images": [picture], "stream": false}),
            ),
        ),
        (
            "ollama",
            post("/api/chat", json!({"model": "efficientnet-lite0", "messages": [shown], "stream": false})),
        ),
        ("tei", post("/tei/embed", json!({"inputs": TEXT}))),
        ("tei", post("/tei/embed_all", json!({"inputs": TEXT}))),
        ("tei", post("/tei/predict", json!({"inputs": TEXT}))),
        ("tei", post("/tei/rerank", json!({"query": TEXT, "texts": ["a cat", "a share"]}))),
        (
            "tei",
            post("/tei/similarity", json!({"inputs": {"source_sentence": TEXT, "sentences": ["a cat"]}})),
        ),
        ("tei", post("/tei/tokenize", json!({"inputs": TEXT}))),
        ("tei", post("/tei/decode", json!({"ids": [101, 1996, 4937, 102]}))),
        ("kserve", post("/v2/models/all-minilm-l6-v2/infer", json!({"inputs": [tensor]}))),
        ("kserve", post("/v2/models/all-minilm-l6-v2/versions/1/infer", json!({"inputs": [tensor]}))),
        ("emotion", post("/predict", happy.clone())),
        ("emotion", post("/predict/batch", happy_too.clone())),
        ("emotion", post("/api/v1/predict", happy.clone())),
        ("emotion", post("/api/v1/predict/batch", happy_too)),
        ("images", send("/tasks?model=efficientnet-lite0", cat.clone())),
        ("images", send("/process?model=efficientnet-lite0", cat)),
    ];
    for (dialect, call) in calls {
        let answer = call.send().await.unwrap();
        let path = answer.url().path().to_owned();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let id = answer.headers()["x-forebay-job"].to_str().unwrap().to_owned();
        is_seen_as_a_job(&house, (dialect, &path), &id).await;
    }
    let url = format!("{}/predict/ws", house.url.replacen("http", "ws", 1));
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text(happy.to_string())).await.unwrap();
    let said = tokio::time::timeout(LONG, socket.next()).await.expect("it is answered").unwrap().unwrap();
    let said: Value = serde_json::from_str(&said.into_text().unwrap()).unwrap();
    is_seen_as_a_job(&house, ("emotion", "/predict/ws"), said["job"].as_str().unwrap()).await;
    the_tokenizer_says_what_it_did(&house).await;
    house.stop();
}

/// The native API tells of the job as of any other, and lists it first of its dialect.
async fn is_seen_as_a_job(house: &House, (dialect, path): (&str, &str), id: &str) {
    let job = house.ended(id).await;
    assert_eq!(
        (&job["status"], &job["metadata"]),
        (&json!("succeeded"), &json!({"dialect": dialect})),
        "{path}"
    );
    let (_, list) = house.get(&format!("/v1/jobs?metadata.dialect={dialect}&limit=1")).await;
    assert_eq!(list["data"][0]["id"], json!(id), "{path}: the newest of its dialect");
    let (status, told) = house.get(&format!("/v1/jobs/{id}/explain")).await;
    assert_eq!((status, &told["status"]), (StatusCode::OK, &json!("succeeded")), "{path}");
}

/// Through TEI's words and through our own.
async fn the_tokenizer_says_what_it_did(house: &House) {
    let ids = [101, 1996, 4937, 7719, 2648, 1012, 102];
    let (_, told) = house.post("/tei/tokenize", &json!({"inputs": [TEXT, ""]})).await;
    let said = |text: &Value| -> Vec<u64> {
        text.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect()
    };
    assert_eq!((said(&told[0]), said(&told[1])), (ids.to_vec(), vec![101, 102]));
    assert_eq!(told[0][2], json!({"id": 4937, "text": "cat", "special": false, "start": 4, "stop": 7}));
    assert_eq!(told[0][0], json!({"id": 101, "text": "[CLS]", "special": true, "start": null, "stop": null}));
    let (_, told) = house.post("/tei/decode", &json!({"ids": [ids]})).await;
    assert_eq!(told, json!(["the cat sits outside."]));
    let (_, told) = house.post("/tei/embed_all", &json!({"inputs": [TEXT]})).await;
    let vectors: Vec<Vec<f64>> = serde_json::from_value(told[0].clone()).unwrap();
    assert_eq!((vectors.len(), vectors[0].len()), (ids.len(), 384));

    let body = json!({"model": MODEL, "params": {"output": "pieces"}, "inputs": [TEXT, {"tokens": ids}]});
    let job = house.ended(&house.submit(&body).await).await;
    assert_eq!(job["items"], json!({"total": 2, "succeeded": 1, "failed": 1}), "{job}");
    assert_eq!(said(&job["result"]["items"][0]["output"]["pieces"]), ids);
    assert_eq!(job["result"]["items"][1]["error"]["code"], "invalid_params", "ids are no text");
    assert_eq!(job["timings"]["batches"], 0, "the model did not run");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
