//! OpenAI's calls onto jobs.

mod callers;
mod refusals;

use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::id::JobId;
use forebay_shared::job::{Class, Input, Status};
use forebay_shared::queue::{Consumer, Queue};
use forebay_shared::store::{Attempts, Route};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::worker::{labels, vector};

/// Consumes the interactive queue of a model.
pub async fn consumer(app: &TestApp, model: &str) -> Box<dyn Consumer> {
    app.queue.consume(&Route { model: model.into(), class: Class::Interactive }, 10).await.unwrap()
}

/// The next job in it.
pub async fn next(consumer: &mut dyn Consumer) -> JobId {
    consumer.receive(1).await.unwrap().messages[0].job_id
}

/// The same, and nobody else is given its message.
pub async fn taken(consumer: &mut dyn Consumer) -> JobId {
    let delivery = consumer.receive(1).await.unwrap();
    let id = delivery.messages[0].job_id;
    consumer.ack(delivery).await.unwrap();
    id
}

/// Asks for vectors of two texts.
pub fn two() -> Value {
    json!({"model": "minilm", "input": ["a", "b"]})
}

#[tokio::test]
async fn embeddings_are_a_job_that_is_waited_for() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let call = app.post("/v1/embeddings").header("traceparent", trace).json(two());
    let (answer, job) = tokio::join!(call, async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        assert_eq!((claimed.class, claimed.item_count), (Class::Interactive, 2));
        assert_eq!(claimed.trace.as_deref(), Some(trace));
        let id = claimed.id;
        app.store.forget_calls();
        worker.settle(&claimed, vec![vector(&[0.5, -1.0], 5), vector(&[0.25, 0.0], 3)], Vec::new()).await;
        id
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let id = job.to_string();
    assert_eq!(answer.header("x-forebay-job"), Some(id.as_str()));
    assert_eq!(answer.header("x-request-id"), Some("a-request"));
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.0]},"#,
            r#"{"object":"embedding","index":1,"embedding":[0.25,0.0]}],"#,
            r#""model":"minilm","usage":{"prompt_tokens":8,"total_tokens":8}}"#
        )
    );
    assert!(["job", "watch", "ended", "cancel"].iter().all(|call| app.store.calls(call) == 0));
    let row = app.row(job).await;
    let kept = row.purge_at.unwrap().since(row.finished_at.unwrap());
    assert_eq!(kept, Duration::from_hours(1), "retention.synchronous");
    assert_eq!(row.finish_by.unwrap().since(row.created_at), Duration::from_mins(1), "limits.max_wait");
}

#[tokio::test]
async fn tokens_dimensions_and_an_alias_reach_the_worker() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "acme/words:v1.5").await);
    let body =
        json!({"model": "words", "input": [[1, 2], [3]], "dimensions": 7, "encoding_format": "base64"});
    let (answer, ()) = tokio::join!(app.post("/v1/embeddings").json(body), async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        assert_eq!(Value::Object(claimed.params.clone()), json!({"dimensions": 7}));
        let forebay_shared::job::ItemsAt::Row(items) = &claimed.items else { panic!("they are small") };
        let items = forebay_shared::job::ItemsAt::decode(items.as_bytes()).unwrap();
        assert_eq!(items[0].input, Input::Tokens(vec![1, 2]));
        worker.settle(&claimed, vec![vector(&[0.5], 4), vector(&[-1.0], 3)], Vec::new()).await;
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    let answer = answer.json();
    assert_eq!((&answer["model"], &answer["usage"]["total_tokens"]), (&json!("acme/words:v1.5"), &json!(7)));
    assert_eq!(answer["data"][1]["embedding"], "AACAvw==");
}

#[tokio::test]
async fn a_result_that_is_too_large_for_its_event_is_read() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    let long = vec![0.123_456_7; 8000];
    let (answer, ()) = tokio::join!(app.post("/v1/embeddings").json(two()), async {
        worker.finish(next(&mut *queue).await, vec![vector(&long, 5), vector(&long, 5)]).await;
    });
    let answer = answer.json();
    let told: Vec<f32> = serde_json::from_value(answer["data"][1]["embedding"].clone()).unwrap();
    assert_eq!(told, long);
}

#[tokio::test]
async fn moderations_are_a_job_of_the_configured_classifier() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "emotion").await);
    let body = json!({"model": "omni-moderation-latest", "input": ["a", "b"]});
    let (answer, id) = tokio::join!(app.post("/v1/moderations").json(body), async {
        let id = next(&mut *queue).await;
        let outcomes = [("sad", 0.75), ("happy", 0.25)];
        worker.finish(id, vec![labels(&outcomes), labels(&[("happy", 1.0)])]).await;
        id
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()));
    assert_eq!(answer.json()["id"], format!("modr-{}", id.to_string().replace('-', "")));
    insta::assert_snapshot!(answer.text(), @r#"{"id":"modr-019e830e1a0078349d4ecdbc8b0f4632","model":"emotion","results":[{"flagged":true,"categories":{"gloom":true,"harassment":false,"harassment/threatening":false,"hate":false,"hate/threatening":false,"illicit":false,"illicit/violent":false,"self-harm":false,"self-harm/instructions":false,"self-harm/intent":false,"sexual":false,"sexual/minors":false,"violence":false,"violence/graphic":false},"category_scores":{"gloom":0.75,"harassment":0.0,"harassment/threatening":0.0,"hate":0.0,"hate/threatening":0.0,"illicit":0.0,"illicit/violent":0.0,"self-harm":0.0,"self-harm/instructions":0.0,"self-harm/intent":0.0,"sexual":0.0,"sexual/minors":0.0,"violence":0.0,"violence/graphic":0.0},"category_applied_input_types":{"gloom":["text"],"harassment":[],"harassment/threatening":[],"hate":[],"hate/threatening":[],"illicit":[],"illicit/violent":[],"self-harm":[],"self-harm/instructions":[],"self-harm/intent":[],"sexual":[],"sexual/minors":[],"violence":[],"violence/graphic":[]}},{"flagged":false,"categories":{"gloom":false,"harassment":false,"harassment/threatening":false,"hate":false,"hate/threatening":false,"illicit":false,"illicit/violent":false,"self-harm":false,"self-harm/instructions":false,"self-harm/intent":false,"sexual":false,"sexual/minors":false,"violence":false,"violence/graphic":false},"category_scores":{"gloom":0.0,"harassment":0.0,"harassment/threatening":0.0,"hate":0.0,"hate/threatening":0.0,"illicit":0.0,"illicit/violent":0.0,"self-harm":0.0,"self-harm/instructions":0.0,"self-harm/intent":0.0,"sexual":0.0,"sexual/minors":0.0,"violence":0.0,"violence/graphic":0.0},"category_applied_input_types":{"gloom":[],"harassment":[],"harassment/threatening":[],"hate":[],"hate/threatening":[],"illicit":[],"illicit/violent":[],"self-harm":[],"self-harm/instructions":[],"self-harm/intent":[],"sexual":[],"sexual/minors":[],"violence":[],"violence/graphic":[]}}]}"#);
}

#[tokio::test]
async fn a_large_request_leaves_its_inputs_to_its_job() {
    let app = TestApp::start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    let body = json!({"model": "minilm", "input": "words ".repeat(10_000)});
    let (answer, id) = tokio::join!(app.post("/v1/embeddings").json(body), async {
        let id = next(&mut *queue).await;
        assert_eq!(app.objects().await, [format!("inputs/{id}/items")]);
        worker.finish(id, vec![vector(&[1.0], 128)]).await;
        id
    });
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    assert_eq!(app.row(id).await.status, Status::Succeeded);
}

/// What a call is told whose job ends like this.
pub async fn told(
    app: &TestApp,
    body: Value,
    end: impl AsyncFnOnce(&crate::worker::Worker, forebay_shared::job::Claimed),
) -> Answer {
    let (worker, mut queue) = (app.worker().await, consumer(app, "minilm").await);
    let (answer, ()) = tokio::join!(app.post("/v1/embeddings").json(body), async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        end(&worker, claimed).await;
    });
    answer
}

/// The job can be claimed no more.
pub async fn is_dropped(app: &TestApp, id: JobId) -> bool {
    let worker = app.worker().await;
    app.store.claim(worker.id, &[id]).await.unwrap().is_empty()
}
