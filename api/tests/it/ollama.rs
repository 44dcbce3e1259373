//! Ollama's calls onto jobs.

use std::fmt::Write;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use forebay_shared::clock::Clock;
use forebay_shared::id::JobId;
use forebay_shared::job::{Input, ItemsAt, Object, Outcome};
use forebay_shared::residency::Loaded;
use forebay_shared::store::Residency;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::bodies::{base64, padded_png, png};
use crate::openai::{consumer, taken};
use crate::worker::{labels, vector};

/// What a call is told whose job ends with these outcomes; and the job, with its parameters.
async fn told(app: &TestApp, path: &str, body: Value, outcomes: Vec<Outcome>) -> (Answer, JobId, Object) {
    let model = body["model"].as_str().unwrap().trim_end_matches(":latest").to_owned();
    let (worker, mut queue) = (app.worker().await, consumer(app, &model).await);
    let (answer, (id, params)) = tokio::join!(app.post(path).json(body), async {
        let claimed = worker.claim(taken(&mut *queue).await).await;
        app.clock.advance(Duration::from_millis(20));
        worker.settle(&claimed, outcomes, Vec::new()).await;
        (claimed.id, claimed.params)
    });
    assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()), "{answer}");
    let job = app.get(&format!("/v1/jobs/{id}")).send().await;
    assert_eq!((job.status, &job.json()["status"]), (StatusCode::OK, &json!("succeeded")));
    (answer, id, params)
}

#[tokio::test]
async fn who_asks_for_no_page_hears_that_ollama_runs() {
    let app = TestApp::build().keys().start().await;
    for accept in ["*/*", "application/json"] {
        let answer = app.get("/").header("accept", accept).send().await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "Ollama is running"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    let head = app.call("HEAD", "/").send().await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    let page = app.get("/").header("accept", "text/html,*/*").send().await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
}

#[tokio::test]
async fn the_version_is_three_numbers_that_clients_take() {
    let app = TestApp::build().keys().start().await;
    let answer = app.get("/api/version").send().await;
    assert_eq!(answer.text(), r#"{"version":"0.6.4"}"#);
    assert_eq!(app.call("HEAD", "/api/version").send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn models_are_listed_shown_and_told_apart_from_those_that_run() {
    let app = TestApp::start().await;
    let listed = app.get("/api/tags").send().await.json();
    let names: Vec<_> = listed["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(
        names,
        ["acme/words:v1.5", "echo:latest", "emotion:latest", "finder:latest", "minilm:latest", "net:latest"]
    );
    assert_eq!(app.call("HEAD", "/api/tags").send().await.status, StatusCode::OK);
    assert_eq!(app.get("/api/ps").send().await.json(), json!({"models": []}), "no worker lives yet");
    let worker = app.worker().await;
    let loaded = Loaded { since: app.clock.now(), expires_at: None };
    app.store.tell_loaded(worker.id, &[("net".to_owned(), loaded)].into()).await.unwrap();
    let app = app.restarted();
    let running = app.get("/api/ps").send().await.json();
    assert_eq!(running["models"].as_array().map(Vec::len), Some(1), "{running}");
    for body in [json!({"model": "emotion"}), json!({"name": "emotion:latest", "verbose": false})] {
        let shown = app.post("/api/show").json(body).await;
        assert_eq!(shown.status, StatusCode::OK, "{shown}");
        let shown = shown.json();
        assert!(shown["model_info"].is_object() && shown["modelfile"].is_null(), "{shown}");
        assert_eq!(shown["model_info"]["forebay.labels"], json!(["happy", "sad"]));
    }
    let verbose = app.post("/api/show").json(json!({"model": "words", "verbose": true})).await.json();
    assert!(verbose["modelfile"].as_str().unwrap().starts_with("FROM acme/words:v1.5\n"), "{verbose}");
    insta::assert_snapshot!(app.post("/api/show").json(json!({"model": "nope"})).await, @r#"
    404 Not Found
    content-type: application/json
    {
      "error": "model 'nope' not found"
    }
    "#);
}

#[tokio::test]
async fn texts_become_vectors_by_a_job() {
    let app = TestApp::start().await;
    let body =
        json!({"model": "minilm:latest", "input": ["a", "b"], "keep_alive": "5m", "options": {"num_ctx": 1}});
    let outcomes = vec![vector(&[0.6, -0.8], 5), vector(&[1.0, 0.0], 3)];
    let (answer, _, params) = told(&app, "/api/embed", body, outcomes).await;
    assert_eq!(Value::Object(params), json!({"normalize": true}));
    insta::assert_snapshot!(answer.text(), @r#"{"model":"minilm:latest","embeddings":[[0.6,-0.8],[1.0,0.0]],"total_duration":20000000,"load_duration":3000000,"prompt_eval_count":8}"#);
    let body = json!({"model": "minilm", "input": "a"});
    let (answer, ..) = told(&app, "/api/embeddings", body, vec![vector(&[3.0, 4.0], 5)]).await;
    assert_eq!(answer.text(), r#"{"embedding":[3.0,4.0]}"#);
}

#[tokio::test]
async fn without_a_text_there_is_no_job() {
    let app = TestApp::start().await;
    let answer = app.post("/api/embed").json(json!({"model": "minilm", "input": []})).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, r#"{"model":"minilm","embeddings":[]}"#));
    assert_eq!((answer.header("x-forebay-job"), app.store.calls("submit")), (None, 0));
    let answer = app.post("/api/embeddings").json(json!({"model": "minilm", "prompt": ""})).await;
    assert_eq!(answer.text(), r#"{"embedding":[]}"#);
    let unknown = app.post("/api/embed").json(json!({"model": "nope", "input": ""})).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pictures_are_put_into_words() {
    let app = TestApp::start().await;
    let picture = png(3, 2);
    let outcome = || vec![labels(&[("tabby", 0.75), ("tiger cat", 0.25)])];
    let body = json!({"model": "net:latest", "prompt": "what is it?", "images": [base64(&picture)]});
    let (worker, mut queue) = (app.worker().await, consumer(&app, "net").await);
    let (answer, ()) = tokio::join!(app.post("/api/generate").json(body.clone()), async {
        let claimed = worker.claim(taken(&mut *queue).await).await;
        let ItemsAt::Row(items) = &claimed.items else { panic!("the picture is small") };
        let items = ItemsAt::decode(items.as_bytes()).unwrap();
        assert!(matches!(&items[0].input, Input::Image(_)), "{items:?}");
        worker.settle(&claimed, outcome(), Vec::new()).await;
    });
    drop((worker, queue));
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let [line, ""] = answer.text().split('\n').collect::<Vec<_>>()[..] else { panic!("one line: {answer}") };
    let piece: Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&piece["response"], &piece["done"]),
        (&json!("tabby: 0.7500\ntiger cat: 0.2500"), &json!(true))
    );
    assert_eq!(piece["eval_duration"], 12_500_000);

    let mut whole = body;
    whole["stream"] = json!(false);
    let (answer, ..) = told(&app, "/api/generate", whole, outcome()).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["model"], "net:latest");

    let message = json!({"role": "user", "content": "what is it?", "images": [base64(&picture)]});
    let body = json!({"model": "net", "messages": [message], "stream": false, "tools": null, "format": ""});
    let (answer, ..) = told(&app, "/api/chat", body, outcome()).await;
    assert_eq!(answer.json()["message"], json!({"role": "assistant", "content": piece["response"]}));
}

#[tokio::test]
async fn who_accepts_events_gets_them_and_the_configuration_says_what_no_stream_means() {
    let app = TestApp::build().ollama(|ollama| ollama.stream_default = false).start().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "net").await);
    for (stream, expected) in [(Value::Null, "application/json"), (json!(true), "text/event-stream")] {
        let body = json!({"model": "net", "images": [base64(&png(3, 2))], "stream": stream});
        let call = app.post("/api/generate").header("accept", "text/event-stream").json(body);
        let (answer, ()) = tokio::join!(call, async {
            worker.finish(taken(&mut *queue).await, vec![labels(&[("tabby", 1.0)])]).await;
        });
        assert_eq!(answer.header("content-type"), Some(expected));
        assert_eq!(
            answer.text().ends_with("}\n\ndata: [DONE]\n\n"),
            expected == "text/event-stream",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn refusals_are_in_ollamas_words() {
    let app = TestApp::build()
        .limits(|limits| limits.max_image_bytes = forebay_shared::config::Size::new(4096))
        .start()
        .await;
    let picture = base64(&png(3, 2));
    let mut refused = String::new();
    for (path, body) in [
        ("/api/generate", json!({"model": "emotion:latest", "prompt": "a"})),
        ("/api/chat", json!({"model": "minilm", "messages": [{"role": "user", "content": "a"}]})),
        ("/api/generate", json!({"model": "emotion", "images": [picture]})),
        ("/api/generate", json!({"model": "net", "prompt": "a"})),
        ("/api/generate", json!({"model": "net", "images": ["*"]})),
        ("/api/generate", json!({"model": "net", "images": [base64(b"no picture")]})),
        ("/api/generate", json!({"model": "net", "images": [base64(&png(200, 200))]})),
        ("/api/generate", json!({"model": "net", "images": [base64(&padded_png(5000))]})),
        ("/api/generate", json!({"model": "nope"})),
        ("/api/embed", json!({"model": "emotion", "input": "a"})),
        ("/api/embed", json!({"model": "minilm", "input": 7})),
        ("/api/embed", json!({"model": "minilm", "input": vec!["a"; 2049]})),
        ("/api/embed", json!({"input": "a"})),
        ("/api/show", json!({})),
    ] {
        let answer = app.post(path).json(body).await;
        writeln!(refused, "{path} {} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    insta::assert_snapshot!(refused, @r#"
    /api/generate 400 {"error":"\"emotion:latest\" does not support generate, and it takes no images"}
    /api/chat 400 {"error":"\"minilm\" does not support chat, and it takes no images"}
    /api/generate 400 {"error":"\"emotion\" does not support generate, and it takes no images"}
    /api/generate 400 {"error":"\"net\" looks at pictures: give `images`"}
    /api/generate 400 {"error":"image 0 is not base64: invalid symbol 42, offset 0"}
    /api/generate 400 {"error":"it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"}
    /api/generate 400 {"error":"it has 40000 pixels, the limit is 10000"}
    /api/generate 400 {"error":"the picture is larger than 4.0 KiB"}
    /api/generate 404 {"error":"model 'nope' not found"}
    /api/embed 400 {"error":"\"emotion\" does not support embeddings"}
    /api/embed 400 {"error":"invalid input type: `input` must be a string or a list of strings"}
    /api/embed 400 {"error":"there are 2049 inputs, the limit is 2048"}
    /api/embed 400 {"error":"missing field `model`"}
    /api/show 400 {"error":"model is required"}
    "#);
    assert_eq!(app.store.calls("submit"), 0);
}

/// Sends a body of vectors for nothing with these headers, and answers with the status.
async fn status(app: &TestApp, headers: &[(&str, &str)]) -> StatusCode {
    let body = Body::from(r#"{"model": "minilm", "input": ""}"#);
    let call = headers.iter().fold(app.post("/api/embed"), |call, (name, value)| call.header(name, value));
    call.body(body).send().await.status
}

#[tokio::test]
async fn only_web_pages_must_call_json_json() {
    let app = TestApp::start().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let text = ("content-type", "text/plain");
    for headers in [&[][..], &[form], &[text], &[("sec-fetch-mode", "cors"), text]] {
        assert_eq!(status(&app, headers).await, StatusCode::OK, "{headers:?}");
    }
    let (page, no_page) = (("origin", "http://evil.example"), ("origin", "null"));
    let hidden = ("sec-fetch-site", "cross-site");
    for headers in [&[page][..], &[page, form], &[page, text], &[no_page, text], &[hidden, text], &[hidden]] {
        assert_eq!(status(&app, headers).await, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{headers:?}");
    }
    let json = ("content-type", "application/json; charset=utf-8");
    assert_eq!(status(&app, &[page, json]).await, StatusCode::OK, "the browser has asked before");
}

#[tokio::test]
async fn keys_are_asked_for_where_models_are() {
    let app = TestApp::build().keys().start().await;
    insta::assert_snapshot!(app.get("/api/tags").send().await, @r#"
    401 Unauthorized
    content-type: application/json
    www-authenticate: Bearer
    {
      "error": "no API key was given: send `Authorization: Bearer <key>` or `X-API-Key: <key>`"
    }
    "#);
    for (method, path) in
        [("GET", "/api/ps"), ("POST", "/api/show"), ("POST", "/api/embed"), ("POST", "/api/chat")]
    {
        assert_eq!(app.call(method, path).send().await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn all_listeners_serve_the_same() {
    let app = TestApp::start().await;
    let mut listeners = Vec::new();
    for _ in 0..2 {
        listeners.push(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let tasks = app.parts.tasks.clone();
    let serving = forebay_api::serve(app.config.clone(), app.parts.clone(), listeners);
    let asking = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        for address in addresses {
            let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
            connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("Ollama is running"), "{answer}");
        }
        tasks.stop();
    };
    let (served, ()) = tokio::join!(serving, asking);
    served.unwrap();
}
