//! Calls of Text Embeddings Inference onto jobs.

use std::fmt::Write;
use std::time::Duration;

use axum::http::StatusCode;
use forebay_shared::id::JobId;
use forebay_shared::job::{Failure, FailureCode, Kind, Object, Outcome, Output, Piece};
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::{Answer, Builder, TestApp};
use crate::openai::{consumer, taken};
use crate::worker::{failed, labels, vector};

/// With the models that rerank and compare.
fn builder() -> Builder {
    TestApp::build().serving(card("ranker", Kind::Rerank)).serving(card("twin", Kind::TextSimilarity))
}

/// What a call is told whose job, of this model, ends with these outcomes; and the job, with its parameters.
async fn told(app: &TestApp, model: &str, body: Value, outcomes: Vec<Outcome>) -> (Answer, JobId, Object) {
    let path = match model {
        "minilm" => "/tei/embed",
        "emotion" => "/tei/predict",
        "ranker" => "/tei/rerank",
        _ => "/tei/similarity",
    };
    told_at(app, path, model, body, outcomes).await
}

/// The same at this path.
async fn told_at(
    app: &TestApp,
    path: &str,
    model: &str,
    body: Value,
    outcomes: Vec<Outcome>,
) -> (Answer, JobId, Object) {
    let (worker, mut queue) = (app.worker().await, consumer(app, model).await);
    let (answer, (id, params)) = tokio::join!(app.post(path).json(body), async {
        let claimed = worker.claim(taken(&mut *queue).await).await;
        app.clock.advance(Duration::from_millis(20));
        worker.settle(&claimed, outcomes, Vec::new()).await;
        (claimed.id, claimed.params)
    });
    assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()), "{answer}");
    let job = app.get(&format!("/v1/jobs/{id}")).send().await.json();
    assert_eq!((&job["status"], &job["model"]), (&json!("succeeded"), &json!(model)));
    (answer, id, params)
}

fn score(score: f32) -> Output {
    Output::Score { score, tokens: 9 }
}

#[tokio::test]
async fn texts_become_vectors_and_headers_tell_the_times() {
    let app = builder().start().await;
    let body = json!({"inputs": ["a", "bc"], "truncation_direction": "Left"});
    let outcomes = vec![vector(&[0.5, -1.0], 5), vector(&[0.25, 0.0], 3)];
    let (answer, _, params) = told(&app, "minilm", body, outcomes).await;
    assert_eq!(answer.text(), "[[0.5,-1.0],[0.25,0.0]]");
    assert_eq!(Value::Object(params), json!({"truncation_side": "left", "normalize": true}));
    let headers = [
        ("x-compute-characters", "3"),
        ("x-compute-tokens", "8"),
        ("x-total-time", "20"),
        ("x-compute-time", "12"),
        ("x-tokenization-time", "0"),
        ("x-queue-time", "3"),
        ("x-inference-time", "12"),
    ];
    for (name, value) in headers {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn texts_are_classified_ranked_and_compared() {
    let app = builder().start().await;
    let body = json!({"inputs": "a", "raw_scores": true});
    let (answer, _, params) =
        told(&app, "emotion", body, vec![labels(&[("sad", 0.75), ("happy", 0.25)])]).await;
    assert_eq!(answer.text(), r#"[{"label":"sad","score":0.75},{"label":"happy","score":0.25}]"#);
    assert_eq!(params["function_to_apply"], "none");

    let body = json!({"query": "what?", "texts": ["a", "b"], "return_text": true});
    let (answer, _, params) = told(&app, "ranker", body, vec![Ok(score(0.25)), Ok(score(0.5))]).await;
    assert_eq!(answer.text(), r#"[{"index":1,"text":"b","score":0.5},{"index":0,"text":"a","score":0.25}]"#);
    assert_eq!(params["query"], "what?");

    let body = json!({"inputs": {"source_sentence": "a", "sentences": ["b", "c"]}});
    let (answer, _, params) = told(&app, "twin", body, vec![Ok(score(0.5)), Ok(score(-0.25))]).await;
    assert_eq!(answer.text(), "[0.5,-0.25]");
    assert_eq!(params["source"], "a");
}

#[tokio::test]
async fn tokens_get_vectors_and_tokenizers_are_asked_as_jobs() {
    let app = builder().start().await;
    let vectors = Output::TokenEmbeddings { embeddings: vec![vec![0.5], vec![-1.0]], tokens: 2 };
    let (answer, _, params) =
        told_at(&app, "/tei/embed_all", "minilm", json!({"inputs": "a"}), vec![Ok(vectors)]).await;
    assert_eq!(answer.text(), "[[[0.5],[-1.0]]]");
    assert_eq!(Value::Object(params), json!({"output": "token_embeddings"}));
    assert_eq!((answer.header("x-compute-tokens"), answer.header("x-queue-time")), (Some("2"), Some("3")));

    let piece = Piece { id: 7, text: "a".to_owned(), special: false, start: Some(0), stop: Some(1) };
    let pieces = Output::Pieces { pieces: vec![piece], tokens: 1 };
    let body = json!({"inputs": ["a"], "add_special_tokens": false, "prompt_name": "query"});
    let (answer, _, params) = told_at(&app, "/tei/tokenize", "minilm", body, vec![Ok(pieces)]).await;
    assert_eq!(answer.text(), r#"[[{"id":7,"text":"a","special":false,"start":0,"stop":1}]]"#);
    assert_eq!(
        Value::Object(params),
        json!({"output": "pieces", "add_special_tokens": false, "prompt": "query"})
    );

    let text = Output::Text { text: "a".to_owned(), tokens: 3 };
    let (answer, _, params) =
        told_at(&app, "/tei/decode", "minilm", json!({"ids": [101, 7, 102]}), vec![Ok(text)]).await;
    assert_eq!((answer.text(), answer.header("x-compute-tokens")), (r#"["a"]"#, Some("3")));
    assert_eq!(Value::Object(params), json!({"output": "text"}));
}

#[tokio::test]
async fn refusals_are_in_teis_words() {
    let app = builder().tei(|tei| tei.similarity = "emotion".to_owned()).start().await;
    let mut refused = String::new();
    for (path, body) in [
        ("/tei/embed", json!({"inputs": []})),
        ("/tei/embed", json!({"inputs": vec!["a"; 9]})),
        ("/tei/embed", json!({"inputs": 7.5})),
        ("/tei/embed", json!({"inputs": "a", "dimensions": 385})),
        ("/tei/embed", json!({"inputs": "a", "prompt_name": "poem"})),
        ("/tei/embed_all", json!({"inputs": [""]})),
        ("/tei/tokenize", json!({"inputs": [1]})),
        ("/tei/tokenize", json!({"inputs": "a", "prompt_name": "poem"})),
        ("/tei/decode", json!({"ids": []})),
        ("/tei/decode", json!({"ids": "a"})),
        ("/tei/predict", json!({"inputs": ["a", "b", "c"]})),
        ("/tei/rerank", json!({"texts": ["a"]})),
        ("/tei/similarity", json!({"inputs": {"source_sentence": "a", "sentences": ["b"]}})),
    ] {
        let answer = app.post(path).json(body).await;
        writeln!(refused, "{path} {} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    insta::assert_snapshot!(refused, @r#"
    /tei/embed 400 {"error":"`inputs` must not be empty","error_type":"Empty"}
    /tei/embed 422 {"error":"there are 9 inputs, the limit is 8","error_type":"Validation"}
    /tei/embed 422 {"error":"invalid type: floating point `7.5`, expected a string, a list of strings, a list of token ids, or a list of such lists","error_type":"Validation"}
    /tei/embed 422 {"error":"`dimensions` must be from 1 to 384 for the model `minilm`, not 385","error_type":"Validation"}
    /tei/embed 422 {"error":"the model `minilm` has no prompt `poem`; it has `query`, `passage`","error_type":"Validation"}
    /tei/embed_all 400 {"error":"`inputs[0]` must not be empty","error_type":"Empty"}
    /tei/tokenize 422 {"error":"`inputs` must be a text or a list of texts","error_type":"Validation"}
    /tei/tokenize 422 {"error":"the model `minilm` has no prompt `poem`; it has `query`, `passage`","error_type":"Validation"}
    /tei/decode 400 {"error":"`ids` must not be empty","error_type":"Empty"}
    /tei/decode 422 {"error":"`ids` must be a list of token ids, or a list of such lists","error_type":"Validation"}
    /tei/predict 422 {"error":"`inputs` must be a text, a list of one text or of the two of a pair; several of them are a list of such lists","error_type":"Validation"}
    /tei/rerank 422 {"error":"missing field `query`","error_type":"Validation"}
    /tei/similarity 422 {"error":"the model `emotion` does text_classification, and this asks for text_similarity","error_type":"Validation"}
    "#);
    let form = app.post("/tei/embed").header("content-type", "text/plain").send().await;
    assert_eq!(
        (form.status, &form.json()["error_type"]),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, &json!("Validation"))
    );
    assert_eq!(app.store.calls("submit"), 0);
}

#[tokio::test]
async fn a_model_that_nobody_named_or_announced_is_told_by_its_key() {
    let app = builder()
        .tei(|tei| tei.embed = "nope".to_owned())
        .tei(|tei| tei.predict = String::new())
        .start()
        .await;
    insta::assert_snapshot!(app.post("/tei/embed").json(json!({"inputs": "a"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "there is no model `nope`, which `tei.embed` of the configuration names",
      "error_type": "Validation"
    }
    "#);
    insta::assert_snapshot!(app.post("/tei/predict").json(json!({"inputs": "a"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "no model is set up for this: `tei.predict` of the service's configuration names it",
      "error_type": "Validation"
    }
    "#);
    assert_eq!(app.get("/tei/info").send().await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_failed_job_is_the_backends_fault_and_a_text_that_is_too_long_the_clients() {
    let app = builder().start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    let (answer, ()) = tokio::join!(app.post("/tei/embed").json(json!({"inputs": "a"})), async {
        let claimed = worker.claim(taken(&mut *queue).await).await;
        worker.end(&claimed, failed()).await;
        worker.tell(vec!["here".into()], claimed.id, None).await;
    });
    insta::assert_snapshot!(answer, @r#"
    424 Failed Dependency
    content-type: application/json
    {
      "error": "none of the items succeeded",
      "error_type": "Backend"
    }
    "#);
    let long = Failure::permanent(FailureCode::InputTooLong, "the text has 150 tokens, the limit is 128");
    let (answer, ()) =
        tokio::join!(app.post("/tei/embed").json(json!({"inputs": ["a", "b"], "truncate": false})), async {
            worker.finish(taken(&mut *queue).await, vec![vector(&[1.0], 3), Err(long)]).await;
        });
    insta::assert_snapshot!(answer, @r#"
    422 Unprocessable Entity
    content-type: application/json
    {
      "error": "input 1: the text has 150 tokens, the limit is 128",
      "error_type": "Validation"
    }
    "#);
}

#[tokio::test]
async fn the_service_tells_what_it_serves_and_whether_it_can() {
    let app = builder().keys().start().await;
    let health = app.get("/tei/health").send().await;
    assert_eq!((health.status, health.body.len()), (StatusCode::OK, 0));
    assert_eq!(app.get("/tei/info").send().await.status, StatusCode::UNAUTHORIZED);
    let app = builder().start().await;
    let info = app.get("/tei/info").send().await;
    let info = info.to_string().replace(env!("CARGO_PKG_VERSION"), "<version>");
    insta::assert_snapshot!(info, @r#"
    200 OK
    content-type: application/json
    {
      "model_id": "minilm",
      "model_sha": "0000000000000000000000000000000000000000000000000000000000000000",
      "model_type": {
        "embedding": {}
      },
      "max_concurrent_requests": 1000000,
      "max_input_length": 128,
      "max_batch_tokens": 64,
      "max_client_batch_size": 8,
      "auto_truncate": true,
      "version": "<version>",
      "models": {
        "embed": "minilm",
        "predict": "emotion",
        "rerank": "ranker",
        "similarity": "twin"
      }
    }
    "#);
    app.parts.tasks.stop();
    insta::assert_snapshot!(app.get("/tei/health").send().await, @r#"
    503 Service Unavailable
    content-type: application/json
    retry-after: 1
    {
      "error": "the service is not ready; see GET /readyz",
      "error_type": "Unhealthy"
    }
    "#);
}
