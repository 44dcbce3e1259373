//! What models that are used by plain tensors take, and how they refuse the rest.

use forebay_shared::job::{Datatype, Input, ItemsAt, Kind, TensorSpec};
use forebay_shared::testing::card;
use serde_json::{Value, json};

use crate::app::TestApp;

/// A service with a model that takes `x` and `rate` and gives `y`, and with one of which nothing is known.
async fn app() -> TestApp {
    let spec = |name: &str, datatype, shape: &[i64]| TensorSpec {
        name: name.to_owned(),
        datatype,
        shape: Some(shape.to_vec()),
    };
    let mut net = card("net", Kind::Tensor);
    net.inputs = vec![spec("x", Datatype::Fp32, &[-1, 2]), spec("rate", Datatype::Int64, &[])];
    net.outputs = vec![spec("y", Datatype::Fp32, &[-1])];
    TestApp::build().serving(net).serving(card("free", Kind::Tensor)).start().await
}

fn x(shape: &Value, data: &Value) -> Value {
    json!({"name": "x", "datatype": "FP32", "shape": shape, "data": data})
}

fn rate() -> Value {
    json!({"name": "rate", "datatype": "INT64", "shape": [], "data": [16000]})
}

#[tokio::test]
async fn tensors_are_taken_as_lists_and_as_bytes() {
    let app = app().await;
    let bytes = json!({"name": "x", "datatype": "FP32", "shape": [1, 2], "base64": "AACAPwAAAMA="});
    let bodies = [
        json!({"model": "net", "input": {"tensors": [x(&json!([1, 2]), &json!([1, -2])), rate()]}}),
        json!({"model": "net", "inputs": [
            {"tensors": [rate(), bytes], "params": {"outputs": ["y"], "encoding": "base64"}},
            {"tensors": [x(&json!([2, 2]), &json!([[1, 2], [3, 4]])), rate()]},
        ]}),
        json!({"model": "free", "input": {"tensors": [
            {"name": "words", "datatype": "BYTES", "shape": [2], "data": ["a", "你好"]},
        ]}, "params": {"outputs": ["anything"]}}),
    ];
    let mut items = Vec::new();
    for body in bodies {
        let answer = app.post("/v1/jobs").json(body.clone()).await;
        assert_eq!(answer.status, 202, "{body}: {answer}");
        let worker = app.worker().await;
        let claimed = worker.claim(answer.id()).await;
        worker.end(&claimed, crate::worker::failed()).await;
        let ItemsAt::Row(stored) = &claimed.items else { panic!("they are small") };
        items.extend(ItemsAt::decode(stored.as_bytes()).unwrap());
    }
    let tensors = |item: usize| match &items[item].input {
        Input::Tensors(tensors) => tensors,
        other => panic!("{other:?} are no tensors"),
    };
    assert_eq!(tensors(0)[0], tensors(1)[1], "the same, however it was written");
    assert_eq!(tensors(2)[0].bytes.len(), 16);
    assert_eq!(tensors(3)[0].strings().collect::<Vec<_>>(), [&b"a"[..], "你好".as_bytes()]);
}

#[tokio::test]
async fn a_model_tells_what_it_takes() {
    let app = app().await;
    let model = app.get("/v1/models/net").send().await.json();
    assert_eq!(model["inputs"][0], json!({"name": "x", "datatype": "FP32", "shape": [-1, 2]}));
    assert_eq!(model["outputs"], json!([{"name": "y", "datatype": "FP32", "shape": [-1]}]));
}

#[tokio::test]
async fn wrong_tensors_are_named_with_the_limit() {
    let app = app().await;
    let one = |tensor: Value| json!({"model": "net", "input": {"tensors": [tensor, rate()]}});
    let good = || x(&json!([1, 2]), &json!([1, 2]));
    let with =
        |params: Value| json!({"model": "net", "input": {"tensors": [good(), rate()]}, "params": params});
    let many: Vec<Value> = (0..65).map(|_| rate()).collect();
    let bodies = [
        one(json!({"name": "x", "datatype": "FP8", "shape": [1], "data": [1]})),
        one(json!({"name": "x", "datatype": "FP32", "shape": [-1], "data": [1]})),
        one(json!({"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2], "base64": ""})),
        one(json!({"name": "x", "datatype": "FP32", "shape": [1, 2], "dtype": "FP32"})),
        one(x(&json!([1, 2]), &json!([1]))),
        one(x(&json!([4096, 4096]), &json!([1]))),
        one(x(&json!([2, 1]), &json!([1, 2]))),
        one(json!({"name": "z", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]})),
        one(json!({"name": "x", "datatype": "FP64", "shape": [1, 2], "data": [1, 2]})),
        one(rate()),
        json!({"model": "net", "inputs": [{"tensors": [good(), rate()]}, {"tensors": [good()]}]}),
        json!({"model": "net", "input": {"tensors": []}}),
        json!({"model": "net", "input": {"tensors": many}}),
        json!({"model": "net", "input": {"tensors": [good(), rate()], "text": "a"}}),
        json!({"model": "net", "input": "words"}),
        with(json!({"outputs": ["z"]})),
        with(json!({"outputs": []})),
        with(json!({"outputs": ["y", "y"]})),
        with(json!({"encoding": "hex"})),
        with(json!({"top_k": 1})),
    ];
    let mut told = Vec::new();
    for body in bodies {
        let answer = app.post("/v1/jobs").json(body).await;
        assert_eq!(answer.status, 422, "{answer}");
        let problem = answer.json();
        let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let limit = problem["limit"].as_u64().map_or_else(String::new, |limit| format!(" ({limit})"));
        told.push(format!("{} at {}{limit}: {}", word("code"), word("field"), word("detail")));
    }
    assert_eq!(app.store.calls("submit"), 0);
    insta::assert_snapshot!(told.join("\n"), @r"
    invalid_field at input.tensors[0].datatype: unknown variant `FP8`, expected one of `BOOL`, `UINT8`, `UINT16`, `UINT32`, `UINT64`, `INT8`, `INT16`, `INT32`, `INT64`, `FP16`, `FP32`, `FP64`, `BF16`, `BYTES`
    invalid_field at input.tensors[0].shape[0]: invalid value: integer `-1`, expected u64
    invalid_field at input.tensors[0]: the tensor `x` must have exactly one of `data` and `base64`
    unknown_field at input.tensors[0].dtype: unknown field `dtype`, expected one of `name`, `datatype`, `shape`, `data`, `base64`
    invalid_field at input.tensors[0].data: the data of the tensor `x` has 1 elements, and the shape [1, 2] has 2
    invalid_field at input.tensors[0].shape (16777216): the tensor `x` is too large: the tensors of an item may have 16777216 bytes together
    invalid_field at input.tensors[0].shape: the model's input is `x`: FP32 [-1, 2], and [2, 1] was given
    invalid_field at input.tensors[0].name: the model has no input `z`; it has `x`, `rate`
    invalid_field at input.tensors[0].datatype: the model's input is `x`: FP32 [-1, 2], and FP64 was given
    invalid_field at input.tensors[1].name: there are two tensors `rate`
    invalid_field at inputs[1].tensors: the model needs the input `rate`: INT64 [] too
    invalid_field at input.tensors: there must be at least one tensor
    invalid_field at input.tensors (64): there are 65 tensors, the limit is 64
    invalid_field at input: an item has either `text`, `tokens`, `image` or `tensors`
    wrong_input at input: the model `net` does tensor and takes no texts
    invalid_params at params.outputs: the model `net` has no output `z`; it has `y`
    invalid_params at params.outputs: `outputs` must be from 1 to 64 names, not 0
    invalid_params at params.outputs: `outputs` has `y` twice
    invalid_params at params.encoding: unknown variant `hex`, expected `json` or `base64`
    invalid_params at params.top_k: unknown field `top_k`, expected `outputs` or `encoding`
    ");
}
