//! Plain tensors.

use forebay_shared::job::{
    Encoding, FailureCode, Input, Item, Kind, Object, Output, Params, Tensor, TensorBody, TensorSpec,
};
use forebay_worker::pipeline::{Material, Pipeline, PlainTensors};
use serde_json::{Value, json};

use super::{Case, Subject, assert_close, expected, model_as};
use crate::ground::Ground;

/// A case's inputs, as a client would write them.
fn given(case: &Case, inputs: &[TensorSpec]) -> Vec<Tensor> {
    let tensor = |input: &TensorSpec| -> TensorBody {
        let value = &case.get("inputs")[&input.name];
        let (name, datatype) = (&input.name, input.datatype);
        let body =
            json!({"name": name, "datatype": datatype, "shape": value["shape"], "data": value["data"]});
        serde_json::from_value(body).unwrap()
    };
    Tensor::read_all(inputs.iter().map(tensor).collect()).unwrap()
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    let (elements, _) = tensor.bytes.as_chunks();
    elements.iter().map(|element| f32::from_le_bytes(*element)).collect()
}

fn assert_equals_reference(case: &Case, outputs: &[Tensor]) {
    let wanted = case.get("outputs").as_object().unwrap();
    assert_eq!(outputs.len(), wanted.len());
    for output in outputs {
        let wanted = &wanted[&output.name];
        assert_eq!(json!(output.shape), wanted["shape"], "{}", output.name);
        let numbers: Vec<f32> = serde_json::from_value(wanted["data"].clone()).unwrap();
        assert_close(&floats(output), &numbers, &output.name);
    }
}

/// Every case alone and all of them together, which one run does.
fn alone_and_together(name: &str) -> (Subject<PlainTensors>, Vec<(Case, Vec<Tensor>)>) {
    let mut model = Subject::<PlainTensors>::open(name);
    assert_eq!(model.model.card.kind, Kind::Tensor);
    let cases = expected(name);
    let inputs = model.model.card.inputs.clone();
    let items: Vec<_> =
        cases.iter().map(|case| model.prepare(Material::Tensors(given(case, &inputs)), &json!({}))).collect();
    let alone: Vec<_> = items.iter().map(|item| model.run(&[item]).remove(0)).collect();
    let batch: Vec<_> = items.iter().collect();
    assert_eq!(model.pipeline.collate(&batch).unwrap().len(), 1, "all items go side by side");
    let together = model.run(&batch);
    for ((case, alone), together) in cases.iter().zip(&alone).zip(&together) {
        assert_equals_reference(case, alone);
        assert_equals_reference(case, together);
        for (alone, together) in alone.iter().zip(together) {
            assert_close(&floats(together), &floats(alone), "batched and single");
        }
    }
    (model, cases.into_iter().zip(alone).collect())
}

#[test]
fn kinds_of_files_equal_the_reference_alone_and_together() {
    let (model, answered) = alone_and_together("magika");
    assert_eq!(
        model.model.card.inputs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["`bytes`: INT32 [-1, 2048]"]
    );
    for (case, outputs) in answered {
        let scores = floats(&outputs[0]);
        let best = (0..scores.len()).max_by(|one, other| scores[*one].total_cmp(&scores[*other])).unwrap();
        assert_eq!(model.model.card.labels[best], case.get("label").as_str().unwrap());
    }
}

#[test]
fn speech_with_its_state_equals_the_reference_alone_and_together() {
    let (model, answered) = alone_and_together("silero-vad");
    let outputs = &model.model.card.outputs;
    assert_eq!(outputs[0].to_string(), "`output`: FP32 [-1, 1]");
    assert!(answered.iter().all(|(_, outputs)| outputs[1].shape == [2, 1, 128]));
}

#[test]
fn items_that_share_nothing_run_by_themselves() {
    let mut model = Subject::<PlainTensors>::open("silero-vad");
    let inputs = model.model.card.inputs.clone();
    let cases = expected("silero-vad");
    let mut tensors: Vec<_> = cases.iter().take(3).map(|case| given(case, &inputs)).collect();
    let rate = tensors[1].iter_mut().find(|tensor| tensor.name == "sr").unwrap();
    rate.bytes = 8_000_i64.to_le_bytes().to_vec().into();
    let items: Vec<_> =
        tensors.into_iter().map(|item| model.prepare(Material::Tensors(item), &json!({}))).collect();
    let batch: Vec<_> = items.iter().collect();
    assert_eq!(model.pipeline.collate(&batch).unwrap().len(), 2, "one of them has another rate");
    let stacks = model.pipeline.collate(&[batch[0], batch[2]]).unwrap();
    let raw = PlainTensors::run(&mut model.engine, &stacks).unwrap();
    assert_equals_reference(&cases[0], &raw[0]);
    assert_equals_reference(&cases[2], &raw[1]);
}

#[test]
fn outputs_come_as_they_are_asked_for() {
    let mut model = Subject::<PlainTensors>::open("silero-vad");
    let case = expected("silero-vad").remove(3);
    let tensors = given(&case, &model.model.card.inputs.clone());
    let mut ask = |params: &Value| model.answer(Material::Tensors(tensors.clone()), params);
    let Output::Tensors { outputs } = ask(&json!({"outputs": ["stateN", "output"], "encoding": "base64"}))
    else {
        panic!("tensors were meant")
    };
    assert_eq!(outputs.iter().map(|output| &*output.name).collect::<Vec<_>>(), ["stateN", "output"]);
    assert!(outputs.iter().all(|output| output.encoding == Encoding::Base64));
    let Output::Tensors { outputs } = ask(&json!({"outputs": ["output"]})) else {
        panic!("tensors were meant")
    };
    let written = serde_json::to_value(&outputs[0]).unwrap();
    assert_eq!((&written["datatype"], &written["shape"]), (&json!("FP32"), &json!([1, 1])));
    assert!(written["data"][0].is_number() && written.get("base64").is_none());
}

#[test]
fn what_the_graph_does_not_take_or_give_is_named() {
    let model = Subject::<PlainTensors>::open("magika");
    let refused = |tensors: Vec<Tensor>, params: &Value| {
        let params = Params::parse(Kind::Tensor, params.as_object().unwrap()).unwrap();
        let failure = model.pipeline.prepare(Material::Tensors(tensors), params).unwrap_err();
        (failure.code, failure.message)
    };
    let good = given(&expected("magika")[0], &model.model.card.inputs);
    let mut other = good.clone();
    other[0].shape = vec![1, 1024];
    let (code, message) = refused(other, &json!({}));
    assert_eq!(code, FailureCode::WrongTensors);
    assert_eq!(message, "the model's input is `bytes`: INT32 [-1, 2048], and [1, 1024] was given");
    let (code, message) = refused(good, &json!({"outputs": ["label"]}));
    assert_eq!(code, FailureCode::InvalidParams);
    assert_eq!(message, "the model has no output `label`; it has `target_label`");
}

#[test]
fn an_axis_that_the_graph_has_not_is_refused_when_the_model_is_read() {
    let model = model_as("magika", "[tensor]\naxes = {bytes = 0}");
    let error = PlainTensors::read(&model).unwrap_err().to_string();
    assert!(error.contains("tensor.axes: an axis of the output `target_label` is missing"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_with_wrong_tensors_fails_alone() {
    let mut ground = Ground::with_models(&["silero-vad"]).await;
    let worker = ground.start().await;
    let cases = expected("silero-vad");
    let inputs = super::model("silero-vad").card.inputs;
    let item = |tensors| Item { input: Input::Tensors(tensors), params: Object::new() };
    let mut items: Vec<_> = cases.iter().take(3).map(|case| item(given(case, &inputs))).collect();
    let mut wrong = given(&cases[0], &inputs);
    wrong[0].name = "sound".to_owned();
    items[1] = item(wrong);
    // What the graph itself objects to, and nobody before it: a sound that is too short.
    let mut short = given(&cases[2], &inputs);
    (short[0].shape, short[0].bytes) = (vec![1, 3], vec![0; 12].into());
    items.push(item(short));
    let ids = ground.submit(&[ground.job("silero-vad", &items)]).await;
    let job = ground.ended(&ids).await.remove(0);
    let result = ground.result(&job).await;
    assert_eq!(result["items"][1]["error"]["code"], "wrong_tensors", "{}", result["items"][1]);
    for place in [0, 2] {
        let output = &result["items"][place]["output"]["outputs"][0];
        let numbers: Vec<f32> = serde_json::from_value(output["data"].clone()).unwrap();
        let wanted = cases[place].get("outputs")["output"]["data"].clone();
        assert_close(&numbers, &serde_json::from_value::<Vec<f32>>(wanted).unwrap(), "through the line");
    }
    assert_eq!(result["items"][3]["error"]["code"], "inference_failed", "{}", result["items"][3]);
    worker.stop().await;
}
