//! What every place of a picture shows.

use forebay_shared::job::Output;
use forebay_worker::pipeline::{Answer, ImageSegmentation};
use serde_json::{Value, json};

use super::{Subject, assert_close, expected};
use forebay_worker::pipeline::Pipeline;

#[test]
fn classes_equal_the_reference() {
    let mut toy = Subject::<ImageSegmentation>::open("toy-segformer");
    let cases = expected("toy-segformer");
    let prepared: Vec<_> = cases.iter().map(|case| toy.prepare(case.material(), &json!({}))).collect();
    let single: Vec<_> = prepared.iter().map(|item| toy.run(&[item]).remove(0)).collect();
    let batched = toy.run(&prepared.iter().collect::<Vec<_>>());
    for (single, batched) in single.iter().zip(&batched) {
        assert_close(&batched.values, &single.values, "batched and single");
    }
    for ((case, prepared), logits) in cases.iter().zip(prepared).zip(single) {
        let Answer { output, media } = toy.pipeline.finish(prepared, logits).unwrap();
        let Output::Segments { segments, width, height } = output else { panic!("segments were meant") };
        let all = f64::from(width) * f64::from(height);
        for segment in &segments {
            let wanted = case.get("pixels")[&segment.label].as_f64().unwrap();
            let difference = (segment.pixels as f64 - wanted).abs();
            assert!(difference <= 0.001 * all, "{}: {} {difference}", case.name(), segment.label);
        }
        let map = image::load_from_memory(&media[0].bytes).unwrap().into_luma8();
        assert_eq!(map.dimensions(), (width, height));
        let places = case.get("places").as_array().unwrap();
        let (rows, columns) = (places.len(), places[0].as_str().unwrap().len());
        let at = |place: usize, length: u32, of: usize| {
            u32::try_from((place * length as usize + length as usize / 2) / of).unwrap()
        };
        let mut differ = 0;
        for (row, told) in places.iter().enumerate() {
            for (column, told) in told.as_str().unwrap().bytes().enumerate() {
                let class = map.get_pixel(at(column, width, columns), at(row, height, rows)).0[0];
                differ += u32::from(class + b'0' != told);
            }
        }
        assert!(differ <= 1, "{}: {differ} places differ", case.name());
        assert_ne!(Value::Null, json!(segments));
    }
}
