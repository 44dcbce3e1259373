//! Submissions that are accepted, and what becomes of their inputs.

use axum::http::StatusCode;
use forebay_shared::job::{Class, Cost, ImageSource, Input, Items, ItemsAt, Object};
use forebay_shared::queue::Queue;
use forebay_shared::store::Route;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::bodies::{base64, padded_png, png};

/// The items of a job as a worker would read them.
async fn items(app: &TestApp, job: forebay_shared::id::JobId) -> (ItemsAt, Items) {
    let worker = app.worker().await;
    let claimed = worker.claim(job).await;
    worker.end(&claimed, crate::worker::failed()).await;
    let stored = match &claimed.items {
        ItemsAt::Row(items) => items.clone().into_bytes(),
        ItemsAt::Blob(key) => app.blobs.get(key).await.unwrap().to_vec(),
        ItemsAt::File { .. } => panic!("no slice was submitted"),
    };
    let items = ItemsAt::decode(&stored).unwrap();
    assert_eq!(items.len(), claimed.item_count as usize);
    (claimed.items, items)
}

#[tokio::test]
async fn a_submission_is_accepted_with_its_place_and_the_time_to_ask_again() {
    let app = TestApp::start().await;
    let answer = app.post("/v1/jobs").json(json!({"model": "echo", "input": "hello"})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("location"), Some(&*format!("/v1/jobs/{}", answer.id())));
    assert_eq!(answer.header("x-request-id"), Some("a-request"));
    assert_eq!(answer.json()["status"], "queued");
    assert_eq!(answer.json()["kind"], "echo");
    let mut read = app.get(answer.header("location").unwrap()).send().await.json();
    assert_eq!(read["queue"].take()["position"], 0);
    assert_eq!(read, answer.json());
}

#[tokio::test]
async fn a_submission_is_handed_over_once_it_is_stored() {
    let app = TestApp::start().await;
    let route = Route { model: "echo".into(), class: Class::Interactive };
    let mut consumer = app.queue.consume(&route, 10).await.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = json!({"model": "echo", "input": "hello"});
    let answer = app.post("/v1/jobs").header("traceparent", trace).json(body).await;
    let delivery = consumer.receive(10).await.unwrap();
    assert_eq!(delivery.messages[0].job_id, answer.id());
    assert_eq!(delivery.messages[0].trace.as_deref(), Some(trace));
}

#[tokio::test]
async fn what_exceeds_the_window_waits_in_the_database() {
    let app = TestApp::start().await;
    let route = Route { model: "echo".into(), class: Class::Interactive };
    for _ in 0..50 {
        app.submit(json!({"model": "echo", "inputs": ["a long text of some thirty bytes"]})).await;
    }
    let mut consumer = app.queue.consume(&route, 100).await.unwrap();
    let handed_over = consumer.receive(100).await.unwrap().messages.len();
    // Half of two batches of 64 before the filler looks again, and nobody looks here. Each job costs ten.
    assert_eq!(handed_over, 7);
}

#[tokio::test]
async fn every_setting_reaches_the_row() {
    let app = TestApp::start().await;
    let id = app
        .submit(json!({
            "model": "words",
            "inputs": ["a", {"text": "b", "params": {"truncate": false}}],
            "params": {"truncate": true},
            "class": "bulk",
            "priority": -10,
            "metadata": {"city": "上海"},
            "max_attempts": 7
        }))
        .await;
    let job = app.row(id).await;
    assert_eq!(job.model, "acme/words:v1.5", "the alias is resolved");
    assert_eq!((job.class, job.priority, job.max_attempts), (Class::Bulk, -10, 7));
    assert_eq!(Value::Object(job.params), json!({"truncate": true}));
    assert_eq!(Value::Object(job.metadata), json!({"city": "上海"}));
    assert_eq!(job.item_count, 2);
    let (_, items) = items(&app, id).await;
    assert_eq!(Value::Object(items[1].params.clone()), json!({"truncate": false}));
}

#[tokio::test]
async fn null_means_not_given() {
    let app = TestApp::start().await;
    let body = json!({"model": "echo", "input": {"text": "a", "image": null}, "inputs": null, "params": null,
        "class": null, "priority": null, "metadata": null, "max_attempts": null, "webhook": null});
    let id = app.submit(body).await;
    assert_eq!(app.row(id).await.max_attempts, 3);
}

#[tokio::test]
async fn a_small_picture_stands_in_the_row() {
    let app = TestApp::start().await;
    for image in [
        json!({"base64": base64(&png(3, 2))}),
        json!({"base64": base64(&png(3, 2)).trim_end_matches('=')}),
        json!({"base64": base64(&png(3, 2)).as_bytes().chunks(20).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\r\n")}),
        json!({"data_uri": format!("data:image/png;base64,{}", base64(&png(3, 2)))}),
    ] {
        let id = app.submit(json!({"model": "net", "input": {"image": image}})).await;
        let (at, items) = items(&app, id).await;
        assert!(matches!(at, ItemsAt::Row(_)));
        assert_eq!(items[0].input, Input::Image(ImageSource::Inline(png(3, 2))));
    }
    assert!(app.objects().await.is_empty());
}

#[tokio::test]
async fn a_url_is_left_to_the_worker() {
    let app = TestApp::start().await;
    let url = "https://example.org/cat.png";
    let id = app.submit(json!({"model": "net", "input": {"image": {"url": url}}})).await;
    let (_, items) = items(&app, id).await;
    assert_eq!(items[0].input, Input::Image(ImageSource::Url(url.into())));
}

#[tokio::test]
async fn a_large_picture_is_an_object_of_its_own() {
    let app = TestApp::start().await;
    let large = padded_png(40_000);
    let inputs = json!([{"image": {"base64": base64(&png(3, 2))}}, {"image": {"base64": base64(&large)}}]);
    let id = app.submit(json!({"model": "net", "inputs": inputs})).await;
    let (at, items) = items(&app, id).await;
    let key = format!("inputs/{id}/1");
    assert!(matches!(at, ItemsAt::Row(_)));
    assert_eq!(items[0].input, Input::Image(ImageSource::Inline(png(3, 2))));
    assert_eq!(items[1].input, Input::Image(ImageSource::Blob(key.clone())));
    assert_eq!(app.blobs.get(&key).await.unwrap(), large);
    assert_eq!(app.objects().await, [key]);
}

#[tokio::test]
async fn many_thumbnails_are_one_object() {
    let app = TestApp::start().await;
    let thumbnail = padded_png(10_000);
    let inputs = vec![json!({"image": {"base64": base64(&thumbnail)}}); 4];
    let id = app.submit(json!({"model": "net", "inputs": inputs})).await;
    let (at, items) = items(&app, id).await;
    assert_eq!(at, ItemsAt::Blob(format!("inputs/{id}/items")));
    assert_eq!(items[3].input, Input::Image(ImageSource::Inline(thumbnail)));
    assert_eq!(app.objects().await, [format!("inputs/{id}/items")]);
}

#[tokio::test]
async fn large_texts_are_one_object() {
    let app = TestApp::start().await;
    let text = "words ".repeat(100_000);
    let id = app.submit(json!({"model": "echo", "inputs": [text, "short"]})).await;
    let (at, items) = items(&app, id).await;
    assert_eq!(at, ItemsAt::Blob(format!("inputs/{id}/items")));
    assert_eq!(items[0].input, Input::Text(text));
}

#[tokio::test]
async fn tokens_are_stored_as_they_are_and_count_as_many() {
    let app = TestApp::start().await;
    let body = json!({"model": "minilm", "inputs": [{"tokens": [101, 7592, 102]}, {"tokens": [7592]}]});
    let id = app.submit(body).await;
    let (at, items) = items(&app, id).await;
    assert!(matches!(at, ItemsAt::Row(_)));
    assert_eq!(items[0].input, Input::Tokens(vec![101, 7592, 102]));
    assert_eq!(Cost::of(&items, &Object::new()).units(), 4);
}

#[tokio::test]
async fn a_repeated_submission_answers_with_the_first_job() {
    let app = TestApp::start().await;
    let first = app.post("/v1/jobs").header("idempotency-key", "k-1");
    let first = first.text(r#"{"model": "echo", "input": "a", "metadata": {"x": "1", "y": "2"}}"#).await;
    let again = app.post("/v1/jobs").header("idempotency-key", "k-1");
    let again =
        again.text(r#"{ "metadata": {"y":"2","x":"1"}, "inputs": [{"text": "a"}], "model": "echo" }"#).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!((again.status, again.header("idempotency-replayed")), (StatusCode::ACCEPTED, Some("true")));
    assert_eq!(again.json(), first.json());
}

#[tokio::test]
async fn a_repeated_submission_leaves_no_inputs_behind() {
    let app = TestApp::start().await;
    let body = json!({"model": "net", "input": {"image": {"base64": base64(&padded_png(40_000))}}});
    let first = app.post("/v1/jobs").header("idempotency-key", "k-1").json(body.clone()).await;
    app.post("/v1/jobs").header("idempotency-key", "k-1").json(body).await;
    assert_eq!(app.objects().await, [format!("inputs/{}/0", first.id())]);
}
