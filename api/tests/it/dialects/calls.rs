//! Calls of every dialect that end otherwise than hoped, each in its dialect's words.

use std::fmt::Write;
use std::time::Duration;

use axum::http::StatusCode;
use forebay_api::LimitConfig;
use forebay_shared::config::Span;
use forebay_shared::id::JobId;
use forebay_shared::job::{Kind, Status};
use forebay_shared::testing::card;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, Builder, TestApp};
use crate::bodies::{base64, png};
use crate::openai::{consumer, taken};
use crate::worker::{failed, too_long};

/// A call of each kind that waits for a job: its path, its body, and the model that is to do it.
fn calls() -> Vec<(&'static str, Value, &'static str)> {
    let picture = base64(&png(3, 2));
    let tensor = json!({"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]});
    let message = json!({"role": "user", "content": "what is it?", "images": [picture]});
    vec![
        ("/v1/embeddings", json!({"model": "minilm", "input": "a"}), "minilm"),
        ("/v1/moderations", json!({"input": "a"}), "emotion"),
        ("/api/embed", json!({"model": "minilm", "input": "a"}), "minilm"),
        ("/api/embeddings", json!({"model": "minilm", "prompt": "a"}), "minilm"),
        ("/api/generate", json!({"model": "net", "images": [picture]}), "net"),
        ("/api/generate", json!({"model": "net", "images": [picture], "stream": false}), "net"),
        ("/api/chat", json!({"model": "net", "messages": [message]}), "net"),
        ("/v2/models/minilm/infer", json!({"inputs": [tensor]}), "minilm"),
        ("/v2/models/minilm/versions/1/infer", json!({"inputs": [tensor]}), "minilm"),
        ("/tei/embed", json!({"inputs": "a"}), "minilm"),
        ("/tei/embed_all", json!({"inputs": "a"}), "minilm"),
        ("/tei/predict", json!({"inputs": "a"}), "emotion"),
        ("/tei/rerank", json!({"query": "a", "texts": ["b"]}), "ranker"),
        ("/tei/similarity", json!({"inputs": {"source_sentence": "a", "sentences": ["b"]}}), "twin"),
        ("/tei/tokenize", json!({"inputs": "a"}), "minilm"),
        ("/tei/decode", json!({"ids": [1]}), "minilm"),
        ("/predict", json!({"model_id": "A001", "input_data": "a"}), "emotion"),
        ("/predict/batch", json!({"model_id": "A001", "inputs": ["a"]}), "emotion"),
        ("/api/v1/predict", json!({"model_id": "A001", "input_data": "a"}), "emotion"),
        ("/process", json!({"data": picture}), "net"),
    ]
}

/// An api with the models of all calls.
fn builder() -> Builder {
    TestApp::build().serving(card("ranker", Kind::Rerank)).serving(card("twin", Kind::TextSimilarity))
}

/// A line of what a call was told.
fn line(told: &mut String, path: &str, answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    writeln!(told, "{path} {} {}", answer.status.as_u16(), answer.text()).unwrap();
}

/// What each call is told whose job ends like this.
async fn each(end: impl AsyncFn(&TestApp, JobId)) -> String {
    let mut told = String::new();
    for (path, body, model) in calls() {
        let app = builder().start().await;
        let mut queue = consumer(&app, model).await;
        let (answer, id) = tokio::join!(app.post(path).json(body), async {
            let id = taken(&mut *queue).await;
            end(&app, id).await;
            id
        });
        assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()), "{path}");
        assert_eq!(answer.header("x-should-retry"), Some("false"), "{path}");
        line(&mut told, path, &answer);
    }
    told
}

/// Tells those who wait that the job has ended.
async fn tell(app: &TestApp, id: JobId) {
    app.worker().await.tell(vec![app.parts.events.address().to_owned()], id, None).await;
}

#[tokio::test]
async fn a_call_whose_job_somebody_cancels() {
    let told = each(async |app, id| {
        let cancelled = app.post(&format!("/v1/jobs/{id}/cancel")).send().await;
        assert_eq!(cancelled.status, StatusCode::OK, "{cancelled}");
    });
    let told = told.await;
    insta::assert_snapshot!(told, @r#"
    /v1/embeddings 409 {"error":{"message":"the job was cancelled","type":"invalid_request_error","param":null,"code":"job_cancelled"}}
    /v1/moderations 409 {"error":{"message":"the job was cancelled","type":"invalid_request_error","param":null,"code":"job_cancelled"}}
    /api/embed 409 {"error":"the job was cancelled"}
    /api/embeddings 409 {"error":"the job was cancelled"}
    /api/generate 409 {"error":"the job was cancelled"}
    /api/generate 409 {"error":"the job was cancelled"}
    /api/chat 409 {"error":"the job was cancelled"}
    /v2/models/minilm/infer 409 {"error":"the job was cancelled"}
    /v2/models/minilm/versions/1/infer 409 {"error":"the job was cancelled"}
    /tei/embed 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/embed_all 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/predict 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/rerank 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/similarity 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/tokenize 409 {"error":"the job was cancelled","error_type":"Validation"}
    /tei/decode 409 {"error":"the job was cancelled","error_type":"Validation"}
    /predict 409 {"error":"The job was cancelled","detail":"the job was cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":409}
    /predict/batch 409 {"error":"The job was cancelled","detail":"the job was cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":409}
    /api/v1/predict 409 {"error":"The job was cancelled","detail":"the job was cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":409}
    /process 409 {"error":"the job was cancelled"}
    "#);
}

#[tokio::test]
async fn a_call_whose_job_fails() {
    let told = each(async |app, id| {
        let worker = app.worker().await;
        worker.end(&worker.claim(id).await, failed()).await;
        tell(app, id).await;
    });
    insta::assert_snapshot!(told.await, @r#"
    /v1/embeddings 500 {"error":{"message":"none of the items succeeded","type":"server_error","param":null,"code":"job_failed"}}
    /v1/moderations 500 {"error":{"message":"none of the items succeeded","type":"server_error","param":null,"code":"job_failed"}}
    /api/embed 500 {"error":"none of the items succeeded"}
    /api/embeddings 500 {"error":"none of the items succeeded"}
    /api/generate 500 {"error":"none of the items succeeded"}
    /api/generate 500 {"error":"none of the items succeeded"}
    /api/chat 500 {"error":"none of the items succeeded"}
    /v2/models/minilm/infer 500 {"error":"none of the items succeeded"}
    /v2/models/minilm/versions/1/infer 500 {"error":"none of the items succeeded"}
    /tei/embed 424 {"error":"none of the items succeeded","error_type":"Backend"}
    /tei/embed_all 424 {"error":"none of the items succeeded","error_type":"Backend"}
    /tei/predict 424 {"error":"none of the items succeeded","error_type":"Backend"}
    /tei/rerank 424 {"error":"none of the items succeeded","error_type":"Backend"}
    /tei/similarity 424 {"error":"none of the items succeeded","error_type":"Backend"}
    /tei/tokenize 424 {"error":"none of the items succeeded","error_type":"Backend"}
    /tei/decode 424 {"error":"none of the items succeeded","error_type":"Backend"}
    /predict 500 {"error":"The job failed","detail":"none of the items succeeded","timestamp":"2026-06-01T12:00:00.000000Z","status_code":500}
    /predict/batch 500 {"error":"The job failed","detail":"none of the items succeeded","timestamp":"2026-06-01T12:00:00.000000Z","status_code":500}
    /api/v1/predict 500 {"error":"The job failed","detail":"none of the items succeeded","timestamp":"2026-06-01T12:00:00.000000Z","status_code":500}
    /process 500 {"error":"none of the items succeeded"}
    "#);
}

#[tokio::test]
async fn a_call_whose_input_the_model_cannot_take() {
    let told = each(async |app, id| app.worker().await.finish(id, vec![too_long()]).await);
    insta::assert_snapshot!(told.await, @r#"
    /v1/embeddings 400 {"error":{"message":"input 0: the text has 150 tokens, the limit is 128","type":"invalid_request_error","param":"input","code":"input_failed"}}
    /v1/moderations 400 {"error":{"message":"input 0: the text has 150 tokens, the limit is 128","type":"invalid_request_error","param":"input","code":"input_failed"}}
    /api/embed 400 {"error":"input 0: the text has 150 tokens, the limit is 128"}
    /api/embeddings 400 {"error":"input 0: the text has 150 tokens, the limit is 128"}
    /api/generate 400 {"error":"input 0: the text has 150 tokens, the limit is 128"}
    /api/generate 400 {"error":"input 0: the text has 150 tokens, the limit is 128"}
    /api/chat 400 {"error":"input 0: the text has 150 tokens, the limit is 128"}
    /v2/models/minilm/infer 400 {"error":"input 0: the text has 150 tokens, the limit is 128"}
    /v2/models/minilm/versions/1/infer 400 {"error":"input 0: the text has 150 tokens, the limit is 128"}
    /tei/embed 422 {"error":"input 0: the text has 150 tokens, the limit is 128","error_type":"Validation"}
    /tei/embed_all 422 {"error":"input 0: the text has 150 tokens, the limit is 128","error_type":"Validation"}
    /tei/predict 422 {"error":"input 0: the text has 150 tokens, the limit is 128","error_type":"Validation"}
    /tei/rerank 422 {"error":"input 0: the text has 150 tokens, the limit is 128","error_type":"Validation"}
    /tei/similarity 422 {"error":"input 0: the text has 150 tokens, the limit is 128","error_type":"Validation"}
    /tei/tokenize 422 {"error":"input 0: the text has 150 tokens, the limit is 128","error_type":"Validation"}
    /tei/decode 422 {"error":"input 0: the text has 150 tokens, the limit is 128","error_type":"Validation"}
    /predict 400 {"error":"The model could not take an input","detail":"`input_data`: input 0: the text has 150 tokens, the limit is 128","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400}
    /predict/batch 400 {"error":"The model could not take an input","detail":"`inputs`: input 0: the text has 150 tokens, the limit is 128","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400}
    /api/v1/predict 400 {"error":"The model could not take an input","detail":"`input_data`: input 0: the text has 150 tokens, the limit is 128","timestamp":"2026-06-01T12:00:00.000000Z","status_code":400}
    /process 400 {"error":"the text has 150 tokens, the limit is 128"}
    "#);
}

#[tokio::test]
async fn a_call_whose_job_comes_to_its_deadline() {
    let told = each(async |app, id| {
        app.clock.advance(Duration::from_hours(1));
        assert_eq!(app.store.behind().expire(10).await.unwrap().len(), 1);
        tell(app, id).await;
    });
    // An hour has passed, and the emotion API tells the time.
    insta::assert_snapshot!(told.await, @r#"
    /v1/embeddings 504 {"error":{"message":"the job's deadline passed before it ended","type":"server_error","param":null,"code":"timeout"}}
    /v1/moderations 504 {"error":{"message":"the job's deadline passed before it ended","type":"server_error","param":null,"code":"timeout"}}
    /api/embed 504 {"error":"the job's deadline passed before it ended"}
    /api/embeddings 504 {"error":"the job's deadline passed before it ended"}
    /api/generate 504 {"error":"the job's deadline passed before it ended"}
    /api/generate 504 {"error":"the job's deadline passed before it ended"}
    /api/chat 504 {"error":"the job's deadline passed before it ended"}
    /v2/models/minilm/infer 504 {"error":"the job's deadline passed before it ended"}
    /v2/models/minilm/versions/1/infer 504 {"error":"the job's deadline passed before it ended"}
    /tei/embed 504 {"error":"the job's deadline passed before it ended","error_type":"Backend"}
    /tei/embed_all 504 {"error":"the job's deadline passed before it ended","error_type":"Backend"}
    /tei/predict 504 {"error":"the job's deadline passed before it ended","error_type":"Backend"}
    /tei/rerank 504 {"error":"the job's deadline passed before it ended","error_type":"Backend"}
    /tei/similarity 504 {"error":"the job's deadline passed before it ended","error_type":"Backend"}
    /tei/tokenize 504 {"error":"the job's deadline passed before it ended","error_type":"Backend"}
    /tei/decode 504 {"error":"the job's deadline passed before it ended","error_type":"Backend"}
    /predict 504 {"error":"The job did not end in time","detail":"the job's deadline passed before it ended","timestamp":"2026-06-01T13:00:00.000000Z","status_code":504}
    /predict/batch 504 {"error":"The job did not end in time","detail":"the job's deadline passed before it ended","timestamp":"2026-06-01T13:00:00.000000Z","status_code":504}
    /api/v1/predict 504 {"error":"The job did not end in time","detail":"the job's deadline passed before it ended","timestamp":"2026-06-01T13:00:00.000000Z","status_code":504}
    /process 504 {"error":"the job's deadline passed before it ended"}
    "#);
}

#[tokio::test]
async fn a_call_that_has_waited_long_enough() {
    let app = builder().limits(|limits| limits.max_wait = Span::new(Duration::from_secs(1))).start().await;
    let answers =
        join_all(calls().into_iter().map(async |(path, body, _)| (path, app.post(path).json(body).await)));
    let mut told = String::new();
    for (path, answer) in answers.await {
        line(&mut told, path, &answer);
        let id = answer.header("x-forebay-job").unwrap().parse().unwrap();
        app.eventually(async || app.row(id).await.status == Status::Cancelled).await;
    }
    insta::assert_snapshot!(told, @r#"
    /v1/embeddings 504 {"error":{"message":"the job did not end within 1 s, and it is cancelled","type":"server_error","param":null,"code":"timeout"}}
    /v1/moderations 504 {"error":{"message":"the job did not end within 1 s, and it is cancelled","type":"server_error","param":null,"code":"timeout"}}
    /api/embed 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    /api/embeddings 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    /api/generate 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    /api/generate 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    /api/chat 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    /v2/models/minilm/infer 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    /v2/models/minilm/versions/1/infer 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    /tei/embed 504 {"error":"the job did not end within 1 s, and it is cancelled","error_type":"Backend"}
    /tei/embed_all 504 {"error":"the job did not end within 1 s, and it is cancelled","error_type":"Backend"}
    /tei/predict 504 {"error":"the job did not end within 1 s, and it is cancelled","error_type":"Backend"}
    /tei/rerank 504 {"error":"the job did not end within 1 s, and it is cancelled","error_type":"Backend"}
    /tei/similarity 504 {"error":"the job did not end within 1 s, and it is cancelled","error_type":"Backend"}
    /tei/tokenize 504 {"error":"the job did not end within 1 s, and it is cancelled","error_type":"Backend"}
    /tei/decode 504 {"error":"the job did not end within 1 s, and it is cancelled","error_type":"Backend"}
    /predict 504 {"error":"The job did not end in time","detail":"the job did not end within 1 s, and it is cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":504}
    /predict/batch 504 {"error":"The job did not end in time","detail":"the job did not end within 1 s, and it is cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":504}
    /api/v1/predict 504 {"error":"The job did not end in time","detail":"the job did not end within 1 s, and it is cancelled","timestamp":"2026-06-01T12:00:00.000000Z","status_code":504}
    /process 504 {"error":"the job did not end within 1 s, and it is cancelled"}
    "#);
}

/// What each call is told that is refused before it has a job.
async fn refused(app: &TestApp, retry_after: &str) -> String {
    let mut told = String::new();
    for (path, body, _) in calls() {
        let answer = app.post(path).json(body).await;
        let headers = ["retry-after", "x-forebay-job"].map(|name| answer.header(name));
        assert_eq!(headers, [Some(retry_after), None], "{path}: {answer}");
        line(&mut told, path, &answer);
    }
    told
}

#[tokio::test]
async fn a_call_while_too_much_waits() {
    let full = |limits: &mut LimitConfig| (limits.max_queued_jobs, limits.max_queued_jobs_per_owner) = (1, 1);
    let app = builder().limits(full).start().await;
    for (model, input, params) in [
        ("minilm", json!("a"), json!({})),
        ("emotion", json!("a"), json!({})),
        ("net", json!({"image": {"base64": base64(&png(3, 2))}}), json!({})),
        ("ranker", json!("a"), json!({"query": "b"})),
        ("twin", json!("a"), json!({"source": "b"})),
    ] {
        app.submit(json!({"model": model, "input": input, "params": params})).await;
    }
    insta::assert_snapshot!(refused(&app, "1").await, @r#"
    /v1/embeddings 429 {"error":{"message":"the queue of the model `minilm` has the 1 jobs that it may have","type":"requests","param":null,"code":"queue_full"}}
    /v1/moderations 429 {"error":{"message":"the queue of the model `emotion` has the 1 jobs that it may have","type":"requests","param":null,"code":"queue_full"}}
    /api/embed 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have"}
    /api/embeddings 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have"}
    /api/generate 429 {"error":"the queue of the model `net` has the 1 jobs that it may have"}
    /api/generate 429 {"error":"the queue of the model `net` has the 1 jobs that it may have"}
    /api/chat 429 {"error":"the queue of the model `net` has the 1 jobs that it may have"}
    /v2/models/minilm/infer 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have"}
    /v2/models/minilm/versions/1/infer 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have"}
    /tei/embed 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have","error_type":"Overloaded"}
    /tei/embed_all 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have","error_type":"Overloaded"}
    /tei/predict 429 {"error":"the queue of the model `emotion` has the 1 jobs that it may have","error_type":"Overloaded"}
    /tei/rerank 429 {"error":"the queue of the model `ranker` has the 1 jobs that it may have","error_type":"Overloaded"}
    /tei/similarity 429 {"error":"the queue of the model `twin` has the 1 jobs that it may have","error_type":"Overloaded"}
    /tei/tokenize 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have","error_type":"Overloaded"}
    /tei/decode 429 {"error":"the queue of the model `minilm` has the 1 jobs that it may have","error_type":"Overloaded"}
    /predict 429 {"error":"Too much is waiting already","detail":"the queue of the model `emotion` has the 1 jobs that it may have","timestamp":"2026-06-01T12:00:00.005000Z","status_code":429}
    /predict/batch 429 {"error":"Too much is waiting already","detail":"the queue of the model `emotion` has the 1 jobs that it may have","timestamp":"2026-06-01T12:00:00.005000Z","status_code":429}
    /api/v1/predict 429 {"error":"Too much is waiting already","detail":"the queue of the model `emotion` has the 1 jobs that it may have","timestamp":"2026-06-01T12:00:00.005000Z","status_code":429}
    /process 429 {"error":"Too many requests"}
    "#);
}

#[tokio::test]
async fn a_call_while_the_database_is_away() {
    let app = builder().start().await;
    app.store.set_away(true);
    insta::assert_snapshot!(refused(&app, "1").await, @r#"
    /v1/embeddings 503 {"error":{"message":"the database cannot be reached; ask again in a moment","type":"server_error","param":null,"code":"unavailable"}}
    /v1/moderations 503 {"error":{"message":"the database cannot be reached; ask again in a moment","type":"server_error","param":null,"code":"unavailable"}}
    /api/embed 503 {"error":"the database cannot be reached; ask again in a moment"}
    /api/embeddings 503 {"error":"the database cannot be reached; ask again in a moment"}
    /api/generate 503 {"error":"the database cannot be reached; ask again in a moment"}
    /api/generate 503 {"error":"the database cannot be reached; ask again in a moment"}
    /api/chat 503 {"error":"the database cannot be reached; ask again in a moment"}
    /v2/models/minilm/infer 503 {"error":"the database cannot be reached; ask again in a moment"}
    /v2/models/minilm/versions/1/infer 503 {"error":"the database cannot be reached; ask again in a moment"}
    /tei/embed 503 {"error":"the database cannot be reached; ask again in a moment","error_type":"Unhealthy"}
    /tei/embed_all 503 {"error":"the database cannot be reached; ask again in a moment","error_type":"Unhealthy"}
    /tei/predict 503 {"error":"the database cannot be reached; ask again in a moment","error_type":"Unhealthy"}
    /tei/rerank 503 {"error":"the database cannot be reached; ask again in a moment","error_type":"Unhealthy"}
    /tei/similarity 503 {"error":"the database cannot be reached; ask again in a moment","error_type":"Unhealthy"}
    /tei/tokenize 503 {"error":"the database cannot be reached; ask again in a moment","error_type":"Unhealthy"}
    /tei/decode 503 {"error":"the database cannot be reached; ask again in a moment","error_type":"Unhealthy"}
    /predict 503 {"error":"The service is not available","detail":"the database cannot be reached; ask again in a moment","timestamp":"2026-06-01T12:00:00.000000Z","status_code":503}
    /predict/batch 503 {"error":"The service is not available","detail":"the database cannot be reached; ask again in a moment","timestamp":"2026-06-01T12:00:00.000000Z","status_code":503}
    /api/v1/predict 503 {"error":"The service is not available","detail":"the database cannot be reached; ask again in a moment","timestamp":"2026-06-01T12:00:00.000000Z","status_code":503}
    /process 503 {"error":"the database cannot be reached; ask again in a moment"}
    "#);
}

#[tokio::test]
async fn who_hangs_up_cancels_the_job_unless_the_call_is_detached() {
    for (path, body, model) in calls() {
        let app = builder().start().await;
        let mut queue = consumer(&app, model).await;
        for (detach, then) in [("false", Status::Cancelled), ("true", Status::Queued)] {
            let call = app.post(path).header("x-forebay-detach", detach).json(body.clone());
            let mut call = Box::pin(call);
            let id = tokio::select! {
                answer = &mut call => panic!("nobody works: {path}: {answer}"),
                id = taken(&mut *queue) => id,
            };
            drop(call);
            app.eventually(async || app.row(id).await.status == then).await;
        }
        assert_eq!(app.store.calls("cancel"), 1, "{path}");
    }
}
