//! What is wrong with a request, by its field.

use super::*;

fn told(read: Result<Call<Reply>, Fault>) -> String {
    let fault = read.unwrap_err();
    format!("{}: {}", fault.field.unwrap_or_default(), fault.message)
}

#[test]
fn texts_and_pictures() {
    let texts_of = |kind, body: &Value| told(read(&card(kind), body));
    let embed = |body: &Value| texts_of(Kind::TextEmbedding, body);
    let named =
        |name: &str| json!({"inputs": [{"name": name, "datatype": "BYTES", "shape": [1], "data": ["a"]}]});
    let twice = json!({"inputs": [named("text")["inputs"][0], named("text")["inputs"][0]]});
    let pairs = json!({"inputs": [
        named("text")["inputs"][0],
        {"name": "text_pair", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
    ]});
    let lines = [
        embed(&texts(&json!([2]), &json!(["a"]))),
        embed(&texts(&json!([1, 2]), &json!(["a", "b"]))),
        embed(&texts(&json!([0]), &json!([]))),
        embed(&texts(&json!([5]), &json!(["a", "a", "a", "a", "a"]))),
        embed(&texts(&json!([1]), &json!([1]))),
        embed(&json!({"inputs": [{"name": "text", "datatype": "FP32", "shape": [1], "data": [1]}]})),
        embed(&named("image")),
        embed(&twice),
        embed(&json!({"inputs": []})),
        texts_of(Kind::Rerank, &pairs),
        texts_of(Kind::ImageClassification, &named("text")),
        texts_of(Kind::ImageClassification, &json!({"inputs": []})),
        texts_of(
            Kind::ImageClassification,
            &json!({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["%"]}]}),
        ),
        told(read_with(
            &card(Kind::ImageClassification),
            &json!({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2],
                "parameters": {"binary_data_size": 5}}]}),
            &strings(&[b"a"]),
        )),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    inputs[0]: the data of the tensor `text` has 1 elements, and the shape [2] has 2
    inputs[0]: the input `text` has the shape [n] or [n, 1], and [1, 2] was given
    inputs[0]: the tensor `text` has the shape [0]: every axis must be at least 1
    inputs[0]: the input `text` has 5 elements, the limit is 4
    inputs[0]: the data of the tensor `text` has 1 as element 0, which is no BYTES
    inputs[0]: the input `text` is BYTES, and FP32 was given
    inputs[0]: the model `m` has no input `image`; it has `text`
    inputs[1]: the input `text` is given twice
    inputs: the model `m` needs the input `text`
    inputs: `text` has 1 elements and `text_pair` has 2: give as many of both
    inputs[0]: the model `m` has no input `text`; it has `image`
    inputs: the model `m` needs the input `image`
    inputs[0]: an element of the input `image` is not base64, which files are in JSON
    inputs[0]: the input `image` does not consist of 2 elements with their lengths before them
    ");
}

#[test]
fn tensors_and_bytes() {
    let rate = || json!({"name": "rate", "datatype": "INT64", "shape": [], "data": [1]});
    let behind = |size: u64| {
        json!({"inputs": [
            {"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": size}},
            rate(),
        ], "outputs": [{"name": "y"}]})
    };
    let x = |x: Value| read(&net(), &json!({"inputs": [x, rate()], "outputs": [{"name": "y"}]}));
    let half = json!({"name": "x", "datatype": "FP16", "shape": [1, 2], "data": [1, 2]});
    let body: Bytes = behind(8).to_string().into();
    let short = Request { card: &net(), body: &body, json: Some(9999), most: 4 };
    let lines = [
        told(read(&net(), &behind(8))),
        told(read_with(&net(), &behind(8), &[0; 7])),
        told(read_with(&net(), &behind(8), &[0; 9])),
        told(read_with(&net(), &behind(4), &[0; 4])),
        told(short.read()),
        told(x(half)),
        told(x(json!({"name": "x", "datatype": "FP32", "shape": [1, 2]}))),
        told(x(json!({"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2],
            "parameters": {"shared_memory_region": "r"}}))),
        told(x(json!({"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [1, 2]}))),
        told(x(json!({"name": "z", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}))),
        told(read(&net(), &json!({"inputs": [rate()], "outputs": [{"name": "y"}]}))),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    inputs[0]: the input `x` has `binary_data_size`, and the header `Inference-Header-Content-Length` is missing
    inputs[0]: the input `x` has 8 bytes, and the body has 7 left for it
    inputs: the body has 1 bytes that belong to no input
    inputs[0].data: the data of the tensor `x` has 4 bytes, and FP32 of the shape [1, 2] has 8
    : the header `Inference-Header-Content-Length` says 9999 bytes of JSON, and the body has 175
    inputs[0]: the input `x` is FP16, which has no form in JSON: send it as bytes
    inputs[0]: the input `x` must have either `data` or the parameter `binary_data_size`
    inputs[0].parameters.shared_memory_region: unknown field `shared_memory_region`, expected `binary_data_size`
    inputs[0].shape: the model's input is `x`: FP32 [-1, 2], and [2, 1] was given
    inputs[0].name: the model has no input `z`; it has `x`, `rate`
    inputs: the model needs the input `x`: FP32 [-1, 2] too
    ");
}

#[test]
fn outputs_and_parameters() {
    let given = || {
        json!([
            {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]},
            {"name": "rate", "datatype": "INT64", "shape": [], "data": [1]},
        ])
    };
    let wanted = |outputs: Value| told(read(&net(), &json!({"inputs": given(), "outputs": outputs})));
    let ordered = |parameters: Value| {
        told(read(&net(), &json!({"inputs": given(), "outputs": [{"name": "y"}], "parameters": parameters})))
    };
    let lines = [
        wanted(json!([{"name": "z"}])),
        wanted(json!([{"name": "y"}, {"name": "y"}])),
        wanted(json!([{"name": "y", "parameters": {"classification": 3}}])),
        wanted(json!([{"name": "half"}])),
        wanted(json!([])),
        ordered(json!({"priority": -1})),
        ordered(json!({"timeout": "soon"})),
        ordered(json!({"binary_data_output": 1})),
        told(read(&net(), &json!({"inputs": given(), "raw": true}))),
        told(read(&net(), &json!([]))),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    outputs[0].name: the model `m` has no output `z`; it has `y`, `half`
    outputs[1].name: the output `y` is wanted twice
    outputs[0].parameters.classification: unknown field `classification`, expected `binary_data`
    outputs: the output `half` is FP16, which has no form in JSON: ask for `binary_data`
    outputs: the output `half` is FP16, which has no form in JSON: ask for `binary_data`
    parameters.priority: the parameter `priority` must be a whole number from 0
    parameters.timeout: the parameter `timeout` must be a whole number from 0
    parameters.binary_data_output: the parameter `binary_data_output` must be true or false
    raw: unknown field `raw`, expected one of `id`, `parameters`, `inputs`, `outputs`
    : the request must be a JSON object
    ");
}
