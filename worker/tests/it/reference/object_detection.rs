//! Things in pictures, head by head.

use forebay_shared::job::{Detected, Output};
use forebay_worker::picture::Tensor;
use forebay_worker::pipeline::{ObjectDetection, Pipeline};
use serde_json::json;

use super::{Case, Subject, TOLERANCE, assert_close, expected, reference};

/// The largest difference of a box's edge, in pixels: the reference is rounded to thousandths.
const PIXELS: f32 = 0.01;

/// Compares what is found alone and in batches of `chunk`, and the numbers that led to it, with the reference.
fn compare(name: &str, chunk: usize) {
    let mut subject = Subject::<ObjectDetection>::open(name);
    let cases = expected(name);
    let file = reference().join(format!("expected/{name}.json"));
    let stated: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut params = json!({"threshold": stated["score"]});
    if !stated["overlap"].is_null() {
        params["iou_threshold"] = stated["overlap"].clone();
    }
    let prepare = |subject: &Subject<ObjectDetection>| -> Vec<_> {
        cases.iter().map(|case| subject.prepare(case.material(), &params)).collect()
    };
    let prepared = prepare(&subject);
    let together: Vec<_> = prepared.iter().collect();
    let batched: Vec<_> = together.chunks(chunk).flat_map(|items| subject.run(items)).collect();
    for ((case, prepared), batched) in cases.iter().zip(prepare(&subject)).zip(batched) {
        let single = subject.run(&[&prepared]).remove(0);
        for (single, batched) in single.iter().zip(&batched) {
            assert_close(&batched.values, &single.values, &format!("batched and single: {}", case.name()));
        }
        check_raw(case, &single, name);
        let Output::Objects { objects } = subject.pipeline.finish(prepared, single).unwrap().output else {
            panic!("things were meant")
        };
        check_found(case, &objects);
    }
}

/// The numbers of the rows that the reference names.
fn check_raw(case: &Case, outputs: &[Tensor], name: &str) {
    for row in case.get("raw").as_array().unwrap() {
        let place = usize::try_from(row["row"].as_u64().unwrap()).unwrap();
        let wanted: Vec<f32> = serde_json::from_value(row["values"].clone()).unwrap();
        let got: Vec<f32> = outputs.iter().flat_map(|output| values(output, place, name)).collect();
        // Places in pixels are hundreds, of which a float has six digits.
        let close = got
            .iter()
            .zip(&wanted)
            .all(|(got, wanted)| (got - wanted).abs() <= 1e-3_f32.max(wanted.abs() * 1e-5));
        assert!(got.len() == wanted.len() && close, "{}: {got:?} is not {wanted:?}", case.name());
    }
}

/// What an output says of a place: a row, or a column where places stand side by side.
fn values(output: &Tensor, place: usize, name: &str) -> Vec<f32> {
    match (name, &output.shape[..]) {
        ("toy-yolov8" | "centerface", shape) => {
            let places: usize = shape[1..].iter().product();
            output.values[place..].iter().step_by(places).copied().collect()
        }
        (_, shape) => output.values[place * shape[1]..(place + 1) * shape[1]].to_vec(),
    }
}

fn check_found(case: &Case, found: &[Detected]) {
    let wanted = case.get("detections").as_array().unwrap();
    assert_eq!(found.len(), wanted.len(), "{}: {found:?} is not {wanted:?}", case.name());
    for (found, wanted) in found.iter().zip(wanted) {
        let what = format!("{}: {found:?} is not {wanted}", case.name());
        assert_eq!(found.label, wanted["label"], "{what}");
        let score: f32 = serde_json::from_value(wanted["score"].clone()).unwrap();
        assert!((found.score - score).abs() <= TOLERANCE, "{what}");
        let bounds = found.bounds;
        let mut places = vec![bounds.xmin, bounds.ymin, bounds.xmax, bounds.ymax];
        places.extend(found.points.iter().flat_map(|point| [point.x, point.y]));
        let mut meant: Vec<f32> = serde_json::from_value(wanted["box"].clone()).unwrap();
        meant.extend(
            serde_json::from_value::<Option<Vec<f32>>>(wanted["points"].clone()).unwrap().unwrap_or_default(),
        );
        let close = places.iter().zip(&meant).all(|(place, meant)| (place - meant).abs() <= PIXELS);
        assert!(places.len() == meant.len() && close, "{what}");
    }
}

#[test]
fn what_a_detr_finds_equals_the_reference() {
    compare("toy-detr", 4);
}

#[test]
fn what_a_yolox_finds_equals_the_reference() {
    compare("toy-yolox", 4);
}

#[test]
fn what_a_yolov5_finds_equals_the_reference() {
    compare("toy-yolov5", 4);
}

#[test]
fn what_a_yolov8_finds_equals_the_reference() {
    compare("toy-yolov8", 4);
}

#[test]
fn what_a_graph_has_chosen_itself_equals_the_reference() {
    compare("toy-end-to-end", 4);
}

#[test]
fn what_centernet_finds_equals_the_reference() {
    compare("centernet-coco", 4);
}

#[test]
fn faces_and_their_points_equal_the_reference() {
    compare("centerface", 4);
}

#[test]
fn a_head_is_told_from_its_outputs_where_nobody_names_it() {
    let mut subject = Subject::<ObjectDetection>::open("toy-yolov8");
    let cases = expected("toy-yolov8");
    let params = json!({"threshold": 0.25});
    let named = subject.answer(cases[0].material(), &params);
    subject.model.manifest.detection.head = None;
    subject.model.manifest.image.letterbox = Some(forebay_worker::model::Letterbox::Center);
    subject.pipeline = ObjectDetection::read(&subject.model).unwrap();
    let Output::Objects { objects } = &named else { panic!("things were meant") };
    assert!(!objects.is_empty());
    // Without a head nothing says how far bytes are scaled but what holds for all.
    assert_eq!(subject.answer(cases[0].material(), &params), named);
}
