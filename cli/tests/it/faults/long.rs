//! What takes too long for every time: real models, and a worker that dies again and again.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::super::columns::on_both;
use super::super::house::{House, Plan};

/// Jobs in all; each third one is a picture.
const JOBS: usize = 300;

/// Sentences, and the feeling that `emotion` finds in them.
const SENTENCES: [(&str, &str); 2] =
    [("I can't wait for the concert tonight!!", "excited"), ("我好担心明天的考试", "anxious")];

/// Pictures, and a word in the label that `efficientnet-lite0` finds likeliest.
const PICTURES: [(&str, &[u8], &str); 2] = [
    ("cat.jpg", include_bytes!("../../../../models/samples/cat.jpg"), "cat"),
    ("coffee.jpg", include_bytes!("../../../../models/samples/coffee.jpg"), "espresso"),
];

on_both! {
    Plan::models().hasty() => [real_answers_survive_three_killed_workers];
}

async fn real_answers_survive_three_killed_workers(mut house: House) {
    let mut jobs = Vec::with_capacity(JOBS);
    for n in 0..JOBS {
        jobs.push(submit(&house, n).await);
    }
    for death in 1..=3 {
        house.until_count("succeeded", death * 25).await;
        house.until_count("running", 1).await;
        house.workers.remove(0).kill();
        house.start_worker().await;
    }
    let mut repeated = 0;
    for (id, expected) in &jobs {
        let job = house.ended(id).await;
        assert_eq!(job["status"], "succeeded", "{job}");
        let best = &job["result"]["items"][0]["output"]["labels"][0];
        assert!(best["label"].as_str().is_some_and(|label| label.contains(expected)), "{expected}: {job}");
        assert!(best["score"].as_f64().is_some_and(|score| (0.0..=1.0).contains(&score)), "{job}");
        repeated += usize::from(job["attempt"].as_u64() > Some(1));
    }
    assert!(repeated > 0, "the workers died in the middle of jobs");
    house.stop();
}

/// Submits the job of this number; answers with its id and what its best label must contain.
async fn submit(house: &House, n: usize) -> (String, &'static str) {
    if !n.is_multiple_of(3) {
        let (text, feeling) = SENTENCES[n % SENTENCES.len()];
        return (house.submit(&json!({"model": "emotion", "input": text})).await, feeling);
    }
    let (name, bytes, word) = PICTURES[n % PICTURES.len()];
    let form = Form::new()
        .text("job", json!({"model": "efficientnet-lite0"}).to_string())
        .part("image", Part::bytes(bytes).file_name(name));
    let answer = house.request(Method::POST, "/v1/jobs").multipart(form).send().await.unwrap();
    let job: Value = answer.json().await.unwrap();
    (job["id"].as_str().unwrap_or_else(|| panic!("it is accepted: {job}")).to_owned(), word)
}
