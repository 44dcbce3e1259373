//! KServe's protocol onto jobs: health, metadata, inference, the index.

use std::fmt::Write;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use forebay_shared::job::{
    Class, Datatype, Encoding, Failure, FailureCode, Input, ItemsAt, Kind, Outcome, Output, Status, Tensor,
    TensorSpec,
};
use forebay_shared::model::ModelCard;
use forebay_shared::store::Models;
use forebay_shared::store::Scope;
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::bodies::{base64, png};
use crate::openai::{consumer, next, taken};
use crate::worker::{Worker, labels, vector};

/// A model of plain tensors.
fn plain() -> ModelCard {
    let spec = |name: &str, shape: &[i64]| TensorSpec {
        name: name.to_owned(),
        datatype: Datatype::Fp32,
        shape: Some(shape.to_vec()),
    };
    let mut plain = card("plain", Kind::Tensor);
    plain.inputs = vec![spec("x", &[-1, 2])];
    plain.outputs = vec![spec("y", &[-1])];
    plain
}

/// A service that knows it too.
async fn app() -> TestApp {
    TestApp::build().serving(plain()).start().await
}

/// The same with a worker that serves all models but that one, which was announced later.
async fn half_served() -> (TestApp, Worker) {
    let app = TestApp::start().await;
    let worker = app.worker().await;
    app.store.announce(&[plain()]).await.unwrap();
    (app.restarted(), worker)
}

fn texts(data: &[&str]) -> Value {
    json!({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [data.len()], "data": data}]})
}

/// What a call to this model is answered with, if its job has these outcomes; and the job's input.
async fn inferred(
    app: &TestApp,
    model: &str,
    call: crate::app::Call,
    body: Vec<u8>,
    outcomes: Vec<Outcome>,
) -> (Answer, Input) {
    let (worker, mut queue) = (app.worker().await, consumer(app, model).await);
    tokio::join!(call.body(Body::from(body)).send(), async {
        let claimed = worker.claim(next(&mut *queue).await).await;
        let ItemsAt::Row(items) = &claimed.items else { panic!("they are small") };
        let input = ItemsAt::decode(items.as_bytes()).unwrap().remove(0).input;
        worker.settle(&claimed, outcomes, Vec::new()).await;
        input
    })
}

fn y(values: &[f32]) -> Output {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![values.len() as u64];
    let encoding = Encoding::Base64;
    Output::Tensors {
        outputs: vec![Tensor {
            name: "y".to_owned(),
            datatype: Datatype::Fp32,
            shape,
            bytes: bytes.into(),
            encoding,
        }],
    }
}

#[tokio::test]
async fn the_server_and_its_models_tell_of_themselves() {
    let (app, _worker) = half_served().await;
    let mut told = String::new();
    for path in [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/plain",
        "/v2/models/words/versions/1",
        "/v2/models/minilm/ready",
        "/v2/models/plain/versions/1/ready",
        "/v2/models/nope",
        "/v2/models/minilm/versions/2",
        "/v2/models/acme%2Fwords:v1.5/ready",
        "/v2/models/acme/words:v1.5/ready",
        "/v2/models/acme/words:v1.5/versions/1/ready",
        "/v2/models/acme/nope/versions/1",
    ] {
        let answer = app.get(path).send().await;
        writeln!(told, "{path}: {} {}", answer.status.as_u16(), answer.text()).unwrap();
    }
    let told = told.replace(env!("CARGO_PKG_VERSION"), "<version>");
    insta::assert_snapshot!(told, @r#"
    /v2: 200 {"name":"forebay","version":"<version>","extensions":["binary_tensor_data","parameters","schedule_policy"]}
    /v2/health/live: 200 {"live":true}
    /v2/health/ready: 200 {"ready":true}
    /v2/models/plain: 200 {"name":"plain","versions":["1"],"platform":"onnxruntime_onnx","inputs":[{"name":"x","datatype":"FP32","shape":[-1,2]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1]}]}
    /v2/models/words/versions/1: 200 {"name":"acme/words:v1.5","versions":["1"],"platform":"onnxruntime_onnx","inputs":[{"name":"text","datatype":"BYTES","shape":[-1]}],"outputs":[{"name":"embedding","datatype":"FP32","shape":[-1,-1]}]}
    /v2/models/minilm/ready: 200 {"name":"minilm","ready":true}
    /v2/models/plain/versions/1/ready: 503 {"name":"plain","ready":false}
    /v2/models/nope: 404 {"error":"there is no model `nope`"}
    /v2/models/minilm/versions/2: 404 {"error":"the model `minilm` has the version 1 only"}
    /v2/models/acme%2Fwords:v1.5/ready: 200 {"name":"acme/words:v1.5","ready":true}
    /v2/models/acme/words:v1.5/ready: 200 {"name":"acme/words:v1.5","ready":true}
    /v2/models/acme/words:v1.5/versions/1/ready: 200 {"name":"acme/words:v1.5","ready":true}
    /v2/models/acme/nope/versions/1: 404 {"error":"there is no model `acme/nope`"}
    "#);
}

#[tokio::test]
async fn the_index_lists_what_was_announced() {
    let (app, _worker) = half_served().await;
    let all = app.post("/v2/repository/index").send().await;
    let ready = app.post("/v2/repository/index").json(json!({"ready": true})).await;
    insta::assert_snapshot!(format!("{}\n{}", all.text(), ready.text()), @r#"
    [{"name":"acme/words:v1.5","version":"1","state":"READY","reason":""},{"name":"echo","version":"1","state":"READY","reason":""},{"name":"emotion","version":"1","state":"READY","reason":""},{"name":"finder","version":"1","state":"READY","reason":""},{"name":"minilm","version":"1","state":"READY","reason":""},{"name":"net","version":"1","state":"READY","reason":""},{"name":"plain","version":"1","state":"UNAVAILABLE","reason":"no worker serves it now"}]
    [{"name":"acme/words:v1.5","version":"1","state":"READY","reason":""},{"name":"echo","version":"1","state":"READY","reason":""},{"name":"emotion","version":"1","state":"READY","reason":""},{"name":"finder","version":"1","state":"READY","reason":""},{"name":"minilm","version":"1","state":"READY","reason":""},{"name":"net","version":"1","state":"READY","reason":""}]
    "#);
    let wrong = app.post("/v2/repository/index").json(json!({"repository_name": "r"})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{wrong}");
}

#[tokio::test]
async fn texts_in_json_become_a_job_and_vectors() {
    let app = app().await;
    let mut body = texts(&["a", "b"]);
    body["id"] = "7".into();
    let call = app.post("/v2/models/minilm/infer");
    let outcomes = vec![vector(&[0.5, -1.0], 3), vector(&[0.25, 0.0], 3)];
    let (answer, input) = inferred(&app, "minilm", call, body.to_string().into(), outcomes).await;
    assert_eq!(input, Input::Text("a".to_owned()));
    assert!(answer.header("x-forebay-job").is_some());
    assert_eq!(
        (answer.header("content-type"), answer.text()),
        (
            Some("application/json"),
            concat!(
                r#"{"model_name":"minilm","model_version":"1","id":"7","outputs":[{"name":"embedding","#,
                r#""datatype":"FP32","shape":[2,2],"data":[0.5,-1.0,0.25,0.0]}]}"#
            )
        )
    );
}

#[tokio::test]
async fn a_name_with_a_slash_needs_no_other_spelling() {
    for path in ["/v2/models/acme/words/infer", "/v2/models/acme/words:v1.5/versions/1/infer"] {
        let mut words = card("acme/words:v1.5", Kind::TextEmbedding);
        words.aliases = vec!["acme/words".to_owned()];
        let app = TestApp::build().serving(words).start().await;
        let (call, body) = (app.post(path), texts(&["a"]).to_string());
        let (answer, _) =
            inferred(&app, "acme/words:v1.5", call, body.into(), vec![vector(&[0.5, -1.0], 3)]).await;
        assert_eq!(
            (answer.status, &answer.json()["model_name"]),
            (StatusCode::OK, &json!("acme/words:v1.5"))
        );
        let told = app.get("/v1/models/acme/words").send().await;
        assert_eq!(told.json()["id"], "acme/words:v1.5", "{told}");
        let shown = app.post("/api/show").json(json!({"model": "acme/words"})).await;
        assert_eq!(shown.status, StatusCode::OK, "{shown}");
    }
}

#[tokio::test]
async fn tensors_go_in_and_come_out_as_bytes_packed_or_not() {
    let json = json!({
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}],
        "outputs": [{"name": "y", "parameters": {"binary_data": true}}],
    });
    let mut body = json.to_string().into_bytes();
    let length = body.len().to_string();
    body.extend([1.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()));
    let (mut gzip, mut zlib) =
        (GzEncoder::new(Vec::new(), Compression::fast()), ZlibEncoder::new(Vec::new(), Compression::fast()));
    std::io::Write::write_all(&mut gzip, &body).unwrap();
    std::io::Write::write_all(&mut zlib, &body).unwrap();
    let packed = [("identity", body), ("gzip", gzip.finish().unwrap()), ("deflate", zlib.finish().unwrap())];
    for (packing, body) in packed {
        let app = app().await;
        let call = app.post("/v2/models/plain/versions/1/infer").header("content-encoding", packing);
        let call = call.header("inference-header-content-length", &length);
        let (answer, input) = inferred(&app, "plain", call, body, vec![Ok(y(&[0.25]))]).await;
        let Input::Tensors(tensors) = input else { panic!("plain tensors") };
        assert_eq!(tensors[0].bytes[..4], 1.5_f32.to_le_bytes());
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{packing}: {answer}");
        let json = answer.header("inference-header-content-length").unwrap().parse().unwrap();
        let (json, rest) = answer.body.split_at(json);
        assert_eq!(rest, 0.25_f32.to_le_bytes());
        let output = serde_json::from_slice::<Value>(json).unwrap()["outputs"][0].clone();
        assert_eq!(output["parameters"]["binary_data_size"], 4);
    }
}

#[tokio::test]
async fn priority_and_timeout_are_the_jobs() {
    let app = app().await;
    let mut body = texts(&["a"]);
    body["parameters"] = json!({"priority": 2, "timeout": 1_500_000, "dimensions": 7});
    let mut queue = consumer(&app, "minilm").await;
    let mut call = Box::pin(app.post("/v2/models/minilm/infer").json(body));
    let id = tokio::select! {
        answer = &mut call => panic!("nobody works: {answer}"),
        id = next(&mut *queue) => id,
    };
    let row = app.row(id).await;
    assert_eq!((row.priority, row.class), (9, Class::Interactive));
    assert_eq!(row.start_by.unwrap().since(row.created_at), Duration::from_millis(1500));
    assert_eq!(Value::Object(row.params), json!({"dimensions": 7}));
    drop(call);
    app.eventually(async || app.row(id).await.status.is_terminal()).await;
}

#[tokio::test]
async fn a_timeout_that_passes_is_told_as_one() {
    let app = app().await;
    let (worker, mut queue) = (app.worker().await, consumer(&app, "minilm").await);
    let mut body = texts(&["a"]);
    body["parameters"] = json!({"timeout": 1_500_000});
    let (answer, id) = tokio::join!(app.post("/v2/models/minilm/infer").json(body), async {
        let id = taken(&mut *queue).await;
        app.clock.advance(Duration::from_millis(1499));
        assert!(app.store.behind().expire(10).await.unwrap().is_empty(), "not before");
        app.clock.advance(Duration::from_millis(2));
        let expired = app.store.behind().expire(10).await.unwrap();
        assert_eq!(expired.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
        worker.tell(vec![app.parts.events.address().to_owned()], id, None).await;
        id
    });
    insta::assert_snapshot!(answer, @r#"
    504 Gateway Timeout
    content-type: application/json
    {
      "error": "the job's deadline passed before it ended"
    }
    "#);
    assert_eq!(answer.header("x-forebay-job"), Some(id.to_string().as_str()));
    assert_eq!(app.row(id).await.status, Status::Expired);
}

#[tokio::test]
async fn pictures_become_labels() {
    let app = app().await;
    let body = json!({"inputs": [
        {"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [base64(&png(3, 2))]},
    ]});
    let call = app.post("/v2/models/net/infer");
    let outcomes = vec![labels(&[("cat", 0.75), ("dog", 0.25)])];
    let (answer, _) = inferred(&app, "net", call, body.to_string().into(), outcomes).await;
    let outputs = answer.json()["outputs"].clone();
    assert_eq!((&outputs[0]["data"], &outputs[0]["shape"]), (&json!(["cat", "dog"]), &json!([1, 2])));
    assert_eq!(outputs[1]["data"], json!([0.75, 0.25]));
}

#[tokio::test]
async fn refusals_are_kserves() {
    let app = app().await;
    let mut told = String::new();
    let mut line = |what: &str, answer: Answer| {
        writeln!(told, "{what}: {} {}", answer.status.as_u16(), answer.text()).unwrap();
    };
    let infer = |model: &str| app.post(&format!("/v2/models/{model}/infer"));
    line("no model", infer("nope").json(texts(&["a"])).await);
    line("no JSON", infer("minilm").text("{").await);
    line("many", infer("minilm").json(texts(&["a"; 9])).await);
    let mut params = texts(&["a"]);
    params["parameters"] = json!({"sequence_id": 3});
    line("parameter", infer("minilm").json(params).await);
    line("needs", app.post("/v2/models/net/infer").json(texts(&["a"])).await);
    let image = json!({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["bm8="]}]});
    line("no picture", infer("net").json(image).await);
    let length = infer("plain").header("inference-header-content-length", "many");
    line("length", length.json(json!({"inputs": []})).await);
    line("packed", infer("plain").header("content-encoding", "br").json(json!({})).await);
    line("not packed", infer("plain").header("content-encoding", "gzip").json(json!({})).await);
    line("method", app.get("/v2/models/plain/infer").send().await);
    insta::assert_snapshot!(told, @r#"
    no model: 404 {"error":"there is no model `nope`"}
    no JSON: 400 {"error":"EOF while parsing an object at line 1 column 1"}
    many: 400 {"error":"the input `text` has 9 elements, the limit is 8"}
    parameter: 400 {"error":"unknown field `sequence_id`, expected one of `truncate`, `truncation_side`, `prompt`, `dimensions`, `normalize`, `precision`, `output`, `add_special_tokens`, `skip_special_tokens`"}
    needs: 400 {"error":"the model `net` has no input `text`; it has `image`"}
    no picture: 400 {"error":"it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"}
    length: 400 {"error":"the header `Inference-Header-Content-Length` must be a number of bytes"}
    packed: 415 {"error":"a body may be packed with gzip or deflate"}
    not packed: 400 {"error":"the body is not what `Content-Encoding` says: gzip"}
    method: 405 {"error":"GET is not allowed here; see the header `Allow`"}
    "#);
    assert_eq!(app.store.calls("submit"), 0);
}

#[tokio::test]
async fn an_input_that_the_model_cannot_take_is_400() {
    let app = app().await;
    let failed =
        Err(Failure::permanent(FailureCode::InputTooLong, "the text has 150 tokens, the limit is 128"));
    let call = app.post("/v2/models/minilm/infer");
    let (answer, _) = inferred(&app, "minilm", call, texts(&["a"]).to_string().into(), vec![failed]).await;
    insta::assert_snapshot!(answer, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": "input 0: the text has 150 tokens, the limit is 128"
    }
    "#);
}

#[tokio::test]
async fn keys_are_asked_for_but_not_for_health() {
    let app = TestApp::build().keys().start().await;
    let (_, reader) = app.key("alice", &[Scope::Read]).await;
    assert_eq!(app.get("/v2/health/live").send().await.status, StatusCode::OK);
    for answer in [app.get("/v2").send().await, app.post("/v2/models/minilm/infer").json(texts(&["a"])).await]
    {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer}");
        assert!(answer.json()["error"].as_str().unwrap().starts_with("no API key was given"), "{answer}");
    }
    assert_eq!(app.get("/v2/models/minilm").bearer(&reader).send().await.status, StatusCode::OK);
    let denied = app.post("/v2/models/minilm/infer").bearer(&reader).json(texts(&["a"])).await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN, "{denied}");
}
