//! The emotion API, by the examples of its document and over its socket, with the real model.

use futures::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::clients;
use super::columns::on_both;
use super::house::{House, LONG, Plan};

on_both! {
    Plan::models() => [
        the_documents_examples_work,
        texts_in_both_languages_are_predicted,
        a_socket_answers_each_message_under_its_id,
    ];
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const EMOTIONS: [&str; 6] = ["happy", "sad", "angry", "neutral", "excited", "anxious"];

async fn the_documents_examples_work(house: House) {
    let python = clients::run("emotion_api.py", &house, &[]).await;
    let javascript = clients::run("emotion_api.mjs", &house, &[]).await;
    assert_eq!(
        python.strip_suffix("all tests pass\n"),
        Some(javascript.as_str()),
        "they read the same answers"
    );
    for line in
        ["status: healthy", "models: 1", "emotion: excited", "I'm feeling a bit anxious. - emotion: anxious"]
    {
        assert!(javascript.contains(line), "{javascript}");
    }
    let curl = clients::run("emotion_api.sh", &house, &[]).await;
    let answers: Vec<Value> = curl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [health, models, one, many] = &answers[..] else { panic!("{curl}") };
    assert_eq!((&health["status"], &models[0]["model_id"]), (&json!("healthy"), &json!("A001")));
    assert_eq!(
        (&one["emotion"], &many["predictions"][1]["emotion"]),
        (&json!("happy"), &json!("sad")),
        "{curl}"
    );
    assert!(one["confidence"].is_f64() && many["predictions"][0]["confidence"].is_string(), "{curl}");
    house.stop();
}

async fn texts_in_both_languages_are_predicted(house: House) {
    let inputs = ["We laughed all evening.", "我好担心明天的考试", "气死我了"];
    let body = json!({"model_id": "A001", "inputs": inputs});
    let (status, answer) = house.post("/api/v1/predict/batch", &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let found: Vec<_> = answer["predictions"].as_array().unwrap().iter().map(|one| &one["emotion"]).collect();
    assert_eq!(found, ["happy", "anxious", "angry"], "{answer}");

    let (_, detail) = house.get("/models/A001").await;
    assert_eq!(detail["file_path"], "emotion/onnx/model.onnx", "{detail}");
    assert!(detail["size_mb"].as_f64().unwrap() > 100.0, "{detail}");
    let (_, figures) = house.get("/stats").await;
    assert_eq!(
        (&figures["done"], &figures["failed"], &figures["unique_models"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert!(figures["latency_ms"]["p50"].as_f64().unwrap() > 0.0, "{figures}");

    let call = house.request(reqwest::Method::POST, "/predict");
    let answer = call.json(&json!({"model_id": "A001", "input_data": inputs[0]})).send().await.unwrap();
    let job = answer.headers()["x-forebay-job"].to_str().unwrap().to_owned();
    let answer: Value = answer.json().await.unwrap();
    let (_, job) = house.get(&format!("/v1/jobs/{job}")).await;
    assert_eq!((&job["model"], &job["status"]), (&json!("emotion"), &json!("succeeded")));
    let best = &job["result"]["items"][0]["output"]["labels"][0];
    assert_eq!((&best["label"], &best["score"]), (&answer["emotion"], &answer["confidence"]));
    house.stop();
}

async fn a_socket_answers_each_message_under_its_id(house: House) {
    const MESSAGES: usize = 100;
    let url = format!("{}/predict/ws", house.url.replacen("http", "ws", 1));
    let (mut socket, _) = connect_async(&url).await.unwrap();
    for id in 0..MESSAGES {
        let message = json!({"id": id, "model_id": "A001", "input_data": "I am so happy today!"});
        socket.send(Message::text(message.to_string())).await.unwrap();
    }
    socket.send(Message::text(r#"{"id": "long", "model_id": "A001", "input_data": ""}"#)).await.unwrap();
    socket.send(Message::text(r#"{"id": "none", "model_id": "A999", "input_data": "a"}"#)).await.unwrap();
    let mut answers = std::collections::BTreeMap::new();
    while answers.len() < MESSAGES + 2 {
        let said = tokio::time::timeout(LONG, socket.next()).await.expect("something is said");
        if let Message::Text(text) = said.unwrap().unwrap() {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(answers.insert(answer["id"].to_string(), answer).is_none(), "each is answered once");
        }
    }
    for id in 0..MESSAGES {
        let answer = &answers[&id.to_string()];
        assert!(EMOTIONS.map(Value::from).contains(&answer["emotion"]), "{answer}");
        assert!(answer["confidence"].is_f64() && answer["metadata"]["model_version"] == 0, "{answer}");
    }
    let job = answers["0"]["job"].as_str().unwrap();
    assert_eq!(house.get(&format!("/v1/jobs/{job}")).await.1["status"], "succeeded");
    assert_eq!(answers["\"long\""]["status_code"], 400);
    assert_eq!(answers["\"none\""]["detail"], "Model with ID A999 does not exist");

    let too_long = json!({"model_id": "A001", "input_data": "a".repeat(33 * 1024)});
    socket.send(Message::text(too_long.to_string())).await.unwrap();
    let farewell = tokio::time::timeout(LONG, socket.next()).await.expect("it is closed").unwrap();
    let Ok(Message::Close(Some(frame))) = farewell else { panic!("{farewell:?}") };
    assert_eq!(u16::from(frame.code), 1009);

    let (mut versioned, _) = connect_async(url.replace("/predict", "/api/v1/predict")).await.unwrap();
    versioned.send(Message::text("{")).await.unwrap();
    let said = versioned.next().await.unwrap().unwrap();
    assert!(said.into_text().unwrap().contains(r#""error":"The body is not valid JSON""#));
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_for_predictions_needs_a_key() {
    let plan =
        Plan::echo().with("FOREBAY_AUTH__MODE", "keys").with("FOREBAY_AUTH__BOOTSTRAP_KEY", clients::KEY);
    let house = super::columns::embedded(plan).await;
    let url = format!("{}/predict/ws", house.url.replacen("http", "ws", 1));
    let Err(Error::Http(answer)) = connect_async(&url).await else { panic!("it needs a key") };
    assert_eq!(answer.status().as_u16(), 401);
    let body: Value =
        serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).unwrap_or_default();
    assert_eq!(body["status_code"], 401, "in the emotion API's words");
    house.stop();
}

/// Says a thing and hears the answer.
async fn said(socket: &mut Socket, message: &Value) -> Value {
    socket.send(Message::text(message.to_string())).await.unwrap();
    let said = tokio::time::timeout(LONG, socket.next()).await.expect("it is answered").unwrap().unwrap();
    serde_json::from_str(said.to_text().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_a_socket_counts_as_a_request() {
    let plan = Plan::echo().with("FOREBAY_RATE_LIMITS__ADDRESS_REQUESTS", "3/h");
    let house = super::columns::embedded(plan).await;
    let (mut socket, _) =
        connect_async(format!("{}/predict/ws", house.url.replacen("http", "ws", 1))).await.unwrap();
    let message = json!({"id": 1, "model_id": "A999", "input_data": "a"});
    // Opening the socket was the first.
    for _ in 0..2 {
        assert_eq!(said(&mut socket, &message).await["status_code"], 404);
    }
    let refused = said(&mut socket, &message).await;
    assert_eq!((&refused["id"], &refused["status_code"]), (&json!(1), &json!(429)));
    assert!(refused["detail"].as_str().unwrap().contains("your address has made the requests"), "{refused}");
    house.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_messages_over_a_socket_cost_is_limited() {
    let plan = Plan::models().with("FOREBAY_RATE_LIMITS__ADDRESS_COST", "40/h");
    let house = super::columns::embedded(plan).await;
    let (mut socket, _) =
        connect_async(format!("{}/predict/ws", house.url.replacen("http", "ws", 1))).await.unwrap();
    let message = json!({"id": 1, "model_id": "A001", "input_data": "I am so happy today!"});
    let mut answered = 0;
    let refused = loop {
        let answer = said(&mut socket, &message).await;
        if answer["emotion"] != "happy" {
            break answer;
        }
        answered += 1;
    };
    assert_eq!(refused["status_code"], 429, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("what its submissions may cost"), "{refused}");
    let (_, jobs) = house.get("/v1/jobs?limit=100").await;
    assert!(
        answered > 0 && jobs["data"].as_array().unwrap().len() == answered,
        "no job was made of the last"
    );
    house.stop();
}
