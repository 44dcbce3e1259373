//! Files through real processes: however large, memory stays flat and every byte comes back.

use bytes::Bytes;
use futures::StreamExt;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::columns::on_both;
use super::house::{House, Plan};

/// How large the file is; its content is made on the way.
const MEBIBYTES: u64 = if cfg!(feature = "long") { 1024 } else { 200 };
/// What the process that answers may grow by while a file passes through it, in either direction: two parts of 5 MiB that
/// are being sent, buffers of sockets, and what the allocator keeps.
const GROWTH: u64 = 64 << 20;

on_both! {
    Plan::echo().with("FOREBAY_FILES__MAX_SIZE", "2 GiB") => [
        a_large_file_passes_through_flat_memory,
        a_file_comes_in_parts_and_is_read_as_one,
    ];
}

/// A mebibyte that no other index has.
fn mebibyte(index: u64) -> Bytes {
    let seed = Sha256::digest(index.to_le_bytes());
    seed.iter().copied().cycle().take(1 << 20).collect::<Vec<u8>>().into()
}

async fn a_large_file_passes_through_flat_memory(house: House) {
    let (status, small) = upload(&house, 1).await;
    assert_eq!(status, StatusCode::OK, "{small}");
    let before = house.memory("VmRSS");
    let (status, file) = upload(&house, MEBIBYTES).await;
    assert_eq!((status, &file["bytes"]), (StatusCode::OK, &json!(MEBIBYTES << 20)), "{file}");

    let path = format!("/v1/files/{}/content", file["id"].as_str().unwrap());
    let mut content = house.request(Method::GET, &path).send().await.unwrap().bytes_stream();
    let mut found = Sha256::new();
    while let Some(piece) = content.next().await {
        found.update(piece.unwrap());
    }
    let mut expected = Sha256::new();
    (0..MEBIBYTES).for_each(|index| expected.update(mebibyte(index)));
    assert_eq!(found.finalize(), expected.finalize());
    let growth = house.memory("VmHWM").saturating_sub(before);
    assert!(growth < GROWTH, "it grew by {} MiB for a file of {MEBIBYTES}", growth >> 20);
    house.stop();
}

async fn upload(house: &House, mebibytes: u64) -> (StatusCode, Value) {
    let content = futures::stream::iter(0..mebibytes).map(|index| Ok::<_, std::io::Error>(mebibyte(index)));
    let part = Part::stream_with_length(Body::wrap_stream(content), mebibytes << 20).file_name("large");
    let form = Form::new().text("purpose", "user_data").part("file", part);
    let answer = house.request(Method::POST, "/v1/files").multipart(form).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn a_file_comes_in_parts_and_is_read_as_one(house: House) {
    let wish =
        json!({"filename": "lines", "purpose": "user_data", "bytes": 3 << 20, "mime_type": "text/plain"});
    let (status, upload) = house.post("/v1/uploads", &wish).await;
    assert_eq!(status, StatusCode::OK, "{upload}");
    let path = format!("/v1/uploads/{}", upload["id"].as_str().unwrap());
    // All at once: their order is told at the end.
    let parts = futures::future::join_all((0..3).map(|index| {
        let form = Form::new().part("data", Part::bytes(mebibyte(index).to_vec()).file_name("part"));
        house.request(Method::POST, &format!("{path}/parts")).multipart(form).send()
    }))
    .await;
    let mut ids = Vec::new();
    for part in parts {
        let part: Value = part.unwrap().json().await.unwrap();
        ids.push(part["id"].clone());
    }
    let (status, done) = house.post(&format!("{path}/complete"), &json!({"part_ids": ids})).await;
    assert_eq!((status, &done["status"]), (StatusCode::OK, &json!("completed")), "{done}");
    let file = format!("/v1/files/{}", done["file"]["id"].as_str().unwrap());
    let range = format!("bytes={}-{}", (1 << 20) - 2, (2 << 20) + 1);
    let read =
        house.request(Method::GET, &format!("{file}/content")).header("range", range).send().await.unwrap();
    assert_eq!(read.status(), StatusCode::PARTIAL_CONTENT);
    let (first, second, third) = (mebibyte(0), mebibyte(1), mebibyte(2));
    let expected = [&first[(1 << 20) - 2..], &second, &third[..2]].concat();
    assert!(read.bytes().await.unwrap() == expected, "across both seams");
    let gone = house.request(Method::DELETE, &file).send().await.unwrap();
    assert_eq!(gone.json::<Value>().await.unwrap()["deleted"], true);
    assert_eq!(house.get(&file).await.0, StatusCode::NOT_FOUND);
    house.stop();
}
