//! Image tasks through real processes: however many large pictures come at once, memory stays within what is configured.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::columns::on_both;
use super::house::{House, LONG, Plan};

/// What all bodies together, and all pictures that are decoded, may take.
const BODIES: u64 = 96 << 20;
const DECODING: u64 = 64 << 20;
/// What a process may grow by beside that: buffers of sockets, parts that are being sent, and what the allocator keeps.
const SLACK: u64 = 64 << 20;
/// A file that is nearly as large as `limits.max_image_bytes` and, in base64, as `limits.max_body`.
const LARGE: u32 = 25_160_000;
/// Pictures that come at once: twice what all bodies together may take.
const AT_ONCE: usize = 8;

on_both! {
    Plan::models()
        .with("FOREBAY_WORKER__MODELS", r#"["echo", "efficientnet-lite0"]"#)
        .with("FOREBAY_RATE_LIMITS__IMAGE_TASK_REQUESTS", "")
        .with("FOREBAY_LIMITS__BODIES_IN_MEMORY", "96 MiB")
        .with("FOREBAY_WORKER__DECODE_MEMORY", "64 MiB")
        // As the image has it: see "Why does the image set `MALLOC_MMAP_THRESHOLD_`?".
        .with("MALLOC_MMAP_THRESHOLD_", "1048576") => [
        many_large_pictures_pass_through_flat_memory,
    ];
}

/// A bitmap of so many bytes that no other index has. Its pixels stand at its end and are few, so that it is decoded soon.
fn bitmap(bytes: u32, index: usize) -> Vec<u8> {
    const SIDE: u32 = 400;
    const PIXELS: u32 = SIDE * SIDE * 3;
    let mut file = b"BM".to_vec();
    for word in [bytes, 0, bytes - PIXELS, 40, SIDE, SIDE, 1 | 24 << 16, 0, PIXELS, 2835, 2835, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    let noise = Sha256::digest(index.to_le_bytes());
    file.extend(noise.iter().copied().cycle().take(bytes as usize - file.len()));
    file
}

async fn many_large_pictures_pass_through_flat_memory(house: House) {
    // Whatever is loaded once is loaded now.
    answered(|| upload(&house, "/process", bitmap(500_000, 0))).await;
    let worker = &house.workers[0];
    let bounds = if house.is_fleet() {
        let api = house.processes.last().expect("the api was started last");
        vec![(api, BODIES + SLACK), (worker, DECODING + SLACK)]
    } else {
        vec![(worker, BODIES + DECODING + SLACK)]
    };
    let before: Vec<u64> = bounds.iter().map(|(process, _)| process.memory("VmRSS")).collect();

    let tasks = join_all((1..=AT_ONCE).map(|index| {
        let house = &house;
        answered(move || upload(house, "/tasks", bitmap(LARGE, index)))
    }));
    for task in tasks.await {
        let task = house.ended(task["task_id"].as_str().expect("it is accepted")).await;
        assert_eq!(task["status"], "succeeded", "{task}");
    }
    let uploaded = join_all((1..=AT_ONCE).map(|index| {
        let house = &house;
        answered(move || upload(house, "/process", bitmap(LARGE, index)))
    }));
    let written = join_all((1..=AT_ONCE).map(|index| {
        let house = &house;
        answered(move || {
            let body = json!({"data": STANDARD.encode(bitmap(LARGE, index))});
            house.request(Method::POST, "/process").json(&body)
        })
    }));
    for answer in uploaded.await.into_iter().chain(written.await) {
        assert!(answer["result"]["labels"][0]["score"].is_number(), "{answer}");
    }

    for ((process, bound), before) in bounds.iter().zip(before) {
        let growth = process.memory("VmHWM").saturating_sub(before);
        assert!(growth < *bound, "it grew by {} MiB, and may by {}", growth >> 20, bound >> 20);
    }
    house.stop();
}

fn upload(house: &House, path: &str, picture: Vec<u8>) -> RequestBuilder {
    let form = Form::new().part("img", Part::bytes(picture).file_name("noise.bmp"));
    house.request(Method::POST, path).multipart(form)
}

/// Asks until there is room, as the answer says, and answers with what it is told.
async fn answered(request: impl Fn() -> RequestBuilder) -> Value {
    let started = Instant::now();
    loop {
        let answer = request().send().await.unwrap();
        if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
            let (status, told) = (answer.status(), answer.json().await.unwrap());
            assert_eq!(status, StatusCode::OK, "{told}");
            return told;
        }
        assert!(started.elapsed() < LONG, "there is room some time");
        let wait = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_secs(wait)).await;
    }
}
